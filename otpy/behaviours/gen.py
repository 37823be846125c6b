"""What every server answers to: call, cast, reply, stop, and requests whose answer is fetched later.

Source: OTP gen.erl, gen_server.erl: call/3, cast/2, reply/2, stop/3, send_request/2, wait_response/2, check_response/2.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

import msgspec

from otpy.errors import CallingSelf, CallTimeout, NoProcess, ServerExited
from otpy.kernel import aio, calls
from otpy.kernel.calls import PENDING, Call, Cast, Failed, From
from otpy.kernel.here import current, here, waiting
from otpy.kernel.messages import StopServer
from otpy.kernel.primitives import Dest, resolve
from otpy.kernel.process import Process, deliver
from otpy.kernel.reasons import Normal, Reason, check_reason
from otpy.kernel.via import Via

ReplyT = TypeVar("ReplyT")
ReplyT_co = TypeVar("ReplyT_co", covariant=True)


class Request(Generic[ReplyT]):
    """Base of a request whose reply has a type: `class Get(otpy.Request[int])` makes `call(server, Get())` an int."""

    __slots__ = ()


@overload
def call(server: Dest, request: Request[ReplyT], *, timeout: float | None = 5.0) -> ReplyT: ...
@overload
def call(server: Dest, request: Any, *, timeout: float | None = 5.0) -> Any: ...
def call(server: Dest, request: Any, *, timeout: float | None = 5.0) -> Any:
    """Send *request* to *server* and return its reply.

    *timeout* in seconds; None waits for ever. Raises NoProcess (nobody there), ServerExited (it ended first),
    CallTimeout (too slow; a reply that comes later is dropped) and CallingSelf. All are CallError.
    """
    return calls.ask(server if type(server) is Process else resolve(server), request, timeout)


@overload
async def acall(server: Dest, request: Request[ReplyT], *, timeout: float | None = 5.0) -> ReplyT: ...
@overload
async def acall(server: Dest, request: Any, *, timeout: float | None = 5.0) -> Any: ...
async def acall(server: Dest, request: Any, *, timeout: float | None = 5.0) -> Any:
    """As `call`, awaited on any event loop. A cancelled await drops the reply."""
    return await aio.acall(resolve(server), request, timeout)


def cast(server: Dest, request: Any) -> None:
    """Send *request* to *server* and do not wait. The dead swallow it; so does a name that nobody has, as in OTP."""
    me = here.process
    if me is None or me.fenced:
        current()
    if type(server) is Process and server.mailbox is not None:
        server.mailbox.append(Cast(request))  # `deliver`, where it matters most
        if not server.scheduled:
            server.scheduled = True
            server.executor.submit(server)
        return
    try:
        if type(server) is Via:
            server.send(Cast(request))
        else:
            deliver(resolve(server), Cast(request))
    except NoProcess:
        return


def reply(from_: From, value: Any) -> None:
    """Answer a request whose `handle_call` returned NoReply. Any process may; a second or late answer is dropped."""
    calls.answer(from_, value)


def stop(server: Dest, reason: Reason = Normal(), *, timeout: float | None = None) -> None:  # noqa: B008 - a frozen value
    """Order *server* to end with *reason*, through its `terminate`, and wait until it has.

    Raises NoProcess, ServerExited with the actual reason if it is another one, CallTimeout (it is left alone then) and
    CallingSelf.
    """
    process = resolve(server)
    if process is waiting():
        raise CallingSelf(server)
    check_reason(reason)
    try:
        calls.ask(process, StopServer(reason), timeout, calls.SystemCall)
    except ServerExited as exited:
        if exited.reason != reason:
            raise


# -- requests that are answered later --------------------------------------------------------------


class RequestId(msgspec.Struct, Generic[ReplyT_co], frozen=True, eq=False):
    """A request under way; see `send_request`."""

    call: Call


class Response(msgspec.Struct, Generic[ReplyT_co], frozen=True):
    """The answer of a request, found by `check_response`."""

    value: ReplyT_co


@overload
def send_request(server: Dest, request: Request[ReplyT]) -> RequestId[ReplyT]: ...
@overload
def send_request(server: Dest, request: Any) -> RequestId[Any]: ...
def send_request(server: Dest, request: Any) -> RequestId[Any]:
    """Send *request* and return at once; `wait_response` or `check_response` fetch the answer, in this process."""
    me = current()
    try:
        return RequestId(calls.send_call(me, resolve(server), request))
    except NoProcess as error:
        return RequestId(Call(me, request, me.runtime.system, me, Failed(error)))


def wait_response(request_id: RequestId[ReplyT], *, timeout: float | None = None) -> ReplyT:
    """Wait for the answer of *request_id*. Errors as in `call`; after CallTimeout the request is still under way."""
    return calls.wait_for_answer(request_id.call, timeout)  # type: ignore[no-any-return]


def check_response(request_id: RequestId[ReplyT]) -> Response[ReplyT] | None:
    """Return the answer of *request_id* if it is there, else None. Raises as `call` if there will be none."""
    current()
    answer = request_id.call.answer
    if answer is PENDING:
        return None
    if type(answer) is Failed:
        raise answer.error
    return Response(answer)


__all__ = [
    "CallTimeout",
    "From",
    "Request",
    "RequestId",
    "Response",
    "acall",
    "call",
    "cast",
    "check_response",
    "reply",
    "send_request",
    "stop",
    "wait_response",
]
