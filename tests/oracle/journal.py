"""The journal of one scenario: the log of events, and who is who.

Scripts write to it from whatever thread they run on, and the runtime's own event `process.exit` does for deaths, so one
plain lock guards it; nothing waits under that lock.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, final

import otpy
from tests.oracle.compare import Event
from tests.oracle.forms import Form, Writer


@final
class Incarnation:
    """One attempt to start the process *label*: *name* says which, and *fields* do in its events.

    `started` is None until it is known whether the start succeeded. Deaths are written before that may be known (a
    supervisor can die before its starter goes on), so what counts is the answer at the time the log is taken.
    """

    def __init__(self, label: str, number: int, *, numbered: bool = True) -> None:
        self.label = label
        self.number = number
        self.name = f"{label}#{number}" if numbered else label
        self.fields: tuple[Form, ...] = (label, number) if numbered else (label,)
        self.pid: otpy.Pid | None = None
        self.started: bool | None = None
        self.unlinked = False  # from its supervisor, which may not know of its death then
        self.exit: Form = None

    @property
    def alive(self) -> bool:
        """Whether its start succeeded and it has not ended."""
        return bool(self.started) and self.exit is None


@final
class Journal:
    """What has happened in one scenario."""

    def __init__(self, writer: type[Writer] = Writer) -> None:
        self.writer = writer(self.name_of)
        self._lock = threading.Lock()
        self._log: list[tuple[Event, Incarnation | None]] = []
        self._length = 0
        self._attempts: Counter[str] = Counter()
        self._by_pid: dict[otpy.Pid, Incarnation] = {}
        self._by_name: dict[str, Incarnation] = {}
        self._latest: dict[str, Incarnation] = {}

    # -- who is who

    def attempt(self, label: str) -> int:
        """Count one more attempt to start *label*, and return its number."""
        with self._lock:
            self._attempts[label] += 1
            return self._attempts[label]

    def bind(self, incarnation: Incarnation, pid: otpy.Pid) -> None:
        """Note that *pid* is *incarnation*."""
        with self._lock:
            incarnation.pid = pid
            self._by_pid[pid] = incarnation
            self._by_name[incarnation.name] = incarnation

    def decide(self, incarnation: Incarnation, *, started: bool) -> None:
        """Note whether the start of *incarnation* succeeded; from then on its label means it."""
        with self._lock:
            incarnation.started = started
            if started:
                self._latest[incarnation.label] = incarnation

    def latest(self, label: str) -> Incarnation | None:
        """Return the incarnation of *label* that was started last, dead or alive."""
        with self._lock:
            return self._latest.get(label)

    def find(self, pid: otpy.Pid) -> Incarnation | None:
        """Return the incarnation that *pid* is."""
        with self._lock:
            return self._by_pid.get(pid)

    def named(self, name: str) -> Incarnation | None:
        """Return the incarnation with this name, if it ever was a process."""
        with self._lock:
            return self._by_name.get(name)

    def alive(self) -> list[Incarnation]:
        """Return all that live."""
        with self._lock:
            return [incarnation for incarnation in self._by_pid.values() if incarnation.alive]

    def name_of(self, pid: otpy.Pid) -> str:
        """Return the name of *pid*; the recordings call everybody `other` who has no part in the scenario."""
        incarnation = self.find(pid)
        return "other" if incarnation is None else incarnation.name

    # -- the log

    def write(self, *event: Form, of: Incarnation | None = None) -> None:
        """Write down *event*; one about an incarnation *of* something counts only if that was started."""
        with self._lock:
            self._log.append((list(event), of))
            self._length += 1

    def __len__(self) -> int:
        """Return how many events were written down in all."""
        with self._lock:
            return self._length

    def take(self) -> list[Event]:
        """Return the events since the last time."""
        with self._lock:
            log, self._log = self._log, []
        return [event for event, of in log if of is None or of.started]

    @contextmanager
    def recording_exits(self) -> Generator[None]:
        """Write down every death of a known process, before its links and monitors are told of it."""
        detach = otpy.events.attach("process.exit", self._exited)
        try:
            yield
        finally:
            detach()

    def _exited(self, *, pid: otpy.Pid, reason: Any) -> None:
        incarnation = self.find(pid)
        if incarnation is not None:
            why = self.writer.form(reason)
            incarnation.exit = why
            self.write("exit", *incarnation.fields, why, of=incarnation)
