"""Effects on the world while code is only tried out: caught as they happen, named, and stopped.

A rehearsal runs a module's new definitions and converts copies of states. Neither may touch the world. Python tells of
most of what does through audit events (PEP 578). A hook cannot be taken away again, so there is one for the life of the
interpreter, made at the first rehearsal. Without a rehearsal it costs one comparison for each event; in one it looks
only at the code of the rehearsal itself, whatever else runs at the same time: it asks a context variable, which belongs
to a thread, a greenlet or a task, not to all of them.

Not caught: what C code does without telling (a database driver's own sockets), signals that are set, output to files
that are open already. Threads are stopped at their start; what is allowed to run on one is not watched there. A
finalizer of another object that happens to run meanwhile counts as the rehearsal's.

otpy's own effects (send, call, spawn, register, timers) are the kernel's to refuse.

Source: PEP 578; the table of audit events in the Python documentation.
"""

from __future__ import annotations

import _thread
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal, TypeAlias, final, get_args

from otpy.errors import EffectRefused

Kind: TypeAlias = Literal["file", "socket", "process", "thread", "system"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""What can be told of: files changed, connections, programs and signals, threads, and what the whole node shares."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect on the world: its *kind*, *what* it is, and *where* in the code ("file:line in function")."""

    kind: Kind
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}, at {self.where}"


@final
@dataclass(slots=True, eq=False)
class Watch:
    """What `watched` gives: all effects so far, in their order, those that were allowed too."""

    allow: frozenset[str] = frozenset()
    effects: list[Effect] = field(default_factory=list)

    @property
    def refused(self) -> tuple[Effect, ...]:
        """The effects that were stopped: each raised EffectRefused, even if the code has caught that."""
        return tuple(effect for effect in self.effects if effect.kind not in self.allow)


@contextmanager
def watched(allow: Collection[str] = ()) -> Generator[Watch]:
    """Watch what the code in the `with` block does to the world; stop it unless its kind is in *allow* (see KINDS).

    What is stopped raises EffectRefused where it was tried. Code that catches it does not get away: look at `refused`.
    Inside another one, both are told.

    Raises: ValueError, if *allow* names a kind that there is not.
    """
    unknown = sorted(set(allow) - set(KINDS))
    if unknown:
        msg = f"there is no kind of effect {', '.join(map(repr, unknown))}; there are {', '.join(KINDS)}"
        raise ValueError(msg)
    _install()
    watch = Watch(frozenset(allow))
    token = _watches.set((*_watches.get(), watch))
    _rehearsals.append(watch)
    try:
        yield watch
    finally:
        _rehearsals.remove(watch)
        _watches.reset(token)


# -- the hook --------------------------------------------------------------------------------------

_watches: ContextVar[tuple[Watch, ...]] = ContextVar("otpy_rehearsal", default=())
_rehearsals: Final[list[Watch]] = []
_installed: Final[list[bool]] = []


def _install() -> None:
    if not _installed:
        _installed.append(True)
        if sys.version_info < (3, 12):
            _tell_of_threads()
        sys.addaudithook(_audit)


