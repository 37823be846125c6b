"""Tracebacks that show each frame the text that it runs, also where its file says something else by now.

A module that has a file keeps the file's name in its code, so that breakpoints and editors find it. Code of an earlier
version, which a generator or a thread may still be in the middle of, has that name too. It is noted here when another
version takes its place; `format_exception` shows it under the name of its own version, `<otpy shop.cart 1>`.
"""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from types import CodeType, TracebackType
from typing import Final

from otpy.code.codes import every_code
from otpy.code.journal import Journal

_superseded: Final[dict[int, tuple[weakref.ref[CodeType], str]]] = {}
"""By the id of a code object: it, and the file name of the version that it is from."""


def supersede(codes: Iterable[CodeType], filename: str, journal: Journal) -> None:
    """Note that *codes*, and all code in them, are from the version with that *filename*, and no longer the current."""
    found = [code for outer in codes for code in every_code(outer)]
    journal.write(f"text of {filename}", lambda: [_superseded.pop(id(code), None) for code in found])
    for code in found:
        _superseded[id(code)] = weakref.ref(code, partial(_forget, id(code))), filename


def _forget(key: int, _gone: object) -> None:
    _superseded.pop(key, None)


def filename_of(code: CodeType) -> str:
    """The name under which `linecache` has the text that *code* was made from."""
    noted = _superseded.get(id(code))
    return noted[1] if noted is not None and noted[0]() is code else code.co_filename


def format_exception(error: BaseException) -> str:
    """As `traceback.format_exception`, with the right text for every frame."""
    return "".join(told(error).format())


def told(error: BaseException) -> traceback.TracebackException:
    """As `traceback.TracebackException.from_exception`, with the right text for every frame."""
    made = traceback.TracebackException.from_exception(error)
    _correct(made, error)
    return made


def _correct(told: traceback.TracebackException, error: BaseException) -> None:
    """Put the right names and lines into *told*, and into what it was caused by."""
    for index, (frame, code) in enumerate(zip(told.stack, _codes(error.__traceback__), strict=False)):
        filename = filename_of(code)
        if filename != frame.filename:
            told.stack[index] = traceback.FrameSummary(filename, frame.lineno, frame.name)
    for inner, cause in ((told.__cause__, error.__cause__), (told.__context__, error.__context__)):
        if inner is not None and cause is not None:
            _correct(inner, cause)
    if isinstance(error, BaseExceptionGroup):
        for inner, part in zip(told.exceptions or (), error.exceptions, strict=False):
            _correct(inner, part)


def _codes(step: TracebackType | None) -> Iterator[CodeType]:
    while step is not None:
        yield step.tb_frame.f_code
        step = step.tb_next
