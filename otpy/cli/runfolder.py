"""The run folder: where the nodes of one user keep their control sockets.

It is `$XDG_RUNTIME_DIR/otpy`, or `otpy-UID` in the folder for temporary files. Only its owner may enter it (0700),
which is checked at each use: a folder that somebody else made, or a symbolic link, is refused. A node NAME has
two files in it: `NAME.sock`, and `NAME.lock`, which the node holds locked as long as it lives. The lock dies with its
process, even by `kill -9`; a socket that is left behind is recognised by the lock that nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otpy.cli.exits import BadInput, Failed

if TYPE_CHECKING:
    from collections.abc import Generator

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_TRIES: Final = 5
_TRY_SECONDS: Final = 0.02
_SOCKET_PATH_LIMIT: Final = 103
"""Bytes in the path of a Unix socket: 107 on Linux, 103 on macOS."""


def default_folder() -> Path:
    """Return where the run folder of this user is, whether or not it is there yet."""
    runtime_dir = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime_dir and Path(runtime_dir).is_dir():
        return Path(runtime_dir) / "otpy"
    return Path(tempfile.gettempdir()) / f"otpy-{os.geteuid()}"


def prepare_folder(folder: Path) -> Path:
    """Make *folder* if it is missing, and return it checked."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot make the run folder {folder}: {error.strerror}; choose another with --run-dir"
        ) from error
    return check_folder(folder)


def check_folder(folder: Path) -> Path:
    """Return *folder* if it belongs to this user alone; raise BadInput if it does not."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        problem = "is not a folder (a symbolic link is not accepted)"
    elif found.st_uid != os.geteuid():
        problem = f"belongs to user {found.st_uid}, not to you"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        problem = f"is open to others (mode {stat.S_IMODE(found.st_mode):o}); `chmod 700` it"
    else:
        return folder
    raise BadInput(f"the run folder {folder} {problem}; or choose another with --run-dir")


def check_name(name: str) -> str:
    """Return *name* if a node may be called so."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be the name of a node; use up to 64 letters, digits, '-', '_' and '.'")
    return name


def socket_path(folder: Path, name: str) -> Path:
    """Return where the control socket of node *name* is."""
    path = folder / f"{check_name(name)}.sock"
    if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
        raise BadInput(f"the path {path} is too long for a socket; choose a shorter folder with --run-dir")
    return path


def socket_names(folder: Path) -> list[str]:
    """Return the names of all nodes that have a socket, alive or left behind."""
    return sorted(path.stem for path in folder.glob("*.sock"))


def lock_names(folder: Path) -> list[str]:
    """Return the names of all nodes that have run in *folder*."""
    return sorted(path.stem for path in folder.glob("*.lock"))


@contextmanager
def claimed(folder: Path, name: str) -> Generator[Path]:
    """Hold the name of a node: the socket's path is free for use until the block ends, and is removed then.

    Raises Failed if another process has it.
    """
    path = socket_path(folder, name)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(lock, name)
        path.unlink(missing_ok=True)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def holder(folder: Path, name: str) -> int | None:
    """Return the process that holds the name of node *name*, answering or not; None if nobody does."""
    try:
        lock = os.open(socket_path(folder, name).with_suffix(".lock"), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(lock, 32).strip()
        return int(written) if written.isdigit() else None
    finally:
        os.close(lock)
    return None


def _locked(lock: int) -> bool:
    """Lock the file. Who only looks whether it is locked (see `holder`) holds it for a moment, so it is tried again."""
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        threading.Event().wait(_TRY_SECONDS)
    return False


def _lock(lock: int, name: str) -> None:
    """Lock the file, or say who has it; the file says which process that is."""
    if not _locked(lock):
        holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
        raise Failed(f"a node {name!r} already runs (process {holder}); stop it, or give this one another --name")
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
