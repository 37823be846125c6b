"""The configuration of a node: `--config FILE`, read at the start and again at each SIGHUP.

It is TOML, with a table for each application, and goes over the `env` of their specs. What cannot be read, or makes no
sense, changes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, final

from otpy.behaviours import application
from otpy.cli.exits import BadInput
from otpy.errors import BadApplicationSpec, NotRunning, OtpyError

if TYPE_CHECKING:
    from pathlib import Path

    from otpy.behaviours.application import Changes
    from otpy.cli.notify import ServiceManager
    from otpy.kernel.runtime import Runtime

_log = logging.getLogger("otpy.node")


@final
class Configuration:
    """What *file* says; None is no file, and then only the tables in pyproject.toml are read again."""

    def __init__(self, file: Path | None) -> None:
        """Read it. Raises BadInput."""
        self._file = None if file is None else file.absolute()
        try:
            self._first = {} if file is None else application.read_config(file)
        except BadApplicationSpec as error:
            raise BadInput(f"{error}") from error

    def apply(self) -> None:
        """Have it taken by the applications that will be loaded."""
        if self._first:
            application.configure(self._first)

    def warn_of_strangers(self) -> None:
        """Say which tables are for no application that is loaded: their names may be misspelt."""
        if not self._first:
            return
        with contextlib.suppress(NotRunning):  # they may have ended by now
            loaded = ", ".join(each.name for each in application.loaded_applications())
            for name in self._first.keys() - loaded.split(", "):
                _log.warning("%s has a table for %s, which is not loaded; loaded: %s", self._file, name, loaded)

    def read_again(self) -> str:
        """Read it again, and tell the applications that run; return what came of it, in one line."""
        try:
            found = application.configure(None if self._file is None else application.read_config(self._file))
        except (OtpyError, ImportError) as error:
            said = f"the configuration was refused, and nothing has changed: {error}"
            _log.error("%s", said)
            return said
        said = "; ".join(f"{name}: {_told(changes)}" for name, changes in found.items())
        said = f"the configuration was read again: {said or 'nothing has changed'}"
        _log.info("%s", said)
        return said


def _told(changes: Changes) -> str:
    parts = {"changed": changes.changed, "new": changes.new, "removed": changes.removed}
    return ", ".join(f"{how} {', '.join(keys)}" for how, keys in parts.items() if keys)


@final
class Reloading:
    """Reads the configuration again on a thread of its own, one time after the other.

    So that a `config_change` that hangs keeps nobody from stopping the node.
    """

    def __init__(self, runtime: Runtime, configuration: Configuration, manager: ServiceManager) -> None:
        self._runtime = runtime
        self._configuration = configuration
        self._manager = manager
        self._asked = threading.Semaphore(0)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="otpy-reload", daemon=True)

    def ask(self) -> None:
        """Have it read, now or after the reading that is under way."""
        self._asked.release()
        if self._thread.ident is None:
            self._thread.start()

    def end(self) -> None:
        """Read nothing any more."""
        self._ended = True
        self._asked.release()

    def _run(self) -> None:
        self._runtime.adopt_thread()
        while self._asked.acquire() and not self._ended:
            while self._asked.acquire(blocking=False):  # who asked meanwhile is served by the same reading
                pass
            self._manager.reloading()
            try:
                said = self._configuration.read_again()
            except Exception as error:  # noqa: BLE001 - such as that the runtime has stopped; the node is none the worse
                said = f"the configuration could not be read again: {type(error).__name__}: {error}"
                _log.exception("%s", said)
            self._manager.ready(said)
