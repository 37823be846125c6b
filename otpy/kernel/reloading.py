"""`runtime(reload_every=n)`: an upgrade after every n-th message that a process has handled. For tests.

The kernel counts and says when; what is done then is somebody else's, who knows of upgrades: `set_reloader`. It is
done on a thread of its own, one at a time: what is asked for meanwhile is done once, afterwards. A runtime that does
not reload has no counter, and its processes no longer way.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from otpy.kernel import events

if TYPE_CHECKING:
    from otpy.kernel.process import Handle, Process
    from otpy.kernel.runtime import Runtime

__all__ = ["Reloads", "set_reloader"]

_log = logging.getLogger("otpy.reload")
_reloader: Callable[[Runtime], object] | None = None


def set_reloader(reload: Callable[[Runtime], object]) -> None:
    """Say what a reload is; *reload* gets the runtime, on a thread that may wait."""
    global _reloader  # noqa: PLW0603 - one wire from this module up to the upgrades
    _reloader = reload


@final
class Reloads:
    """Counts the messages of one runtime, and has every *every*-th followed by a reload."""

    def __init__(self, runtime: Runtime, every: int) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            msg = f"reload_every is {every!r}; give a whole number of messages, 1 or more"
            raise ValueError(msg)
        if _reloader is None:
            msg = f"reload_every is {every!r}, and nothing here can reload: import otpy.upgrade first"
            raise ValueError(msg)
        self.done = 0
        self._runtime = runtime
        self._reload = _reloader
        self._every = every
        self._messages = itertools.count(1)  # a step of it is one step of the interpreter
        self._bell = threading.Semaphore(0)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="otpy-reload", daemon=True)
        self._thread.start()

    def counted(self, handle: Handle) -> Handle:
        """Return *handle*, counting."""

        def count(process: Process, message: Any) -> Any:
            if next(self._messages) % self._every == 0:
                self._bell.release()  # the process is busy with this message: it is at rest when that is handled
            return handle(process, message)

        return count

    def stop(self) -> None:
        """Reload no more; return when a reload that is under way has ended."""
        self._stopped = True
        self._bell.release()
        if threading.current_thread() is not self._thread:
            self._thread.join(self._runtime.shutdown_timeout)

    def _run(self) -> None:
        while self._bell.acquire() and not self._stopped:
            while self._bell.acquire(blocking=False):  # asked for several times meanwhile
                pass
            try:
                self._reload(self._runtime)
            except Exception as error:  # noqa: BLE001 - who waits for it, and would get the error, is nobody
                _log.exception("a reload failed")
                events.emit("runtime.reload_failed", error=error)
            self.done += 1
