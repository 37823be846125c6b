"""The control server: it serves its owner, and a bad client hurts nobody but itself."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otpy.cli import control
from otpy.cli.client import ask
from otpy.cli.control import MAX_CLIENTS, ControlServer, Emit
from otpy.cli.exits import BadInput, Failed
from otpy.cli.frames import REQUEST_LIMIT, Event, Failure, FrameError, Request, Result, read_answer, send_frame
from tests.support import eventually_outside

SOON = 10.0


class Node:
    """A handler that a test can hold up, with a server before it."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        self.ended: list[str] = []
        self.server = ControlServer(path, self.handle, **options)
        self.server.start()

    def handle(self, request: Request, emit: Emit) -> object:
        """Carry out the verbs of these tests."""
        match request.verb:
            case "echo":
                return request.args
            case "wait":
                self.begun.release()
                assert self.go_on.wait(SOON)
                emit("going on", by=request.args)
            case "flood":
                self.begun.release()
                for _ in range(200):
                    emit("noise", noise="x" * 10_000)
            case "huge":
                return "x" * 2000
            case "bad":
                raise BadInput("not that")
            case _:
                raise OSError("a disk is full")
        self.ended.append(request.verb)
        return None

    def connect(self) -> socket.socket:
        """Return a raw connection."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(SOON)
        client.connect(str(self.path))
        return client

    def works(self) -> bool:
        """Whether a good client is served."""
        return bool(ask(self.path, "echo", {"a": 1}) == {"a": 1})


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a node that serves this user."""
    node = Node(tmp_path / "n.sock")
    yield node
    node.go_on.set()
    node.server.stop()


def test_the_socket_is_the_owners_alone(node: Node) -> None:
    """Besides the folder, the socket itself is closed to others."""
    assert node.path.stat().st_mode & 0o777 == 0o600


def test_events_come_before_the_result(node: Node) -> None:
    """A client sees what goes on while it waits."""
    events: list[Event] = []

    def seen(event: Event) -> None:
        events.append(event)
        node.go_on.set()

    assert ask(node.path, "wait", {"who": "me"}, seen) is None
    assert events == [Event("accepted"), Event("going on", {"by": {"who": "me"}})]


def test_a_refusal_of_the_input_is_told_from_a_failure(node: Node) -> None:
    """They end a command with different exit codes."""
    with pytest.raises(BadInput, match="not that"):
        ask(node.path, "bad", {})
    with pytest.raises(Failed, match="a disk is full") as caught:
        ask(node.path, "broken", {})
    assert caught.value.detail == {"error": "OSError"}
    assert "in handle" in caught.value.trace


def test_an_answer_beyond_the_limit_is_a_failure_not_silence(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told why there is no result."""
    monkeypatch.setattr(control, "ANSWER_LIMIT", 1000)
    with pytest.raises(Failed, match="too long"):
        ask(node.path, "huge", {})
    assert node.works()


def test_a_client_of_another_user_is_refused(tmp_path: Path) -> None:
    """The operating system says who it is: here the server expects somebody else."""
    node = Node(tmp_path / "n.sock", allowed_uid=os.geteuid() + 1)
    try:
        with pytest.raises(BadInput, match=f"belongs to user {os.geteuid() + 1}; you are user {os.geteuid()}"):
            ask(node.path, "echo", {})
    finally:
        node.server.stop()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00",
        struct.pack(">I", 100) + b"abc",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 4) + b"\xc1abc",
        b"\xff" * 70_000,
    ],
    ids=["nothing", "half-a-length", "half-a-frame", "http", "no-msgpack", "noise"],
)
def test_a_malformed_request_hurts_only_its_sender(node: Node, sent: bytes) -> None:
    """The server answers with a failure where there is one to answer to, and goes on."""
    with node.connect() as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it was refused before it had said everything
            pass
        try:
            answer = read_answer(client, SOON)
        except (OSError, FrameError):
            answer = None
        assert answer is None or isinstance(answer, Failure)
    assert node.works()


def test_an_oversized_request_is_refused(node: Node) -> None:
    """The client reads why, though it has not sent the rest."""
    with node.connect() as client:
        client.sendall(struct.pack(">I", REQUEST_LIMIT + 1))
        answer = read_answer(client, SOON)
    assert isinstance(answer, Failure)
    assert "limit" in answer.message


def test_a_client_that_leaves_does_not_end_what_it_asked_for(node: Node) -> None:
    """An upgrade under way is not stopped by a lost terminal."""
    with node.connect() as client:
        send_frame(client, Request("wait"), REQUEST_LIMIT)
        assert node.begun.acquire(timeout=SOON)
    node.go_on.set()
    eventually_outside(lambda: node.ended == ["wait"])
    assert node.works()


def test_a_client_that_does_not_read_is_dropped(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs the node a bounded time, and the request is still carried out."""
    monkeypatch.setattr(control, "WRITE_SECONDS", 0.05)
    with node.connect() as client:
        send_frame(client, Request("flood"), REQUEST_LIMIT)
        assert node.begun.acquire(timeout=SOON)
        eventually_outside(lambda: node.ended == ["flood"])
        assert node.works()


def test_a_client_that_sends_nothing_gives_its_place_back(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections cannot keep others out for long."""
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.05)
    idle = [node.connect() for _ in range(MAX_CLIENTS)]
    try:
        eventually_outside(lambda: _served(node))
    finally:
        for client in idle:
            client.close()


def test_more_clients_than_places_are_told_so(node: Node) -> None:
    """Those that wait are served to the end; the next is refused, and served once a place is free."""
    clients = [node.connect() for _ in range(MAX_CLIENTS)]
    for client in clients:
        send_frame(client, Request("wait"), REQUEST_LIMIT)
        assert node.begun.acquire(timeout=SOON)
    with pytest.raises(BadInput, match="try again"):
        ask(node.path, "echo", {})
    node.go_on.set()
    for client in clients:
        while isinstance(answer := read_answer(client, SOON), Event):
            pass
        assert answer == Result()
        client.close()
    eventually_outside(lambda: _served(node))


def test_many_clients_at_once_each_get_their_own_answer(node: Node) -> None:
    """No answer is lost or given to another."""
    answers: dict[int, Any] = {}

    def client(number: int) -> None:
        answers[number] = ask(node.path, "echo", {"number": number})

    threads = [threading.Thread(target=client, args=(number,)) for number in range(MAX_CLIENTS // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert answers == {number: {"number": number} for number in range(MAX_CLIENTS // 2)}


def test_a_client_that_no_thread_can_serve_ends_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may be out of threads for a moment; the server, and all its places, are there after it."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "otpy-control-client":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(MAX_CLIENTS + 1):
            with pytest.raises(Failed, match="gave no answer"):
                ask(node.path, "echo", {})
    assert node.works()


def test_stopping_hangs_up_and_leaves_no_thread(tmp_path: Path) -> None:
    """A node that ends does not wait for clients that are idle."""
    node = Node(tmp_path / "n.sock")
    with node.connect() as client:
        eventually_outside(lambda: "otpy-control-client" in _threads())
        node.server.stop()
        assert client.recv(1) == b""
    assert not _threads() & {"otpy-control", "otpy-control-client"}


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def _served(node: Node) -> bool:
    try:
        return node.works()
    except BadInput:
        return False
