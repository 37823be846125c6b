"""Frames: what a peer may send, and what happens if it sends anything else."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import TypeAlias

import msgspec
import pytest

from otpy.cli.frames import (
    REQUEST_LIMIT,
    Disconnected,
    Event,
    Failure,
    FrameError,
    Request,
    Result,
    read_answer,
    read_request,
    send_frame,
)

SOON = 5.0

Wire: TypeAlias = tuple[socket.socket, socket.socket]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Give two connected ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def frame(body: bytes) -> bytes:
    """Return *body* with its length before it."""
    return struct.pack(">I", len(body)) + body


def test_a_request_arrives_as_it_was_sent(wire: Wire) -> None:
    """The two ends agree on the format."""
    ours, theirs = wire
    request = Request("upgrade", {"sources": {"shop.cart": "x = 'ü'"}, "timeout": 1.5, "to": None})
    send_frame(theirs, request, REQUEST_LIMIT)
    assert read_request(ours, SOON) == request


@pytest.mark.parametrize(
    "answer", [Event("accepted"), Result({"a": [1, None]}), Failure("no", 1, "E", {"x": 1}, "trace")]
)
def test_an_answer_arrives_as_what_it_was(wire: Wire, answer: Event | Result | Failure) -> None:
    """A client can tell progress, results and failures apart."""
    ours, theirs = wire
    send_frame(ours, answer, REQUEST_LIMIT)
    assert read_answer(theirs, SOON) == answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000 + b"\xc0",
        b"\xa2\xff\xff",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({}),
        msgspec.msgpack.encode({"verb": 1}),
        msgspec.msgpack.encode({"verb": "tree", "args": []}),
        msgspec.msgpack.encode({"verb": "tree"}) + b"\x00",
    ],
    ids=[
        "empty",
        "no-msgpack",
        "huge-array",
        "huge-map",
        "huge-bytes",
        "deep",
        "bad-utf8",
        "array",
        "no-verb",
        "number",
        "args",
        "more",
    ],
)
def test_what_is_no_request_is_refused(wire: Wire, body: bytes) -> None:
    """Whatever a peer sends, reading ends with one kind of error."""
    ours, theirs = wire
    theirs.sendall(frame(body[:60_000]) if len(body) > 60_000 else frame(body))
    with pytest.raises(FrameError):
        read_request(ours, SOON)


def test_a_length_beyond_the_limit_is_refused_unread(wire: Wire) -> None:
    """An announced length reserves nothing."""
    ours, theirs = wire
    theirs.sendall(struct.pack(">I", REQUEST_LIMIT + 1))
    with pytest.raises(FrameError, match="limit"):
        read_request(ours, SOON)


@pytest.mark.parametrize("sent", [b"\x00\x00", struct.pack(">I", 10), frame(b"12345")[:-2]])
def test_a_peer_that_leaves_in_the_middle_is_an_error(wire: Wire, sent: bytes) -> None:
    """Half a frame is not a frame."""
    ours, theirs = wire
    theirs.sendall(sent)
    theirs.close()
    with pytest.raises(FrameError, match="middle"):
        read_request(ours, SOON)


def test_a_peer_that_says_nothing_and_leaves_is_no_error_of_the_format(
    wire: Wire,
) -> None:
    """That is how a command looks whether a node lives."""
    ours, theirs = wire
    theirs.close()
    with pytest.raises(Disconnected):
        read_request(ours, SOON)


def test_a_peer_that_is_slow_runs_out_of_time(wire: Wire) -> None:
    """The time is that of the whole frame, so a byte now and then does not extend it."""
    ours, theirs = wire
    theirs.sendall(struct.pack(">I", 10) + b"1")
    with pytest.raises(FrameError, match="in time"):
        read_request(ours, 0.05)


def test_a_value_beyond_the_limit_is_not_sent(wire: Wire) -> None:
    """The limit holds at both ends."""
    _, theirs = wire
    with pytest.raises(FrameError, match="too long"):
        send_frame(theirs, Request("x", {"y": "z" * 100}), 50)
