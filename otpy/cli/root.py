"""How the system of a node ends, by itself, and what that means for the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from otpy.behaviours.application import get_application
from otpy.cli.exits import OK, Failed
from otpy.kernel import events
from otpy.kernel.primitives import is_alive
from otpy.kernel.reasons import NoProc, Normal, Shutdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpy.behaviours.supervisor_reports import SupervisorReport
    from otpy.kernel.pid import Pid


@final
class Root:
    """What a node runs: an application with those that it depends on, or a process.

    It tells when that has ended, and knows why. It hangs on the event hooks, so that what a user sees in the tree is
    the system and nothing else, and from before the start, so that it misses nothing.
    """

    def __init__(self, application: str | None, tell: Callable[[], None]) -> None:
        """*tell* is called, by any thread, when the *application*, or what is to be watched, has ended."""
        self._application = application
        self._pid: Pid | None = None
        self._tell = tell
        self._reason: Any = None
        self._why: str | None = None
        self._detach = (
            events.attach("process.exit", self._process_ended),
            events.attach("supervisor.report", self._supervisor_reported),
            events.attach("application.exit", self._application_ended),
        )

    def watch(self, pid: Pid) -> None:
        """Say that *pid* is the root."""
        self._pid = pid
        if not is_alive(pid):  # before it was known
            self._process_ended(pid, NoProc())

    def unwatch(self) -> None:
        """Take the hooks away."""
        for detach in self._detach:
            detach()

    @property
    def has_ended(self) -> bool:
        """Whether it had started, and has ended."""
        return self._reason is not None

    def exit_code(self) -> int:
        """Return OK if the system had done its work: it ended as normal, or by auto_shutdown. Raises Failed if not."""
        if isinstance(self._reason, Normal | Shutdown) and self._why is None:
            return OK
        why = self._why or f"the root of the system ended with {self._reason!r}"
        raise Failed(f"{why}; the log says more")

    def _process_ended(self, pid: Pid, reason: Any) -> None:
        if pid is self._pid:
            self._ended(reason)

    def _application_ended(self, application: str, reason: Any, **facts: Any) -> None:
        if facts["ends_node"] and self._application is not None:
            if application != self._application:
                self._why = f"the application {application!r} ended with {reason!r}"
            self._ended(reason)

    def _ended(self, reason: Any) -> None:
        self._reason = reason
        self._tell()

    def _supervisor_reported(self, report: SupervisorReport) -> None:
        if report.context == "shutdown" and self._is_top(report.supervisor):
            self._why = "the root of the system gave up restarting a child"

    def _is_top(self, supervisor: Any) -> bool:
        if self._application is None:
            return supervisor is self._pid
        return get_application(supervisor) == self._application and supervisor.starter is supervisor.leader
