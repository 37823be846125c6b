"""The node's end of the control socket.

The server has threads of its own, so neither a slow client nor a long upgrade holds up the scheduler. One thread
accepts; each client gets a thread for its one request, or its one conversation. A client is refused if it runs under
another user id than the node (the kernel says which), if too many are served already, or if its request is malformed or
does not come in time. A client that leaves, or stops reading, ends only its own connection: what it asked for is
finished. (What belongs to a conversation ends with it: see shells.py.)
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

from otpy.cli.exits import BAD_INPUT, FAILED, BadInput
from otpy.cli.frames import (
    ANSWER_LIMIT,
    Answer,
    Disconnected,
    Event,
    Failure,
    FrameError,
    Request,
    Result,
    Said,
    read_request,
    read_said,
    send_frame,
)
from otpy.cli.peer import peer_uid
from otpy.cli.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

MAX_CLIENTS: Final = 32
REQUEST_SECONDS: Final = 10.0
"""Time for a client to send its whole request."""
WRITE_SECONDS: Final = 5.0
"""Time for a client to take an answer."""
_STOP_SECONDS: Final = 2.0

_log = logging.getLogger("otpy.control")


class Emit(Protocol):
    """Tells the client what is going on."""

    def __call__(self, name: str, **facts: Any) -> None:
        """Send an event; a client that is gone changes nothing."""

    def gone(self) -> bool:
        """Whether the client has left, or the server stops: for verbs that go on until then."""
        ...

    def encoded(self, name: str, facts: dict[str, Any]) -> None:
        """Send an event whose *facts* are plain data already, or Structs of it: for thousands of them."""
        ...

    def heard(self) -> Iterator[Said]:
        """Yield what the client says, until it has left or the server stops. From here on it is a conversation.

        In a conversation a client may take as long as it likes to read (a pager stands still): who tells it something
        waits for it. Raises FrameError for what is none.
        """
        ...

    def hear_no_more(self) -> None:
        """End `heard`, which may run in another thread; the client can still be told something."""
        ...

    def hang_up(self) -> None:
        """Close the connection; who waits for the client to read does so no more."""
        ...


Handler: TypeAlias = Callable[[Request, Emit], object]
"""Carries out a request and returns its result; raises CommandError or any other error to refuse."""


@final
class ControlServer:
    """Serves the socket at *path* from `start` to `stop`."""

    def __init__(self, path: Path, handler: Handler, *, allowed_uid: int | None = None) -> None:
        """*allowed_uid* is whose clients are served; None is the user of this process."""
        self._path = path
        self._handler = handler
        self._allowed_uid = os.geteuid() if allowed_uid is None else allowed_uid
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wake, self._woken = socket.socketpair()
        self._places = threading.BoundedSemaphore(MAX_CLIENTS)
        self._clients: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, name="otpy-control", daemon=True)

    def start(self) -> None:
        """Bind the socket and begin to serve. The folder of *path* has to be closed to others already."""
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(MAX_CLIENTS)
        self._acceptor.start()

    def stop(self) -> None:
        """Take no more clients, and close those that are still there."""
        self._wake.close()
        self._acceptor.join()
        self._listener.close()
        self._woken.close()
        with self._lock:
            clients = dict(self._clients)
        for connection in clients.values():
            _shut(connection, socket.SHUT_RDWR)
        for thread in clients:
            thread.join(_STOP_SECONDS)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while not any(key.fileobj is self._woken for key, _ in selector.select()):
                try:
                    connection, _ = self._listener.accept()
                except OSError as error:  # such as too many open files: the client waits in the queue
                    _log.warning("cannot accept a client: %s", error)
                    selector.unregister(self._listener)
                    selector.select(timeout=0.1)
                    selector.register(self._listener, selectors.EVENT_READ)
                    continue
                try:
                    self._admit(connection)
                except (OSError, RuntimeError) as error:  # it left already, or the system has no thread to spare
                    _log.warning("cannot serve a client: %s", error)
                    connection.close()

    def _admit(self, connection: socket.socket) -> None:
        """Give the client a thread, if it may have one."""
        connection.settimeout(WRITE_SECONDS)
        uid = peer_uid(connection)
        if uid != self._allowed_uid:
            _log.warning("refused a client of user %d; this node serves user %d", uid, self._allowed_uid)
            _refuse(connection, f"this node belongs to user {self._allowed_uid}; you are user {uid}")
        elif not self._places.acquire(blocking=False):
            _refuse(connection, f"this node serves {MAX_CLIENTS} clients already; try again")
        else:
            thread = threading.Thread(target=self._serve, args=(connection,), name="otpy-control-client", daemon=True)
            with self._lock:
                self._clients[thread] = connection
            try:
                thread.start()
            except RuntimeError:
                self._leave(thread)
                raise

    def _serve(self, connection: socket.socket) -> None:
        client = Client(connection)
        try:
            answer = self._answer(connection, client)
            if answer is not None:
                client.send(answer)
        finally:
            client.close()
            self._leave(threading.current_thread())

    def _leave(self, thread: threading.Thread) -> None:
        """Give the place of the client of *thread* back."""
        with self._lock:
            del self._clients[thread]
        self._places.release()

    def _answer(self, connection: socket.socket, client: Client) -> Answer | None:
        """Read the request, carry it out and return what to answer; None if there is nobody to answer to."""
        try:
            request = read_request(connection, REQUEST_SECONDS)
        except Disconnected:
            return None
        except FrameError as error:
            return Failure(str(error), BAD_INPUT, type(error).__name__)
        except OSError as error:
            _log.info("lost a client: %s", error)
            return None

        client("accepted")
        try:
            return Result(plain(self._handler(request, client)))
        except Exception as error:  # noqa: BLE001 - whatever a verb raises is the client's answer
            return _failure(error)


@final
class Client:
    """The client of one request, as the verb that carries it out sees it: see Emit.

    Several threads may tell it something; a frame is sent as a whole.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._converses = False
        self._over = False  # there is nobody to send anything to
        self._deaf = False  # whatever it says is not heard any more

    def __call__(self, name: str, **facts: Any) -> None:
        """Send an event, if the client is still there and reads."""
        self.encoded(name, {key: plain(value) for key, value in facts.items()})

    def encoded(self, name: str, facts: dict[str, Any]) -> None:
        """See Emit.encoded."""
        self.send(Event(name, facts))

    def send(self, answer: Answer) -> None:
        """Send *answer* if the client is still there and reads."""
        with self._sending:
            if not self._over:
                self._over = not _send(self._connection, answer, None if self._converses else WRITE_SECONDS)

    def close(self) -> None:
        """Close the connection when nobody sends any more: its number may be another client's at once."""
        _shut(self._connection, socket.SHUT_RDWR)
        with self._sending:
            self._over = True
            self._connection.close()

    def gone(self) -> bool:
        """Whether the connection was closed, at either end. What a client sends besides is left alone."""
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self._connection, selectors.EVENT_READ)
                return bool(selector.select(timeout=0)) and not self._connection.recv(1, socket.MSG_PEEK)
            except (OSError, ValueError):
                return True

    def heard(self) -> Iterator[Said]:
        """See Emit.heard."""
        self._converses = True  # before anything is read: a reader and a writer at once need the same timeout, none
        return self._heard()

    def _heard(self) -> Iterator[Said]:
        while True:
            try:
                yield read_said(self._connection)
            except (Disconnected, OSError):
                self._over = self._over or not self._deaf
                return

    def hear_no_more(self) -> None:
        """See Emit.hear_no_more."""
        self._deaf = True
        _shut(self._connection, socket.SHUT_RD)

    def hang_up(self) -> None:
        """See Emit.hang_up."""
        self._over = True
        _shut(self._connection, socket.SHUT_RDWR)


