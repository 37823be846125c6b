"""Crash reports: one for each process that ends abnormally, through standard logging and the event `process.crash`.

Source: OTP proc_lib.erl, crash reports; gen_server.erl, error_info/8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from otpy.errors import shown
from otpy.kernel import events
from otpy.kernel.reasons import Crash, Killed, Reason, is_abnormal

if TYPE_CHECKING:
    from otpy.kernel.process import Process

log = logging.getLogger("otpy.process")


def report_crash(process: Process, reason: Reason, **facts: Any) -> None:
    """Report that *process* is about to end with *reason*, if that is a crash; *facts* say more, such as its state."""
    if not is_abnormal(reason) or type(reason) is Killed:
        return
    error = reason.error if isinstance(reason, Crash) else None
    if log.isEnabledFor(logging.ERROR):
        log.error(_Text(process, reason, facts), exc_info=error)
    if events.listened("process.crash"):
        events.emit("process.crash", pid=process, reason=reason, report=facts)


class _Text:
    """The text of a report, made when somebody prints it, from what was true when it was written."""

    def __init__(self, process: Process, reason: Reason, facts: dict[str, Any]) -> None:
        self._who = repr(process)
        self._behaviour = type(process.actor).__qualname__
        self._ancestors = process.ancestors
        self._reason = reason
        self._facts = facts

    def __str__(self) -> str:
        lines = [f"{self._who} ({self._behaviour}) ended with {shown(self._reason)}"]
        if self._ancestors:
            lines.append(f"  started by: {' < '.join(map(repr, self._ancestors))}")
        lines += [f"  {name.replace('_', ' ')}: {shown(value)}" for name, value in self._facts.items()]
        lines.append("  Links and monitors are told; its supervisor, if any, decides whether it is started again.")
        return "\n".join(lines)
