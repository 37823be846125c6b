"""Clients that put load on a sandbox's system, and count what they sent, what was answered and how long they waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from otpy.errors import ReceiveTimeout
from otpy.kernel.clock import SystemClock
from otpy.kernel.messages import Down
from otpy.kernel.primitives import receive, self_pid, send, spawn_monitor
from otpy.kernel.reasons import Normal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otpy.cli.sandboxes import Work
    from otpy.kernel.pid import Pid

PACE: Final = 0.001
"""Seconds between two rounds of a client: enough to keep the system busy, too little to starve it."""


@dataclass(slots=True)
class Tally:
    """What one client did: messages *sent*, rounds *answered*, the *longest* round in seconds, why it failed."""

    client: str
    sent: int = 0
    answered: int = 0
    longest: float = 0.0
    failure: str | None = None


class Round(msgspec.Struct, frozen=True):
    """From a client: one more round was answered."""

    client: str


class Leave(msgspec.Struct, frozen=True):
    """To a client: end after this round."""


@final
class Crew:
    """Clients at work, from the moment of making it until `dismiss`; to be used by the process that made it."""

    def __init__(self, work: Work, names: Iterable[str]) -> None:
        """Start one client for each name; each goes on with *work* round after round."""
        self.tallies = {name: Tally(name) for name in names}
        self._pids: dict[Pid, str] = {}
        for tally in self.tallies.values():
            pid, _ = spawn_monitor(_client, self_pid(), work, tally)
            self._pids[pid] = tally.client

    def wait_for_rounds(self, rounds: int, timeout: float = 30.0) -> None:
        """Wait until each client that is still at work has had *rounds* more answers."""
        missing = dict.fromkeys(self._pids.values(), rounds)
        deadline = SystemClock.now() + timeout
        while missing:
            match self._next(deadline):
                case Round(client) if client in missing:
                    missing[client] -= 1
                    if missing[client] == 0:
                        del missing[client]
                case Down() as down if down.pid in self._pids:
                    missing.pop(self._ended(down), None)
                case _:
                    continue

    def dismiss(self, timeout: float = 30.0) -> list[Tally]:
        """Let all clients end their round and leave; return what they did."""
        for pid in self._pids:
            send(pid, Leave())
        deadline = SystemClock.now() + timeout
        while self._pids:
            match self._next(deadline):
                case Down() as down if down.pid in self._pids:
                    self._ended(down)
                case _:
                    continue
        return list(self.tallies.values())

    def _next(self, deadline: float) -> Any:
        return receive(timeout=max(0.0, deadline - SystemClock.now()))

    def _ended(self, down: Down) -> str:
        client = self._pids.pop(down.pid)
        if not isinstance(down.reason, Normal):
            self.tallies[client].failure = f"ended: {down.reason!r}"
        return client


def _client(crew: Pid, work: Work, tally: Tally) -> None:
    """Work round after round until told to leave."""
    while True:
        before = SystemClock.now()
        try:
            tally.sent = work(tally.client, tally.sent)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the demo has to report
            tally.failure = f"{type(error).__name__}: {error}"
            return
        tally.longest = max(tally.longest, SystemClock.now() - before)
        tally.answered += 1
        send(crew, Round(tally.client))
        try:
            receive(lambda message: isinstance(message, Leave), timeout=PACE)
        except ReceiveTimeout:
            continue
        return
