"""After an upgrade: watch the upgraded processes for a while, and go back if they do badly.

`Health` collects facts (crashes and restarts from the event hooks, the rest by looking), `verdict` decides: pure. The
watch itself looks every now and then until the window is over; it asks nobody and sends nothing to those it watches.

Source: RUNTIME.md (probation); the limits are those of UPGRADE.md, step 12.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, final
from weakref import WeakSet

import msgspec

from otpy.behaviours.events.handler import Handler, parts_of
from otpy.errors import ReceiveTimeout
from otpy.kernel import events
from otpy.kernel.primitives import receive
from otpy.kernel.process import RUNNING, Process
from otpy.kernel.runtime import Runtime
from otpy.upgrade.members import is_concerned, processes_of
from otpy.upgrade.options import WatchPolicy

Concerned = Callable[[type], bool]

_LOOKS = 100
"""Looks in one window."""
_SHORTEST = 0.01
"""Seconds between two looks, at least."""


class Sample(msgspec.Struct, frozen=True):
    """What one look at the watched processes gives."""

    processes: int = 0
    memory: int = 0
    """Bytes, of the whole interpreter."""
    waiting: int = 0
    """Messages that wait for one of them."""
    slowest: float = 0.0
    """Seconds that the message under way takes so far, of the slowest."""


class Health(msgspec.Struct, frozen=True):
    """The facts of one window so far, against those *before*."""

    before: Sample
    now: Sample
    crashes: int = 0
    restarts: int = 0


def verdict(health: Health, policy: WatchPolicy) -> str | None:
    """Return which limit of *policy* was passed, in words; None if all is well."""
    now, before = health.now, health.before
    share = health.crashes / max(before.processes, 1)
    facts = (
        ("crashes of upgraded processes", health.crashes, policy.max_crashes),
        ("share of crashed processes", share, policy.error_threshold),
        ("restarts", health.restarts, policy.max_restarts),
        ("bytes of memory more", now.memory - before.memory, policy.max_memory),
        ("messages more that wait", now.waiting - before.waiting, policy.max_mailbox),
        ("seconds for one message", now.slowest, policy.max_handler_time),
    )
    for what, found, limit in facts:
        if limit is not None and found > limit:
            return f"{what}: {found:.6g}, where at most {limit:.6g} is allowed"
    return None


@final
class Watch:
    """One watch; `wait` watches, and `stop` ends it early, for instance because the next upgrade has come.

    *concerned* says which classes are watched. Crashes count from `listen` on, which is called before anybody goes on.
    """

    def __init__(
        self,
        runtime: Runtime,
        policy: WatchPolicy,
        concerned: Concerned,
    ) -> None:
        self.runtime = runtime
        self.policy = policy
        self._concerned = concerned
        self._crashes = 0
        self._restarts = 0
        self._gone: WeakSet[Process] = WeakSet()
        self.stopped = False
        self._under_way: dict[Process, tuple[int, float]] = {}
        self._before = self.sample()
        self._hooks: list[Callable[[], None]] = []

    def listen(self) -> None:
        """Begin to count."""
        self._hooks = [
            events.attach("process.crash", self._crashed),
            events.attach("handler.crash", self._handler_crashed),
            events.attach("process.exit", self._ended),
            events.attach("supervisor.restart", self._restarted),
        ]

    def stop(self) -> None:
        """End it, whatever the outcome would have been."""
        self.stopped = True
        self._deafen()

    def _deafen(self) -> None:
        for detach in self._hooks:
            detach()

    def health(self) -> Health:
        """Return the facts so far."""
        return Health(self._before, self.sample(), self._crashes, self._restarts)

    def sample(self) -> Sample:
        """Look once, at what the policy limits: going through a hundred thousand processes is not free."""
        policy = self.policy
        one_by_one = (policy.error_threshold, policy.max_mailbox, policy.max_handler_time)
        watched = [] if one_by_one == (None, None, None) else self._watched()
        return Sample(
            processes=len(watched),
            memory=0 if policy.max_memory is None else memory_in_use(),
            waiting=0 if policy.max_mailbox is None else sum(map(_waiting, watched)),
            slowest=0.0 if policy.max_handler_time is None else self._slowest(watched),
        )

    def _watched(self) -> list[Process]:
        return processes_of(self._concerned, self.runtime.processes())

    def _slowest(self, watched: list[Process]) -> float:
        """Return for how long the message under way has been handled, by who has been at it for longest.

        A message has ended when its process counts one more; so between two looks it is only known that it began
        before the first of them.
        """
        now = self.runtime.clock.now()
        before, self._under_way = self._under_way, {}
        longest = 0.0
        for process in watched:
            if process.bar is not RUNNING:
                continue
            handled = process.reductions
            since = before.get(process, (handled, now))
            self._under_way[process] = since if since[0] == handled else (handled, now)
            longest = max(longest, now - self._under_way[process][1])
        return longest

    def _crashed(self, *, pid: Process, **_facts: Any) -> None:
        if pid.runtime is self.runtime and is_concerned(pid, self._concerned):
            self._crashes += 1

    def _handler_crashed(self, *, pid: Process, handler: Handler, **_facts: Any) -> None:
        if pid.runtime is self.runtime and self._concerned(parts_of(handler)[0]):
            self._crashes += 1

    def _ended(self, *, pid: Process, **_facts: Any) -> None:
        if pid.runtime is self.runtime and is_concerned(pid, self._concerned):
            self._gone.add(pid)  # what it ran is forgotten when its supervisor hears of its end

    def _restarted(self, *, child: Process, **_facts: Any) -> None:
        if child in self._gone:
            self._restarts += 1

    def wait(self) -> str | None:
        """Watch until the window has ended, a limit is passed, or it is stopped; return which limit, in words."""
        try:
            return self._watch()
        finally:
            self._deafen()

    def _watch(self) -> str | None:
        end = self.runtime.clock.now() + self.policy.window
        between = max(self.policy.window / _LOOKS, _SHORTEST)
        while not self.stopped:
            why = verdict(self.health(), self.policy)
            if why is not None or self.runtime.clock.now() >= end:
                return why
            _pause(between)
        return None


def _pause(seconds: float) -> None:
    try:
        receive(timeout=seconds)
    except ReceiveTimeout:
        return


def _waiting(process: Process) -> int:
    """How many messages wait for *process*, with those that a `receive` has passed over, or `sys` holds back."""
    return len(process.mailbox or ()) + len(process.held or ())


def memory_in_use() -> int:
    """Return the bytes of memory that this interpreter has now; where the system does not say, the most it had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        import resource  # noqa: PLC0415 - Windows has none, and nobody needs it elsewhere

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