def _failure(error: Exception) -> Failure:
    """Describe *error* so that a client can explain it as well as this process could."""
    facts = {name: getattr(error, name, None) for name in ("report", "recovery")}
    return Failure(
        message=str(error) or type(error).__name__,
        code=BAD_INPUT if isinstance(error, BadInput) else FAILED,
        error=type(error).__name__,
        detail={name: plain(value) for name, value in facts.items() if value is not None},
        trace="".join(traceback.format_exception(error)),
    )


def _send(connection: socket.socket, answer: Answer, seconds: float | None) -> bool:
    """Send *answer*; return whether the client is still there, and has read it within *seconds*."""
    try:
        connection.settimeout(seconds)
        send_frame(connection, answer, ANSWER_LIMIT)
    except FrameError as error:
        return _send(connection, Failure(str(error), FAILED, type(error).__name__), seconds)
    except OSError as error:
        _log.info("a client left, or does not read: %s", error)
        _shut(connection, socket.SHUT_RDWR)  # a frame may be half sent; nothing that follows would make sense
        return False
    return True


def _refuse(connection: socket.socket, why: str) -> None:
    with connection:
        _send(connection, Failure(why, BAD_INPUT, "Refused"), WRITE_SECONDS)


def _shut(connection: socket.socket, how: int) -> None:
    try:
        connection.shutdown(how)
    except OSError:  # it is closed already
        return
