"""What goes wrong in a database, said so that people know what to do."""

from __future__ import annotations

import errno
import os
from typing import Final, final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from otpy.errors import StoreError

_FULL: Final = "there is no room left: free some, or move the store; nothing that was recorded before is lost"
_READ_ONLY: Final = "it cannot be written: give this user the right to write the file and its folder"
_LOCKED: Final = "another program has it open: close that one, a node needs its store for itself"
_CORRUPT: Final = (
    "it is damaged, or no database of otpy: put a backup in its place, or move it away and begin with an empty store"
)
_BROKEN_DISK: Final = "the disk or its limits let otpy down: look at the system's log, `df` and `ulimit -f`"

_SQLITE: Final = (
    ("SQLITE_FULL", _FULL),
    ("SQLITE_READONLY", _READ_ONLY),
    ("SQLITE_PERM", _READ_ONLY),
    ("SQLITE_CANTOPEN", "it cannot be opened: look at the path and its rights"),
    ("SQLITE_BUSY", _LOCKED),
    ("SQLITE_LOCKED", _LOCKED),
    ("SQLITE_CORRUPT", _CORRUPT),
    ("SQLITE_NOTADB", _CORRUPT),
    ("SQLITE_IOERR", _BROKEN_DISK),
)
"""By the beginning of the error's name."""

_POSTGRES: Final = (
    ("28", "the server refuses this user or password: correct the address"),
    ("3D", "the server has no such database: make it with `createdb`, or correct the address"),
    ("42501", "this user may not do that: grant CREATE and USAGE on the schema"),
    ("53100", "the server's disk is full: free some room there"),
    ("53300", "the server has too many connections: close some, or allow more"),
    ("25006", "the server is read-only, perhaps a standby: give the address of the primary"),
    ("55P03", _LOCKED),
    ("57P", "the server is stopping or starting: try again when it runs"),
    ("08", "the connection to the server was lost: see whether it runs"),
    ("XX001", "the server's files are damaged: restore a backup"),
    ("XX002", "the server's files are damaged: restore a backup"),
)
"""By the beginning of the SQLSTATE."""

_POSTGRES_WORDS: Final = (
    ("password", _POSTGRES[0][1]),
    ("authentication failed", _POSTGRES[0][1]),
    ("no pg_hba.conf entry", _POSTGRES[0][1]),
    ("does not exist", _POSTGRES[1][1]),
    ("starting up", _POSTGRES[7][1]),
    ("shutting down", _POSTGRES[7][1]),
    ("too many", _POSTGRES[4][1]),
)
"""Before there is a connection there is no SQLSTATE, and the words have to do."""

_NO_SERVER: Final = "no server answers there: start it, or correct the address"


@final
class StoreUnusable(StoreError):
    """The database, or what it stands on, refuses; the request itself was right."""


def explained(error: SQLAlchemyError | OSError, where: str) -> StoreUnusable:
    """Return *error* as ours, with what to do; *where* is the file, or the address without its password."""
    return StoreUnusable(f"the store {where}: {_advice(error)} ({_said(error)})")


def _advice(error: SQLAlchemyError | OSError) -> str:
    match error:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return _FULL
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            return _READ_ONLY
        case PoolTimeout():
            return "it is busy with another request for too long: try again"
        case DBAPIError(orig=BaseException() as cause):
            return _of_driver(cause, connected=not error.connection_invalidated)
        case _:
            return "it cannot be used"


def _of_driver(cause: BaseException, *, connected: bool) -> str:
    if name := getattr(cause, "sqlite_errorname", None):
        return next((advice for start, advice in _SQLITE if name.startswith(start)), "SQLite refuses")
    if state := getattr(cause, "sqlstate", None):
        return next((advice for start, advice in _POSTGRES if state.startswith(start)), "the server refuses")
    words = str(cause)
    for part, advice in _POSTGRES_WORDS:
        if part in words:
            return advice
    return _NO_SERVER if type(cause).__name__ == "OperationalError" or not connected else "it cannot be used"


def _said(error: SQLAlchemyError | OSError) -> str:
    """The first line of what the system, SQLite or the server said."""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else str(error)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = str(cause).strip() or type(cause).__name__
    return said.splitlines()[0]
