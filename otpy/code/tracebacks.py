"""Tracebacks that show each frame the text that it runs, also where its file says something else by now.

A module that has a file keeps the file's name in its code, so that breakpoints and editors find it. Code of an earlier
version, which a generator or a thread may still be in the middle of, has that name too, and `linecache` knows one text
for a name. So such code is noted when another version takes its place, and `traceback`, which `logging` and others
print with, is taught to show it under the name of its own version, `<otpy shop.cart 1>`. It is taught when there is
something to show, at the one place through which it makes all its summaries.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable
from functools import cache, partial
from traceback import FrameSummary, StackSummary
from types import CodeType, FrameType
from typing import Any, Final

from otpy.code.codes import every_code
from otpy.code.journal import Journal

_superseded: Final[dict[int, tuple[weakref.ref[CodeType], str]]] = {}
"""By the id of a code object: it, and the file name of the version that it is from."""


def supersede(codes: Iterable[CodeType], filename: str, journal: Journal) -> None:
    """Note that *codes*, and all code in them, are from the version with that *filename*, and no longer the current."""
    found = [code for outer in codes for code in every_code(outer)]
    if found:
        _teach()
    journal.write(f"text of {filename}", lambda: [_superseded.pop(id(code), None) for code in found])
    for code in found:
        _superseded[id(code)] = weakref.ref(code, partial(_forget, id(code))), filename


def _forget(key: int, _gone: object) -> None:
    _superseded.pop(key, None)


def filename_of(code: CodeType) -> str:
    """The name under which `linecache` has the text that *code* was made from."""
    noted = _superseded.get(id(code))
    return noted[1] if noted is not None and noted[0]() is code else code.co_filename


@cache
def _teach() -> None:
    """Have every StackSummary corrected when it has been made; a Python that makes them otherwise is left alone."""
    extract: Any = getattr(StackSummary, _EXTRACT, None)
    if extract is None:
        return

    def extract_and_correct(
        cls: type[StackSummary], frames: Iterable[tuple[FrameType, Any]], /, **how: Any
    ) -> StackSummary:
        codes: list[CodeType] = []
        made: StackSummary = extract.__func__(cls, _noting(frames, codes), **how)
        left_out = len(codes) - len(made)  # at the front, where a limit is on the last ones; else the rest is not asked
        for index, code in enumerate(codes[left_out:]):
            if id(code) in _superseded:
                made[index] = _refiled(made[index], filename_of(code))
        return made

    setattr(StackSummary, _EXTRACT, classmethod(extract_and_correct))


_EXTRACT: Final = "_extract_from_extended_frame_gen"


def _noting(frames: Iterable[tuple[FrameType, Any]], codes: list[CodeType]) -> Generator[tuple[FrameType, Any]]:
    for frame, positions in frames:
        codes.append(frame.f_code)
        yield frame, positions


def _refiled(frame: Any, filename: str) -> Any:
    """*frame* under the name *filename*; types of the standard library do not tell all that it has."""
    made: Any = FrameSummary(
        filename,
        frame.lineno,
        frame.name,
        lookup_line=False,
        end_lineno=frame.end_lineno,
        colno=frame.colno,
        end_colno=frame.end_colno,
    )
    made.locals = frame.locals
    return made
