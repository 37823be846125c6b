"""A command's end of the control socket: find the node, ask it, wait for the answer."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from otpy.cli.exits import BAD_INPUT, BadInput, CommandError, Failed
from otpy.cli.frames import REQUEST_LIMIT, Event, Failure, FrameError, Request, Result, Said, read_answer, send_frame
from otpy.cli.runfolder import check_folder, check_name, default_folder, holder, lock_names, socket_names, socket_path
from otpy.cli.version import version

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ACCEPT_SECONDS: Final = 10.0
"""Time for a node to accept a request. Carrying it out may take as long as it takes."""

OnEvent: TypeAlias = Callable[[Event], None]

_START_ONE: Final = "start one with `otpy run TARGET`"


def _ignore(_event: Event) -> None:
    """Take no notice of what is going on."""


def ask_node(
    name: str | None,
    run_dir: Path | None,
    verb: str,
    args: dict[str, Any] | None = None,
    on_event: OnEvent = _ignore,
    *,
    seconds: float | None = None,
) -> Any:
    """Find a node as `find_node` does, and ask it as `ask` does."""
    return ask(find_node(name, run_dir), verb, args or {}, on_event, seconds=seconds)


def find_node(name: str | None, run_dir: Path | None = None) -> Path:
    """Return the socket of node *name*, or of the only node that runs. *run_dir* None is this user's run folder."""
    folder = run_dir or default_folder()
    if name is not None:
        check_name(name)
    if not folder.exists():
        raise BadInput(f"no node runs here: {folder} does not exist; {_START_ONE}")
    check_folder(folder)
    if name is not None:
        path = socket_path(folder, name)
        if not is_alive(path):
            listed = _listed(running_nodes(folder))
            raise _absent(folder, [name], f"no node {name!r} runs in {folder} ({listed}); {_START_ONE}")
        return path
    match running_nodes(folder):
        case [only]:
            return socket_path(folder, only)
        case []:
            raise _absent(folder, lock_names(folder), f"no node runs in {folder}; {_START_ONE}")
        case several:
            raise BadInput(f"several nodes run in {folder}; choose one with --node: {', '.join(several)}")


def the_node(name: str | None, run_dir: Path | None = None) -> tuple[str, int]:
    """Return the name and the process of node *name*, or of the only one that there is, whether or not it answers.

    Raises BadInput.
    """
    folder = run_dir or default_folder()
    if not folder.exists():
        raise BadInput(f"no node runs here: {folder} does not exist; {_START_ONE}")
    check_folder(folder)
    names = lock_names(folder) if name is None else [check_name(name)]
    found = {each: process for each in names if (process := holder(folder, each)) is not None}
    if not found:
        which = "no node" if name is None else f"no node {name!r}"
        raise BadInput(f"{which} runs in {folder}; {_START_ONE}")
    if len(found) > 1:
        raise BadInput(f"several nodes run in {folder}; choose one with --node: {', '.join(found)}")
    return next(iter(found.items()))


def running_nodes(folder: Path) -> list[str]:
    """Return the names of the nodes that answer in *folder*."""
    return [name for name in socket_names(folder) if is_alive(folder / f"{name}.sock")]


def is_alive(path: Path) -> bool:
    """Whether somebody listens at *path*; a socket left behind by `kill -9` is there, but nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ACCEPT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def ask(
    path: Path, verb: str, args: dict[str, Any], on_event: OnEvent = _ignore, *, seconds: float | None = None
) -> Any:
    """Ask the node at *path* and return its result as plain data.

    *seconds*: for each part of its answer, once it has accepted; None waits for ever.

    Raises BadInput or Failed, as the node says, and Failed if the node does not answer.
    """
    with conversation(path, verb, args, seconds=seconds) as talk:
        while True:
            match talk.next():
                case Event() as event:
                    on_event(event)
                case Result(value):
                    return value


@contextmanager
def conversation(
    path: Path, verb: str, args: dict[str, Any], *, seconds: float | None = None
) -> Generator[Conversation]:
    """Ask the node at *path* for something in the course of which more is said. The end of the block is its end.

    *seconds*: see `ask`.
    """
    with _connected(path) as connection:
        talk = Conversation(path, connection, seconds)
        talk.begin(Request(verb, args, version()))
        yield talk


@final
class Conversation:
    """A request that was sent, and what follows."""

    def __init__(self, path: Path, connection: socket.socket, seconds: float | None) -> None:
        self._path = path
        self._connection = connection
        self._refused: OSError | None = None
        self._allowed: float | None = ACCEPT_SECONDS if seconds is None else seconds
        self._seconds = seconds

    def begin(self, request: Request) -> None:
        """Send the request. A node that refuses may close before it has read all, yet its answer is there to be read.

        Raises BadInput.
        """
        try:
            send_frame(self._connection, request, REQUEST_LIMIT)
        except FrameError as error:
            raise BadInput(f"the request is too long for a node: {error}") from error
        except UnicodeEncodeError as error:
            raise BadInput(f"{error.object!r} is no Unicode text, and cannot be sent to a node") from error
        except OSError as error:
            self._refused = error

    def say(self, name: str, **facts: Any) -> None:
        """Say something more. Raises BadInput if it is too long, Failed if the node is gone."""
        try:
            send_frame(self._connection, Said(name, facts), REQUEST_LIMIT)
        except FrameError as error:
            raise BadInput(f"too long for a node: {error}") from error
        except OSError as error:
            raise self._silent(error) from error

    def next(self) -> Event | Result:
        """Wait for the next answer. Raises BadInput or Failed, as the node says, and Failed if it says nothing."""
        try:
            answer = read_answer(self._connection, self._allowed)
        except (OSError, FrameError) as error:
            raise self._silent(error) from error
        self._allowed = self._seconds
        if isinstance(answer, Failure):
            raise _error(answer)
        return answer

    def _silent(self, error: Exception) -> Failed:
        why = self._refused or error
        return Failed(f"the node at {self._path} gave no answer ({why}); see its log, and `otpy history`")


@contextmanager
def _connected(path: Path) -> Generator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ACCEPT_SECONDS)
        try:
            connection.connect(str(path))
        except OSError as error:
            said = f"cannot reach the node at {path}: {error.strerror or error}; {_START_ONE}"
            raise _absent(path.parent, [path.stem], said) from error
        yield connection


def _absent(folder: Path, names: list[str], otherwise: str) -> CommandError:
    """Return why none of *names* listens: it is there, but not yet or no more to be asked; or else *otherwise*."""
    for name in names:
        if (process := holder(folder, name)) is not None:
            does = "stopping" if is_stopping(folder, name) else "starting"
            return Failed(f"node {name!r} (process {process}) is {does}, and cannot be asked anything; see its log")
    return BadInput(otherwise)


def is_stopping(folder: Path, name: str) -> bool:
    """Whether node *name*, whose process lives, listens no more: its socket is there until the process has ended."""
    path = socket_path(folder, name)
    return path.exists() and not is_alive(path)


def _error(failure: Failure) -> CommandError:
    kind = BadInput if failure.code == BAD_INPUT else Failed
    return kind(failure.message, detail={"error": failure.error, **failure.detail}, trace=failure.trace)


def _listed(names: list[str]) -> str:
    return f"running: {', '.join(names)}" if names else "none is running"
