"""`otpy run`: one system in one process, with its control socket, until a signal or its own end.

The main thread only waits at a pipe, to which signals write (their handlers do nothing else), and the event hook of
the root's end; so nothing is ever interrupted half-way. The first SIGTERM or Ctrl-C stops the system in
reverse start order; with the second, the operating system's default ends the process at once.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

from otpy.cli.control import ControlServer
from otpy.cli.exits import INTERRUPTED, OK, Failed
from otpy.cli.verbs import handler
from otpy.errors import OtpyError
from otpy.kernel import events
from otpy.kernel.clock import FOREVER
from otpy.kernel.primitives import is_alive, trap_exit
from otpy.kernel.reasons import NoProc, Normal, Shutdown
from otpy.kernel.runtime import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from otpy.behaviours.supervisor_reports import SupervisorReport
    from otpy.cli.target import System
    from otpy.kernel.pid import Pid

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_ROOT_ENDED: Final = 0
"""What the end of the root writes; no signal has this number."""


def run_node(system: System, name: str, path: Path, ready: Callable[[Path], None]) -> int:
    """Run *system* as node *name*, with its socket at *path*, and return the exit code. *ready* is told once all is up.

    Raises Failed if the system does not start, or it ends by a crash or by giving up.
    """
    with _signal_pipe() as (end, tell), runtime(shutdown_timeout=FOREVER):
        trap_exit(True)
        root = Root(_started(system), tell)
        server = ControlServer(path, handler(name))
        server.start()
        try:
            ready(path)
            ending = _wait(end)
        finally:
            server.stop()
            root.unwatch()
        if ending != _ROOT_ENDED:
            return INTERRUPTED if ending == signal.SIGINT else OK
        return root.exit_code()


def _started(system: System) -> Pid:
    try:
        return system.start()
    except OtpyError as error:
        raise Failed(f"{system.title} did not start: {error}") from error


def _wait(end: int) -> int:
    """Wait for the number of one of our signals, or for the end of the root; other signals with a handler pass by."""
    while (number := os.read(end, 1)[0]) not in {*_SIGNALS, _ROOT_ENDED}:
        continue
    return number


@final
class Root:
    """The root process of a node: wakes the main thread when it ends, and knows what that means.

    It hangs on the event hooks, so that what a user sees in the tree is the system and nothing else.
    """

    def __init__(self, pid: Pid, tell: int) -> None:
        self._pid = pid
        self._tell = tell
        self._reason: Any = None
        self._gave_up = False
        self._detach = (
            events.attach("process.exit", self._process_ended),
            events.attach("supervisor.report", self._supervisor_reported),
        )
        if not is_alive(pid):  # before the hooks were there
            self._process_ended(pid, NoProc())

    def unwatch(self) -> None:
        """Take the hooks away."""
        for detach in self._detach:
            detach()

    def exit_code(self) -> int:
        """Return OK if the system had done its work: the root ended as normal, or by auto_shutdown."""
        if isinstance(self._reason, Normal | Shutdown) and not self._gave_up:
            return OK
        why = "gave up restarting a child" if self._gave_up else f"ended with {self._reason!r}"
        raise Failed(f"the root of the system {why}; the log says more")

    def _process_ended(self, pid: Pid, reason: Any) -> None:
        if pid is self._pid:
            self._reason = reason
            os.write(self._tell, bytes([_ROOT_ENDED]))

    def _supervisor_reported(self, report: SupervisorReport) -> None:
        if report.supervisor is self._pid and report.context == "shutdown":
            self._gave_up = True


@contextmanager
def _signal_pipe() -> Generator[tuple[int, int]]:
    """Make a pipe that the first of our signals writes its number to; a second has its default effect."""
    end, tell = os.pipe()
    os.set_blocking(tell, False)
    before = {number: signal.signal(number, _only_once) for number in _SIGNALS}
    woken = signal.set_wakeup_fd(tell)
    try:
        yield end, tell
    finally:
        signal.set_wakeup_fd(woken)
        for number, old in before.items():
            signal.signal(number, old)
        os.close(end)
        os.close(tell)


def _only_once(_number: int, _frame: object) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
