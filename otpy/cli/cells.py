"""Lines of a shell, put together to pieces that can be run: what Python's own prompt would take as one."""

from __future__ import annotations

import ast
import codeop
import re
import warnings
from typing import Final, final

_GOES_ON: Final = re.compile(r"(else|elif|except|finally)\b|[)\]}#]")
"""How a line without indentation begins that belongs to the statement above it."""


@final
class Cells:
    """Takes lines, and gives back what is complete.

    A block is complete at an empty line, as at Python's prompt, and also where a line follows that cannot belong to it:
    so a file may be piped in, or pasted, as it is.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    @property
    def open(self) -> bool:
        """Whether something has begun that is not complete."""
        return bool(self._lines)

    def add(self, line: str) -> list[str]:
        """Take one more *line*; return the pieces that are complete by it."""
        done: list[str] = []
        if self._lines and line.strip() and not line[0].isspace() and not _GOES_ON.match(line) and self._ends():
            done.append(self._taken())
        self._lines.append(line)
        if not any(each.strip() for each in self._lines):
            self._lines.clear()
        elif not incomplete("\n".join(self._lines)):
            done.append(self._taken())
        return done

    def end(self) -> list[str]:
        """Return what was begun, complete or not: there are no more lines."""
        return [self._taken()] if self._lines else []

    def drop(self) -> None:
        """Forget what was begun."""
        self._lines.clear()

    def _ends(self) -> bool:
        """Whether what was begun would be complete with an empty line: a block, and no open bracket or string."""
        return not incomplete("\n".join([*self._lines, ""]))

    def _taken(self) -> str:
        taken = "\n".join(self._lines)
        self._lines.clear()
        return taken


def incomplete(source: str) -> bool:
    """Whether more lines have to come. What is wrong is complete: the node says what is wrong with it."""
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the node says them, once
        try:
            return compiler(source, "<input>", "single") is None
        except (SyntaxError, ValueError, OverflowError):
            return False
