"""One node at a time: the lock beside a database file, and the folder that nobody else may look into.

Only the node that holds `FILE.lock` opens FILE. The lock dies with its process, even by `kill -9`. It is a file of its
own because SQLite locks the database file with `fcntl`, and whoever closes any handle of that file in the same process
gives those locks up.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import weakref
from pathlib import Path
from typing import Final, final

from otpy.errors import StoreError

_WORDS: Final = 200
"""Bytes of the lock file that are read to name the holder."""


_held: Final[weakref.WeakSet[FileLock]] = weakref.WeakSet()


@final
class FileLock:
    """The lock of one database file, held until `release`. Raises: StoreError, naming who holds it."""

    def __init__(self, path: Path) -> None:
        # Python's descriptors are not inherited by programs that the node starts, so they cannot keep the lock.
        self._handle = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._take(path)
        except BaseException:
            os.close(self._handle)
            raise
        _held.add(self)

    def release(self) -> None:
        """Give the lock up. The file stays: who removes it might remove another one's."""
        _held.discard(self)
        os.close(self._handle)

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, _WORDS, 0).decode(errors="replace").strip() or "another process"
            msg = f"the store {path} is in use by {holder}; stop that one, or give this node a store of its own"
            raise StoreError(msg) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{this_process()}\n".encode(), 0)


def _forget_locks() -> None:
    """A child of fork shares the lock. It must not keep it when the node is gone."""
    for lock in tuple(_held):
        lock.release()


os.register_at_fork(after_in_child=_forget_locks)


def lock_path(path: Path) -> Path:
    """Return where the lock of the database file *path* is."""
    return path.with_name(f"{path.name}.lock")


def this_process() -> str:
    """Return what names this process to people on other machines too."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def prepare_file(path: Path) -> None:
    """Make the folder of *path* if it is missing, and *path*, both for this user alone.

    The database holds sources and states of processes. SQLite gives its files the rights of 0644, so the folder has to
    keep others out.

    Raises: StoreError, if others can look into the folder; OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.parent.stat()
    if found.st_uid != os.geteuid():
        problem = f"belongs to user {found.st_uid}, not to you"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        problem = f"is open to others (mode {stat.S_IMODE(found.st_mode):o})"
    else:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return
    msg = (
        f"the folder {path.parent} {problem}, and a store holds sources and states: `chmod 700` it, or name a folder "
        "that is not there yet"
    )
    raise StoreError(msg)
