"""Messages that the runtime itself sends."""

from __future__ import annotations

from typing import Final

import msgspec

from otpy.kernel.pid import Pid, Ref
from otpy.kernel.reasons import Reason


class Down(msgspec.Struct, frozen=True):
    """The monitored process *pid* has ended with *reason*; *ref* is what `monitor` returned."""

    ref: Ref
    pid: Pid
    reason: Reason


class Exit(msgspec.Struct, frozen=True):
    """An exit signal from *pid*, trapped (see `trap_exit`)."""

    pid: Pid
    reason: Reason


class Timeout(msgspec.Struct, frozen=True):
    """Nothing came within the time that the last callback gave with `After(seconds)`."""


TIMEOUT = Timeout()

SIGNALS: Final[set[type]] = {Down, Exit}
"""The types of messages that tell of what has happened: the end of a process, a table that changed hands."""


class StopServer(msgspec.Struct, frozen=True):
    """The order to end with *reason*: what `stop` asks, answered by the end, and `sys.terminate`, answered at once."""

    reason: Reason
    answered: bool = False
