"""A finding: one place in a source where a rule has something to say, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What *rule* says of one place; prints as `file:line:column: rule: message (advice)`.

    *line* and *column* count from 1. *advice* is what to do instead in otpy. *path* is the file that the source is
    from, None if it has none: then the name of the module stands in its place. *where* is the qualified name of the
    function or class around it, "" at the top level; *code* the text of the expression, written the standard way.
    """

    module: str
    line: int
    column: int
    rule: str
    message: str
    advice: str
    path: str | None = None
    where: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{self.path or self.module}:{self.line}:{self.column}: {self.rule}: {self.message} ({self.advice})"

    @property
    def likeness(self) -> tuple[str, str, str]:
        """What two findings share when a line was only moved: the rule, the definition around it, and the code."""
        return (self.rule, self.where, self.code)
