"""A version of a module: an immutable value made from its source text."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from types import CodeType
from typing import TypeAlias

from otpy.code.compiler import compile_tree, future_flags, parse
from otpy.code.definitions import Definition, definitions
from otpy.code.sources import version_filename

Vsn: TypeAlias = Hashable
"""What a module calls its version: its `__vsn__`, or a hash of its definitions."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the module *name*. `number` counts the versions of a module in this interpreter, from 1.

    `filename` is the name under which tracebacks and `inspect` find its text; `path` is the file that the module comes
    from, None if it has none. Two versions are equal when name, number and source are.
    """

    name: str
    number: int
    source: str = field(repr=False)
    sha256: str
    vsn: Vsn = field(compare=False)
    path: str | None
    filename: str
    definitions: tuple[Definition, ...] = field(repr=False, compare=False)
    doc: str | None = field(repr=False, compare=False)
    tree: ast.Module = field(repr=False, compare=False)
    code: CodeType = field(repr=False, compare=False)
    flags: int = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """Short, for people: `shop.cart 2 (vsn 1.1)`."""
        return f"{self.name} {self.number} (vsn {self.vsn})"


def read_version(name: str, source: str, *, number: int = 1, path: str | None = None) -> Version:
    """The version of module *name* that *source* is.

    *path* is the file that it comes from: the place that errors name.

    Raises: CompilationFailed.
    """
    shown = path or version_filename(name, number)
    filename = version_filename(name, number)
    tree = parse(source, shown)
    code = compile_tree(tree, source, filename, shown=shown)
    found = definitions(tree)
    return Version(
        name=name,
        number=number,
        source=source,
        sha256=sha256(source.encode(errors="surrogatepass")).hexdigest(),
        vsn=vsn_of(found),
        path=path,
        filename=filename,
        definitions=found,
        doc=ast.get_docstring(tree, clean=False),
        tree=tree,
        code=code,
        flags=future_flags(tree),
    )


def vsn_of(found: tuple[Definition, ...]) -> Vsn:
    """The literal that `__vsn__` is bound to, else a hash of all definitions, whatever their order."""
    for definition in found:
        match definition.nodes:
            case (ast.Assign(targets=[ast.Name("__vsn__")], value=value),):
                try:
                    literal = ast.literal_eval(value)
                    hash(literal)
                except (ValueError, TypeError):
                    break
                return literal  # type: ignore[no-any-return]  # hash() has just shown that it is Hashable
            case _:
                pass
    digest = sha256()
    for own in sorted(f"{d.name}={d.own};" for d in found):
        digest.update(own.encode())
    return digest.hexdigest()[:16]
