"""What finds the live classes although it runs in a mirror: the failure of a trial that uses it proves nothing.

`pickle` compares classes with those in `sys.modules`, `get_type_hints` looks names up there, and a class knows its
subclasses by itself: no mirror can be put before that. Whether an error may have come of it is told by what the code
names whose frames it has passed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Final

from otpy.upgrade.mirror_names import names_in

FINDERS: Final = frozenset({"pickle", "get_type_hints", "__subclasses__"})


def looks_past(errors: Iterable[BaseException]) -> list[str]:
    """Return, in words, what the code that raised *errors* uses of these."""
    found = (
        f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname} uses {name}, which finds the live classes"
        for error in errors
        for frame in _frames(error)
        if not _is_of_a_library(frame)
        for name in sorted(FINDERS.intersection(names_in(frame.f_code)))
    )
    return list(dict.fromkeys(found))


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that *error*, and what it was raised from, has passed."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        step = each.__traceback__
        while step is not None:
            yield step.tb_frame
            step = step.tb_next
        todo += (each.__cause__, each.__context__)


def _is_of_a_library(frame: FrameType) -> bool:
    top = str(frame.f_globals.get("__name__")).partition(".")[0]
    return top == "otpy" or top in sys.stdlib_module_names
