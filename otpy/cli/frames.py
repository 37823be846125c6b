"""The control socket's language: length-prefixed msgpack frames.

A client sends one `Request`; the node answers with any number of `Event`s (what is going on) and then one
`Result` or `Failure`. Where the request begins a conversation, as `attach` does, the client may say more meanwhile
(`Said`). A frame is four bytes of length (big-endian) and that many bytes of msgpack. Lengths
are limited and contents are checked against the types below, so no peer can make the other hold more
than that, nor hand it a value of another shape.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from otpy.kernel.clock import SystemClock

if TYPE_CHECKING:
    import socket

REQUEST_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a request; the sources of a large release fit many times over."""
ANSWER_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of an answer; the tree of some hundred thousand processes fits."""

_LENGTH: Final = struct.Struct(">I")
_CHUNK: Final = 64 * 1024


class Request(msgspec.Struct, frozen=True):
    """One thing asked of a node. Which verbs there are, and their arguments, is `verbs.py`'s matter.

    *version* is the client's, for the case that the node is of another one.
    """

    verb: str
    args: dict[str, Any] = {}
    version: str = ""


class Said(msgspec.Struct, frozen=True):
    """What a client says in the course of a conversation."""

    name: str
    facts: dict[str, Any] = {}


class Event(msgspec.Struct, frozen=True, tag="event", tag_field="kind"):
    """Something that happens while the node works on the request."""

    name: str
    facts: dict[str, Any] = {}


class Result(msgspec.Struct, frozen=True, tag="result", tag_field="kind"):
    """The request was carried out."""

    value: Any = None


class Failure(msgspec.Struct, frozen=True, tag="failure", tag_field="kind"):
    """The request was not carried out; *code* is the exit code that it means for a command."""

    message: str
    code: int
    error: str = ""
    detail: dict[str, Any] = {}
    trace: str = ""


Answer: TypeAlias = Event | Result | Failure


class FrameError(Exception):
    """What came is no frame of this protocol, or did not come in time."""


class Disconnected(FrameError):
    """The peer closed the connection where a frame should have begun."""


def send_frame(sock: socket.socket, value: Request | Said | Answer, limit: int) -> None:
    """Send *value*; the timeout of *sock* bounds the whole of it.

    Raises FrameError if it is longer than *limit* bytes, OSError if the peer is gone or does not read.
    """
    body = msgspec.msgpack.encode(value)
    if len(body) > limit:
        raise FrameError(f"a frame of {len(body)} bytes is too long; the limit is {limit}")
    sock.sendall(_LENGTH.pack(len(body)) + body)


def read_request(sock: socket.socket, seconds: float) -> Request:
    """Read a request that has to be complete within *seconds*."""
    request: Request = _decode(_read_frame(sock, REQUEST_LIMIT, seconds), Request)
    return request


def read_said(sock: socket.socket) -> Said:
    """Read the next thing that the client of a conversation says, however long it takes."""
    said: Said = _decode(_read_frame(sock, REQUEST_LIMIT, None), Said)
    return said


def read_answer(sock: socket.socket, seconds: float | None) -> Answer:
    """Read the next answer; None waits for ever."""
    answer: Answer = _decode(_read_frame(sock, ANSWER_LIMIT, seconds), Answer)
    return answer


def _decode(body: bytes, wanted: Any) -> Any:
    try:
        return msgspec.msgpack.decode(body, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"malformed frame: {error}") from error


def _read_frame(sock: socket.socket, limit: int, seconds: float | None) -> bytes:
    deadline = None if seconds is None else SystemClock.now() + seconds
    head = _read_exactly(sock, _LENGTH.size, deadline)
    if not head:
        raise Disconnected("the connection was closed")
    (length,) = _LENGTH.unpack(head)
    if length > limit:
        raise FrameError(f"a frame of {length} bytes is announced; the limit is {limit}")
    body = _read_exactly(sock, length, deadline)
    if len(body) < length:
        raise FrameError("the connection was closed in the middle of a frame")
    return body


def _read_exactly(sock: socket.socket, size: int, deadline: float | None) -> bytes:
    """Read *size* bytes, or none where the peer closed before the first.

    Memory grows with what comes, not with *size*.
    """
    got = bytearray()
    while len(got) < size:
        sock.settimeout(_left(deadline))
        try:
            chunk = sock.recv(min(size - len(got), _CHUNK))
        except TimeoutError:
            raise FrameError("the frame did not come in time") from None
        if not chunk:
            if got:
                raise FrameError("the connection was closed in the middle of a frame")
            break
        got += chunk
    return bytes(got)


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - SystemClock.now()
    if left <= 0:
        raise FrameError("the frame did not come in time")
    return left
