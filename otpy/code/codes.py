"""The code objects of one source text: those of each definition, and the one that a living function is from.

They are found in the code of the whole module by their lines, which tell what no name does: five lambdas have one name.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, final

if TYPE_CHECKING:
    from otpy.code.definitions import Definition
    from otpy.code.parsed import Parsed

CodeKey: TypeAlias = tuple[str, CodeType]
"""Qualified name and code. Code objects are equal when name, lines and instructions are, whatever their file name."""


class Known(NamedTuple):
    """A code object of a text, and the line of the definition that it is from; 0 if it is from none."""

    code: CodeType
    line: int


@final
class Codes:
    """All code of one source text, under the file name of no version."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        placed = [d for d in parsed.definitions if d.kind != "annotations"]
        self._lines = [d.line for d in placed]
        self._shared = {d.line for one, two in pairwise(placed) if one.end_line >= two.line for d in (one, two)}
        self._by_line: dict[int, list[CodeType]] = {}
        for code in inner(parsed.code):
            self._by_line.setdefault(self._line_of(code), []).append(code)

    def of(self, definition: Definition) -> list[CodeType]:
        """The code objects directly in *definition*."""
        if self.is_shared(definition.line):
            # Two statements on one line: their code cannot be told apart by lines.
            parsed = self._parsed
            found = inner(parsed.statements.compiled(definition.place, parsed.code.co_filename, parsed.flags))
            return [self.find(code) or code for code in found]
        return self._by_line.get(definition.line, [])

    def is_shared(self, line: int) -> bool:
        """Whether several definitions have a part in *line*."""
        return line in self._shared

    def find(self, code: CodeType) -> CodeType | None:
        """The one that *code* is equal to; None if it is not from this text."""
        known = self.known.get((code.co_qualname, code))
        return known.code if known is not None else None

    @cached_property
    def known(self) -> dict[CodeKey, Known]:
        """Every code but that of the module itself; of those that are equal, the first."""
        found: dict[CodeKey, Known] = {}
        for line, codes in self._by_line.items():
            for outer in codes:
                for code in every_code(outer):
                    found.setdefault((code.co_qualname, code), Known(code, line))
        return found

    def _line_of(self, code: CodeType) -> int:
        index = bisect_right(self._lines, code.co_firstlineno) - 1
        return self._lines[index] if index >= 0 else 0


def inner(code: CodeType) -> list[CodeType]:
    """The code objects directly in *code*."""
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def every_code(code: CodeType) -> list[CodeType]:
    """*code* and all code in it."""
    found = [code]
    for each in found:  # grows as it is walked
        found += inner(each)
    return found
