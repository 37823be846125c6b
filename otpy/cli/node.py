"""`otpy run`: one system in one process, with its control socket, until a signal or its own end.

The main thread only waits at a pipe, to which signals write (their handlers do nothing else), the event hooks of the
system's end, and who asks for the stop through the socket; so nothing is ever interrupted half-way. The first SIGTERM
or Ctrl-C stops the system in reverse start order; with the second, the operating system's default ends the process at
once. SIGHUP has the configuration read again. What happens is told to the service manager, if there is one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from otpy.cli.configuration import Configuration, Reloading
from otpy.cli.control import ControlServer
from otpy.cli.exits import INTERRUPTED, OK, Failed
from otpy.cli.notify import ServiceManager
from otpy.cli.pulse import Pulse
from otpy.cli.root import Root
from otpy.cli.verbs import handler
from otpy.errors import OtpyError
from otpy.kernel import events
from otpy.kernel.clock import FOREVER
from otpy.kernel.primitives import trap_exit
from otpy.kernel.runtime import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from otpy.cli.target import System

_log = logging.getLogger("otpy.node")

_ENDINGS: Final = (signal.SIGTERM, signal.SIGINT)
FIRST_PROCESS: Final = 1
_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that has ended a process."""
_SYSTEM_ENDED: Final = 0
"""What the end of the system writes; no signal has this number."""


def run_node(
    system: System, name: str, path: Path, ready: Callable[[Path], None], configuration: Configuration | None = None
) -> int:
    """Run *system* as node *name*, with its socket at *path*, and return the exit code. *ready* is told once all is up.

    Raises BadInput for a bad configuration; Failed if the system does not start, or ends by a crash or by giving up.
    """
    configured, manager = configuration or Configuration(None), ServiceManager()
    with _signal_pipe() as (end, tell), runtime(shutdown_timeout=FOREVER) as node:
        trap_exit(True)
        configured.apply()
        root = Root(system.application, partial(_tell, tell, _SYSTEM_ENDED))
        with contextlib.ExitStack() as running:
            running.callback(root.unwatch)
            _start(system, root)
            configured.warn_of_strangers()
            server = ControlServer(path, handler(name, partial(_tell, tell, signal.SIGTERM)))
            pulse, reloading = Pulse(node, manager), Reloading(node, configured, manager)
            server.start()
            running.callback(server.stop)
            pulse.start()
            running.callback(pulse.stop)
            running.callback(reloading.end)
            running.callback(manager.stopping)
            running.callback(events.attach("upgrade.end", partial(_tell_status, system, manager)))
            running.callback(_end_at_once, end)
            ready(path)
            manager.ready(f"{system.now()} runs")
            ending = _wait(end, reloading.ask)
        if ending != _SYSTEM_ENDED:
            _log.info("stopping: %s", signal.Signals(ending).name)
            return INTERRUPTED if ending == signal.SIGINT else OK
        return root.exit_code()


def _tell_status(system: System, manager: ServiceManager, **_facts: object) -> None:
    """After an upgrade: another version may run."""
    manager.status(f"{system.now()} runs")


def _start(system: System, root: Root) -> None:
    """Start *system*; it may have ended at once, and then *root* knows."""
    try:
        pid = system.start()
    except OtpyError as error:
        if not root.has_ended:
            raise Failed(f"{system.title} did not start: {error}") from error
    except Exception as error:
        raise Failed(f"{system.title} did not start: {type(error).__name__}: {error}") from error
    else:
        if pid is not None:
            root.watch(pid)


def _wait(end: int, read_again: Callable[[], None]) -> int:
    """Wait for one of the signals that end a node, or for the end of the system; return its number.

    *read_again* is called at each SIGHUP. Other signals with a handler pass by.
    """
    while True:
        number = os.read(end, 1)[0]
        if number == signal.SIGHUP:
            read_again()
        elif number in {*_ENDINGS, _SYSTEM_ENDED}:
            return number


def _tell(tell: int, number: int) -> None:
    """Write *number* to the pipe, unless the main thread has been told so much that it is full."""
    with contextlib.suppress(OSError):
        os.write(tell, bytes([number]))


@contextmanager
def _signal_pipe() -> Generator[tuple[int, int]]:
    """Make a pipe that the first of our signals writes its number to; a second has its default effect."""
    end, tell = os.pipe()
    os.set_blocking(tell, False)
    before = {number: signal.signal(number, _only_once) for number in _ENDINGS}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _nothing)
    woken = signal.set_wakeup_fd(tell)
    try:
        yield end, tell
    finally:
        signal.set_wakeup_fd(woken)
        for number, old in before.items():
            signal.signal(number, old)
        os.close(end)
        os.close(tell)


def _only_once(_number: int = 0, _frame: object = None) -> None:
    """Have the next of our signals end the process at once: the default action does, whatever the interpreter does."""
    if os.getpid() != FIRST_PROCESS:
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_DFL)


def _end_at_once(end: int) -> None:
    """As `_only_once`, for the first process of a container, too: the kernel keeps from it what has no handler."""
    _only_once()
    if os.getpid() == FIRST_PROCESS:
        threading.Thread(target=_exit_at_the_next, args=(end,), name="otpy-signals", daemon=True).start()


def _exit_at_the_next(end: int) -> None:
    with contextlib.suppress(OSError):  # the pipe has been closed: the process has come to its end
        while (number := os.read(end, 1)[0]) not in _ENDINGS:
            continue
        os._exit(_SIGNALLED + number)


def _nothing(_number: int, _frame: object) -> None:
    """Leave it to the pipe."""
