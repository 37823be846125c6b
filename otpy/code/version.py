"""A version of a module: an immutable value made from its source text."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from types import CodeType

from otpy.code.cache import cache
from otpy.code.definitions import Definition, fingerprints
from otpy.code.parsed import Parsed, Vsn, vsn_of
from otpy.code.sources import version_filename

__all__ = ["Version", "Vsn", "read_version", "vsn_of"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the module *name*. `number` counts the versions of a module in this interpreter, from 1.

    `filename` is the name under which tracebacks and `inspect` find its text; `path` is the file that the module comes
    from, None if it has none. Two versions are equal when name, number and source are.
    """

    name: str
    number: int
    path: str | None
    filename: str
    parsed: Parsed = field(repr=False, compare=False)
    sha256: str

    @property
    def source(self) -> str:
        """Its text."""
        return self.parsed.source

    @property
    def vsn(self) -> Vsn:
        """Its `__vsn__`, or a hash of its definitions."""
        return self.parsed.vsn

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """Its top-level statements, in their order."""
        return self.parsed.definitions

    @property
    def doc(self) -> str | None:
        """The docstring of the module."""
        return self.parsed.doc

    @property
    def tree(self) -> ast.Module:
        """The syntax tree; not to be changed."""
        return self.parsed.statements.tree

    @property
    def code(self) -> CodeType:
        """The code of the whole module, not filed under any name yet."""
        return self.parsed.code

    @property
    def flags(self) -> int:
        """The compiler flags that its `from __future__` imports ask for."""
        return self.parsed.flags

    def compiled(self, definition: Definition, filename: str) -> CodeType:
        """The code of one of its definitions alone, to be run."""
        return self.parsed.statements.compiled(definition.place, filename, self.flags)

    def fingerprints(self) -> dict[str, str]:
        """For each definition a hash of it and of all that it uses when it is defined, followed to the end."""
        return fingerprints(self.definitions)

    @property
    def label(self) -> str:
        """Short, for people: `shop.cart 2 (vsn 1.1)`."""
        return f"{self.name} {self.number} (vsn {self.vsn})"


def read_version(name: str, source: str, *, number: int = 1, path: str | None = None) -> Version:
    """The version of module *name* that *source* is. Cheap when the same source was read before.

    *path*: the file that it comes from, the place that errors name.

    Raises: CompilationFailed.
    """
    filename = version_filename(name, number)
    parsed = cache.read(source, shown=path or filename)
    return Version(name, number, path, filename, parsed, parsed.sha256)
