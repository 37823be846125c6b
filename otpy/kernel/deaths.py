"""Being told of a death without a message: what `stop` and the end of a runtime wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from otpy.kernel.plane import plane

if TYPE_CHECKING:
    from otpy.kernel.process import Process
    from otpy.kernel.reasons import Reason


class Mourner(Protocol):
    """Who is told, such as a Call."""

    def fail(self, reason: Reason) -> None:
        """Take note that the process has ended with *reason*."""
        ...


def on_death(process: Process, mourner: Mourner) -> bool:
    """Have `mourner.fail(reason)` called when *process* ends; False if it has ended."""
    with plane:
        if process.exit_reason is not None:
            return False
        made: set[Mourner] = set()  # as Process.open_mailbox: the process itself may be making one
        process.deferred = made if process.deferred is None else process.deferred
        process.deferred.add(mourner)
    return True
