"""Requests that wait for an answer.

A `Call` is the message in the server's mailbox, the `from_` that `handle_call` gets, and the place where the answer is
put: one object for each request. Its answer is set once and then its waiter is woken. A waiter that has given up is
taken out, and an answer that comes later is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import msgspec

from otpy.errors import CallError, CallingSelf, CallTimeout, NoProcess, ServerExited
from otpy.kernel.clock import FOREVER, moment_in
from otpy.kernel.here import current, here, leave, waiting
from otpy.kernel.pid import Pid
from otpy.kernel.plane import in_plane
from otpy.kernel.process import AWAITED, CARRIED, Process, deliver

if TYPE_CHECKING:
    from otpy.kernel.process import Waiter
    from otpy.kernel.reasons import Reason
    from otpy.kernel.suspension import Suspension


class Pending:
    """The answer that is not there yet."""

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Any = Pending()


@final
class Failed:
    """An answer that raises *error* at the caller."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class From:
    """Who asked, `From(pid, tag)`: `reply(from_, value)` answers. *tag* tells this request from all others."""

    __slots__ = ()
    __match_args__ = ("pid", "tag")

    pid: Pid

    @property
    def tag(self) -> From:
        """The request itself."""
        return self

    def __copy__(self) -> From:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> From:
        return self


class Call(From, msgspec.Struct, eq=False, weakref=True):
    """A request on its way, and its answer."""

    pid: Pid
    request: Any
    server: Process
    waiter: Any  # a Waiter; None when nobody waits any more
    answer: Any = PENDING

    def __repr__(self) -> str:
        return f"From({self.pid!r})"

    def put(self, answer: Any) -> None:
        """Set the answer and wake the waiter. A second answer is dropped."""
        if self.answer is not PENDING:
            return
        self.answer = answer
        waiter: Waiter | None = self.waiter
        if waiter is not None and waiter.parked is not None:
            waiter.executor.submit(waiter)

    def hand_back(self, error: BaseException) -> None:
        """Answer with *error*."""
        self.put(Failed(error))

    def fail(self, reason: Reason) -> None:
        """Answer that the server ended with *reason*."""
        self.put(Failed(ServerExited(reason, self.server, self.request)))

    def abandon(self) -> None:
        """Wait no more: a late answer finds nobody, and the server need not remember that it owes one."""
        self.waiter = None
        deferred = self.server.deferred
        if deferred is not None:
            deferred.discard(self)

    def refuse(self) -> None:
        """Answer that nobody is there."""
        self.put(Failed(NoProcess(self.server, self.request)))


class SystemCall(Call, eq=False, weakref=True):
    """A request of otpy.sys: *request* is a function of the process, which answers for the behaviour."""


AWAITED.update((Call, SystemCall))
CARRIED.update({Call: "request", SystemCall: "request"})


class Cast(msgspec.Struct, eq=False):
    """A request that wants no answer."""

    request: Any


CARRIED[Cast] = "request"


def send_call(process: Process, server: Process, request: Any) -> Call:
    """Send *request* to *server* without waiting."""
    call = Call(process, request, server, process)
    deliver(server, call)
    if server.exit_reason is not None:  # it may have died between the look at its mailbox and the append
        call.refuse()
    return call


def ask(server: Process, request: Any, timeout: float | None, kind: type[Call] = Call) -> Any:
    """Send *request* to *server* and wait for the answer, *timeout* seconds or for ever.

    The way of every call, so it is written for speed: the caller sets `parked` before it sends, so that no answer can
    come too early to wake it, and no timer is made where an earlier one of the same process will do (see timers.py).
    """
    me = here.process
    if me is None or me.fenced or me.parked is not None or in_plane():
        me = waiting()
    if server is me:
        raise CallingSelf(server, request)
    runner = me.runner
    assert runner is not None
    call = kind(me, request, server, me)
    try:
        if timeout is not None:
            deadline = me.deadline = moment_in(me.runtime.clock, timeout)
            if me.timer_at > deadline:
                me.runtime.timers.arm(me, deadline)
        me.wait_on = server
        me.parked = runner.stand()
        deliver(server, call)
        if server.exit_reason is not None:
            call.refuse()
        if me.fenced:
            me.parked = None
        else:
            runner.park(me)
        if call.answer is PENDING or me.fenced:
            wait_on(call, me, timeout)
    except BaseException:
        _waits_no_more(me)
        call.abandon()
        raise
    me.deadline = FOREVER
    me.wait_on = None
    answer = call.answer
    if type(answer) is Failed:
        raise answer.error
    return answer


def wait_on(call: Call, me: Process, timeout: float | None) -> None:
    """Go on waiting after a wake-up that brought no answer.

    While an upgrade suspends the server, the time of its callers stands still.
    """
    try:
        _wait_on(call, me, timeout)
    except BaseException:
        _waits_no_more(me)
        raise


def _waits_no_more(me: Process) -> None:
    """Leave nothing of a wait that an exception has ended: Ctrl-C comes at any moment, also before the thread parks."""
    me.parked = None
    me.deadline = FOREVER
    me.wait_on = None


def _wait_on(call: Call, me: Process, timeout: float | None) -> None:
    runner = me.runner
    assert runner is not None
    until = me.deadline
    made_good: Suspension | None = None
    while True:
        if me.fenced and not _is_told(call, me):
            call.waiter = None
            leave(me)
        if call.answer is not PENDING:
            return
        if until <= me.runtime.clock.now():
            suspension = me.runtime.suspension
            if suspension is None or suspension is made_good or timeout is None:
                call.waiter = None
                raise CallTimeout(call.server, timeout, call.request)
            if suspension.stands_still(me, call.server):
                me.deadline = FOREVER  # it is woken when the suspension ends
            else:
                made_good = suspension
                until = me.deadline = until + suspension.stood_still(call.server, until - timeout)
                continue
        me.parked = runner.stand()
        if call.answer is not PENDING or me.fenced:
            me.parked = None
            continue
        if me.deadline != FOREVER:
            me.runtime.timers.arm(me, me.deadline)
        runner.park(me)


def _is_told(call: Call, me: Process) -> bool:
    """Whether *me* is a thread of the program, which lives on, whose answer came before the runtime was stopped."""
    return call.answer is not PENDING and here.ward is not None and me.runtime.stopped


def wait_for_answer(call: Call, timeout: float | None) -> Any:
    """Wait for the answer of a call sent with `send_call`; CallTimeout leaves it usable for a further wait."""
    me = waiting()
    if call.waiter is not me:
        msg = f"{me!r} waits for a request that another process sent"
        raise CallError(msg, call.server, call.request)
    if timeout is not None:
        me.deadline = moment_in(me.runtime.clock, timeout)
    me.wait_on = call.server
    try:
        wait_on(call, me, timeout)
    except CallTimeout:
        call.waiter = me
        raise
    me.deadline = FOREVER
    me.wait_on = None
    answer = call.answer
    if type(answer) is Failed:
        raise answer.error
    return answer


def answer(from_: From, value: Any) -> None:
    """Answer the request of *from_*; a late or second answer is dropped."""
    current()  # the code of a dead process may not answer
    call = from_.tag
    if isinstance(call, Call):
        call.put(value)
        deferred = call.server.deferred
        if deferred is not None:
            deferred.discard(call)


def pause(process: Process) -> Call:
    """Return a request to nobody: what *process* waits for when it waits for something other than a server."""
    return Call(process, None, process.runtime.system, process)
