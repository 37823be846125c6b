"""Links scenarios: plain processes and what they do to each other. The words are those of the recordings."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tests.oracle.forms import Form


class _InProcess(msgspec.Struct, tag_field="op"):
    """Something that the process `p` does."""

    p: str


class LinkTo(_InProcess, tag="link"):
    """Link with `to`."""

    to: str


class UnlinkFrom(_InProcess, tag="unlink"):
    """Undo the link with `to`."""

    to: str


class MonitorOf(_InProcess, tag="monitor"):
    """Monitor `to`."""

    to: str


class DemonitorOf(_InProcess, tag="demonitor"):
    """Take the latest monitor of `to` back."""

    to: str
    flush: bool = False


class SignalTo(_InProcess, tag="signal"):
    """Send `to` an exit signal."""

    to: str
    reason: Form


class SendTo(_InProcess, tag="send"):
    """Send `to` a message."""

    to: str
    message: Form


class Trap(_InProcess, tag="trap"):
    """Switch trapping on or off."""

    value: bool


class SpawnLink(_InProcess, tag="spawn_link"):
    """Start a linked process named `new`."""

    new: str
    trap: bool = False


class ExitWith(_InProcess, tag="exit"):
    """End with a reason."""

    reason: Form


class RaiseError(_InProcess, tag="error"):
    """Raise an error."""

    reason: Form


class ReturnFrom(_InProcess, tag="return"):
    """Let the function of the process return."""


Order: TypeAlias = (
    LinkTo | UnlinkFrom | MonitorOf | DemonitorOf | SignalTo | SendTo | Trap | SpawnLink | ExitWith | RaiseError
)
"""What the function of a process does and goes on."""

ProcessAction: TypeAlias = Order | ReturnFrom


class LinksScenario(msgspec.Struct):
    """Plain processes, each with whether it traps exits, and what they do to each other."""

    procs: list[tuple[str, bool]]
    actions: list[ProcessAction]

    def steps(self) -> int:
        """Return the number of recorded steps."""
        return len(self.actions)
