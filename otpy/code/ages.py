"""Which version of its module a piece of running code is from.

A frame keeps the code object that it began with, whatever an upgrade makes of the function. So code is compared with
that of every version that is known, newest first. Where the lines have moved it is still the same code: a definition
that a newer version left alone is that version's, not an old one's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Final, final

from otpy.code.baseline import home_of
from otpy.code.codes import every_code
from otpy.code.history import histories
from otpy.code.version import Version

UNKNOWN: Final = -1
"""The number of a version that is not kept any more, or never was known."""


@final
@dataclass(slots=True)
class Ages:
    """The code of all known versions of the module *name*."""

    name: str
    current: int = 0
    """The number of the version that runs; 0 if the module was never changed: then none of its code is old."""
    versions: dict[int, Version] = field(default_factory=dict)
    _namespace: object = None
    _home: str | None = None
    _numbers: dict[CodeType, int] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str) -> Ages:
        """Read what is known of module *name*."""
        known = histories.versions(name)
        live = sys.modules.get(name)
        numbers = {plain(code): version.number for version in known for code in every_code(version.code)}
        current = known[-1].number if known else 0
        return cls(name, current, {v.number: v for v in known}, vars(live) if live else None, home_of(live), numbers)

    def number(self, frame: FrameType) -> int | None:
        """The number of the newest version that has the code of *frame*, or UNKNOWN; None if it is not the module's."""
        code = frame.f_code
        if frame.f_globals is not self._namespace or not self._is_text(code.co_filename):
            return None
        return self._numbers.get(plain(code), UNKNOWN)

    def file(self, frame: FrameType, number: int) -> str:
        """The name of the text that the lines of *frame* count in."""
        version = self.versions.get(number)
        return frame.f_code.co_filename if version is None or number == self.current else version.filename

    def _is_text(self, filename: str) -> bool:
        """Whether *filename* is a text of the module: not that of code which something generated in it."""
        return filename == self._home or filename.startswith(f"<otpy {self.name} ")


def plain(code: CodeType) -> CodeType:
    """*code* without its place: equal for what differs only in file and lines."""
    constants = tuple(plain(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename="", co_firstlineno=1, co_linetable=b"", co_consts=constants)