def _tell_of_threads() -> None:
    """Raise the audit event for the start of a thread, as Python 3.12 and later do themselves."""
    start: Callable[..., int] = _thread.start_new_thread

    def start_new_thread(*arguments: Any) -> int:
        sys.audit("_thread.start_new_thread", *arguments)
        return start(*arguments)

    for module in (_thread, threading):
        for name in ("start_new_thread", "_start_new_thread"):
            if getattr(module, name, None) is start:
                setattr(module, name, start_new_thread)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Called by Python at each event, anywhere."""
    if not _rehearsals:
        return
    watches = _watches.get()
    if watches:
        tell = EVENTS.get(event)
        if tell is not None:
            _tell(watches, tell, arguments)


def _tell(watches: tuple[Watch, ...], tell: Tell, arguments: tuple[Any, ...]) -> None:
    """Note an effect, and raise if one of *watches* does not allow it."""
    told = tell(arguments)
    if told is None:
        return
    frame = sys._getframe(2)  # noqa: SLF001 - a hook is told what, not where
    if frame.f_code.co_filename == _IMPORTER:  # byte code that Python keeps of what it imports
        return
    effect = Effect(*told, _place(frame))
    for watch in watches:
        watch.effects.append(effect)
    if any(effect.kind not in watch.allow for watch in watches):
        raise EffectRefused(effect.what, effect.where, "changes the world")


_IMPORTER: Final = "<frozen importlib._bootstrap_external>"
_STDLIB: Final = sysconfig.get_path("stdlib")
_INSTALLED: Final = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
_OTPY: Final = str(Path(__file__).parents[1])


def _place(frame: FrameType) -> str:
    """The innermost place that is neither Python's nor otpy's own."""
    found: FrameType | None = frame
    while found is not None and not is_the_authors(found.f_code.co_filename):
        found = found.f_back
    at = found or frame
    return f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_qualname}"


def is_the_authors(filename: str) -> bool:
    """Whether code of that file is neither Python's nor otpy's own; packages are often inside the folder of Python."""
    if filename.startswith((_OTPY, "<frozen ")):
        return False
    return filename.startswith(_INSTALLED) or not filename.startswith(_STDLIB)


# -- what the events mean --------------------------------------------------------------------------

Told: TypeAlias = "tuple[Kind, str] | None"
Tell: TypeAlias = Callable[[tuple[Any, ...]], Told]

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _open(arguments: tuple[Any, ...]) -> Told:
    """open(path, mode, flags): only for writing. An open file by its number was told when it was opened."""
    path, mode, flags = arguments
    writing = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
    if not writing or isinstance(path, int) or path == os.devnull:
        return None
    return "file", f"opens {path!r} for writing"


def _database(arguments: tuple[Any, ...]) -> Told:
    path = arguments[0]
    return None if path in (":memory:", "", b":memory:") else ("file", f"opens the database {path!r}")


def _says(kind: Kind, what: str, shown: int = 1) -> Tell:
    """Return what tells of an event as *what*, with its first *shown* arguments."""

    def tell(arguments: tuple[Any, ...]) -> Told:
        return kind, " ".join([what, *(_short(argument) for argument in arguments[:shown])])

    return tell


def _address(what: str) -> Tell:
    """Return what tells of a socket event, whose second argument is the address."""

    def tell(arguments: tuple[Any, ...]) -> Told:
        return "socket", f"{what} {_short(arguments[1])}"

    return tell


def _short(argument: object) -> str:
    """An argument for people. The repr of plain values only: that of others is code of their authors."""
    if type(argument) not in (str, bytes, int, float, tuple, list, type(None)):
        return type(argument).__name__
    text = repr(argument)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_LONGEST: Final = 80

EVENTS: Final[dict[str, Tell]] = {
    "open": _open,
    "sqlite3.connect": _database,
    "os.remove": _says("file", "removes"),
    "os.rmdir": _says("file", "removes the folder"),
    "os.mkdir": _says("file", "makes the folder"),
    "os.rename": _says("file", "renames", 2),
    "os.link": _says("file", "links", 2),
    "os.symlink": _says("file", "links", 2),
    "os.truncate": _says("file", "truncates"),
    "os.chmod": _says("file", "changes the rights of"),
    "os.chown": _says("file", "changes the owner of"),
    "os.chflags": _says("file", "changes the flags of"),
    "os.utime": _says("file", "changes the times of"),
    "os.setxattr": _says("file", "changes an attribute of"),
    "os.removexattr": _says("file", "removes an attribute of"),
    "shutil.rmtree": _says("file", "removes all of"),
    "shutil.move": _says("file", "moves", 2),
    "tempfile.mkstemp": _says("file", "makes the temporary file"),
    "tempfile.mkdtemp": _says("file", "makes the temporary folder"),
    "socket.__new__": _says("socket", "opens a socket", 0),
    "socket.connect": _address("connects to"),
    "socket.bind": _address("binds"),
    "socket.sendto": _address("sends to"),
    "socket.sendmsg": _address("sends to"),
    "socket.getaddrinfo": _says("socket", "looks up"),
    "socket.gethostbyname": _says("socket", "looks up"),
    "socket.gethostbyaddr": _says("socket", "looks up"),
    "subprocess.Popen": _says("process", "starts"),
    "os.system": _says("process", "starts"),
    "os.exec": _says("process", "becomes"),
    "os.spawn": _says("process", "starts"),
    "os.posix_spawn": _says("process", "starts"),
    "os.startfile": _says("process", "starts"),
    "os.fork": _says("process", "forks", 0),
    "os.forkpty": _says("process", "forks", 0),
    "pty.spawn": _says("process", "starts"),
    "os.kill": _says("process", "sends a signal to", 2),
    "os.killpg": _says("process", "sends a signal to", 2),
    "signal.pthread_kill": _says("process", "sends a signal to", 2),
    "_thread.start_new_thread": _says("thread", "starts a thread", 0),
    "_thread.start_joinable_thread": _says("thread", "starts a thread", 0),
    "os.putenv": _says("system", "sets in the environment"),
    "os.unsetenv": _says("system", "removes from the environment"),
    "os.chdir": _says("system", "changes the working folder to"),
    "os.fchdir": _says("system", "changes the working folder"),
    "os.lockf": _says("system", "locks the file"),
    "fcntl.flock": _says("system", "locks the file"),
    "fcntl.lockf": _says("system", "locks the file"),
    "resource.setrlimit": _says("system", "changes a limit", 0),
    "syslog.syslog": _says("system", "writes to the log of the system", 0),
    "ctypes.dlopen": _says("system", "loads the library"),
}
"""What tells of each audit event that means an effect; the others are let pass."""
