"""What a node tells the service manager that started it: systemd's notification protocol, without a library.

One datagram for each message, to the socket that NOTIFY_SOCKET names; where there is none, nothing is said. Whoever
listens may be gone or slow: what cannot be sent at once is dropped, and the node goes on.

Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5) for Type=notify-reload.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("otpy.node")

_MICROSECONDS: Final = 1_000_000


@final
class ServiceManager:
    """The service manager, if there is one; *environ* says where."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_seconds = _watchdog_seconds(environ)
        """Seconds within which it wants to hear `alive` again and again; None if it does not."""

    def ready(self, status: str) -> None:
        """Tell that the start, or a reload, has ended."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Tell that the configuration is being read again; `ready` ends that."""
        moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={moment}", "STATUS=reading the configuration again")

    def stopping(self) -> None:
        """Tell that the node stops."""
        self._send("STOPPING=1", "STATUS=stopping")

    def status(self, text: str) -> None:
        """Tell what the node does, in one line for people."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Tell that the node works."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warning("cannot tell the service manager %s: %s", lines[0], error)


def _address(given: str) -> str | bytes | None:
    """Return the address of the socket; one that begins with @ is in the abstract namespace of Linux."""
    if given.startswith("@"):
        return b"\0" + os.fsencode(given[1:])
    if given.startswith("/"):
        return given
    if given:
        _log.warning("NOTIFY_SOCKET is %r, which is neither a path nor an abstract socket: nobody is told", given)
    return None


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return the time of the watchdog, if it is meant for this process."""
    given = environ.get("WATCHDOG_USEC", "")
    if not given or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not given.isascii() or not given.isdigit() or int(given) == 0:
        _log.warning("WATCHDOG_USEC is %r, which is no time: there is no watchdog", given)
        return None
    return int(given) / _MICROSECONDS
