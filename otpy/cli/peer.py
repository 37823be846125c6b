"""Who is at the other end of a Unix socket, as the operating system tells it."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

if sys.platform == "linux":
    _UCRED: Final = struct.Struct("3i")  # pid, uid, gid

    def peer_uid(connection: socket.socket) -> int:
        """Return the user id of the process that made this connection. Source: unix(7), SO_PEERCRED."""
        return int(_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])

else:
    _XUCRED: Final = struct.Struct("II68x")  # version, uid, then groups
    _SOL_LOCAL: Final = 0
    _LOCAL_PEERCRED: Final = 1

    def peer_uid(connection: socket.socket) -> int:
        """Return the user id of the process that made this connection. Source: unix(4) of macOS, LOCAL_PEERCRED."""
        return int(_XUCRED.unpack(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))[1])
