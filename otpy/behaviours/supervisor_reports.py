"""What a supervisor tells the operators, one line a fact, through the logger "otpy.supervisor" and the event hooks.

The facts are those of OTP's supervisor reports; they travel with the log record as `record.otpy_report` and are those
of the event `supervisor.report` (of `supervisor.progress`, for a child that started).

The crash of a child was reported by the child itself, as an error. That its supervisor saw it is a fact of less weight:
a warning where nobody else has spoken (a kill), else an info.

Source: OTP supervisor.erl, report_error/4 and report_progress/3.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from otpy.behaviours.child_spec import ChildSpec
from otpy.kernel import events
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.reasons import Killed, Reason

if TYPE_CHECKING:
    from collections.abc import Hashable

log: Final = logging.getLogger("otpy.supervisor")

Context: TypeAlias = Literal["child_terminated", "start_error", "shutdown_error", "shutdown"]

_TEXTS: Final[dict[Context, str]] = {
    "child_terminated": "%r: its %s child %r (%r) ended with %r",
    "start_error": "%r: its %s child %r (%r) did not start: %r",
    "shutdown_error": "%r: its %s child %r (%r) did not end as it was told, but with %r",
    "shutdown": "%r: gives up, as its %s child %r (%r) would be one restart too many: %r",
}
REACHED_MAX_RESTART_INTENSITY: Final = "reached_max_restart_intensity"


class SupervisorReport(msgspec.Struct, frozen=True):
    """What `supervisor` has to say of its child: what happened, in OTP's word for it, and why."""

    supervisor: Pid
    context: Context
    reason: Reason
    child: Pid | None
    spec: ChildSpec

    @property
    def id(self) -> Hashable:
        """The child's id."""
        return self.spec.id


def report(context: Context, reason: Reason, child: Pid | None, spec: ChildSpec) -> None:
    """Report what happened to *child* (None if it never ran) of the running supervisor."""
    level = _level(context, reason)
    heard = events.listened("supervisor.report")
    if not heard and not log.isEnabledFor(level):
        return
    found = SupervisorReport(current(), context, reason, child, spec)
    if log.isEnabledFor(level):
        facts = (found.supervisor, spec.restart, spec.id, child, reason)
        log.log(level, _TEXTS[context], *facts, extra={"otpy_report": found})
    if heard:
        events.emit("supervisor.report", report=found)


def progress(child: Pid, spec: ChildSpec) -> None:
    """Report that *child* was started."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%r: started its %s child %r (%r)", current(), spec.restart, spec.id, child)
    if events.listened("supervisor.progress"):
        events.emit("supervisor.progress", supervisor=current(), child=child, spec=spec)


def _level(context: Context, reason: Reason) -> int:
    match context:
        case "child_terminated":
            return logging.WARNING if isinstance(reason, Killed) else logging.INFO
        case "shutdown_error":
            return logging.WARNING
        case "start_error" | "shutdown":
            return logging.ERROR
