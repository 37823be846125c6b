"""Hooks: attached and taken away from any thread."""

from __future__ import annotations

import threading
from typing import final

from otpy.kernel import events


@final
class InBetween(str):
    """A name for which *job* is run on another thread when it is looked up for the second time."""

    __slots__ = ("job", "looks")

    def __hash__(self) -> int:
        self.looks = getattr(self, "looks", 0) + 1
        if self.looks == 2:
            self.job = threading.Thread(target=events.attach, args=(str(self), second))
            self.job.start()
            self.job.join(0.1)  # who has to wait for us does not end before we do
        return super().__hash__()


heard: list[str] = []


def first() -> None:
    """Hear of it."""
    heard.append("first")


def second() -> None:
    """Hear of it too."""
    heard.append("second")


def test_two_threads_that_attach_at_once_are_both_heard() -> None:
    """Each reads what there is and writes it back with its own hook."""
    name = InBetween("test.at_once")
    detach = events.attach(name, first)
    name.job.join()
    events.emit(str(name))
    assert sorted(heard) == ["first", "second"]
    detach()
    events.emit(str(name))
    assert sorted(heard) == ["first", "second", "second"]
