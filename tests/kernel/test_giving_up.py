"""Work that a process does for others, who may give it up at any moment."""

from __future__ import annotations

import threading
from typing import Any

import otpy
from otpy.kernel.giving_up import GIVEN_UP, Work
from tests.support import inside


class GivesUpThen:
    """A lock: when somebody leaves it for the first time, the work of *process* is given up at once."""

    def __init__(self, work: Work, process: Any) -> None:
        self._lock = threading.Lock()
        self._work = work
        self._process = process
        self._left = 0

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._left += 1
        if self._left == 1:
            self._work.give_up(self._process)


@inside
def test_work_that_is_given_up_the_moment_it_begins_leaves_no_fence() -> None:
    """Its process would end with what was meant for the work alone."""
    me: Any = otpy.self_pid()
    work = Work()
    work._lock = GivesUpThen(work, me)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]  # the moment cannot be met otherwise
    assert work.run(me, str) is GIVEN_UP
    assert not me.fenced
    assert me.dying is None


@inside
def test_work_that_is_given_up_before_it_begins_never_does() -> None:
    """Whoever has given it up counts on that."""
    me: Any = otpy.self_pid()
    work, done = Work(), list[Any]()
    work.give_up(me)
    assert work.run(me, done.append) is GIVEN_UP
    assert done == []
    assert not me.fenced
