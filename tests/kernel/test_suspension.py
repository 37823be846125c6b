"""Bringing processes to rest and letting them go on: the kernel's half of an upgrade (its whole: tests/upgrade)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

import otpy
from otpy.errors import CallTimeout, SuspendTimeout
from otpy.kernel.calls import PENDING
from otpy.kernel.suspension import Suspension
from tests.support import DEADLINE, Echo, ThreadEcho, down, eventually, get, inside, outside, status


@contextmanager
def held(*levels: list[otpy.Pid], timeout: float = DEADLINE) -> Generator[Suspension]:
    """Hold *levels*, and let them go on at the end."""
    me: Any = otpy.self_pid()
    processes: Any = levels
    suspension = Suspension(me.runtime, lambda _behaviour: False)
    try:
        suspension.suspend(lambda: processes, timeout)
        yield suspension
    finally:
        suspension.resume()


@pytest.mark.parametrize("kind", [Echo, ThreadEcho])
@inside
def test_a_held_process_keeps_receiving_and_handles_nothing(kind: type[Echo]) -> None:
    """Afterwards it goes on with what came meanwhile, in order."""
    pid = kind.start()
    with held([pid]):
        for number in range(5):
            otpy.cast(pid, number)
        with pytest.raises(otpy.ReceiveTimeout):
            otpy.receive(timeout=0.01)
        info = otpy.process_info(pid)
        assert info is not None
        assert (info.status, info.message_queue_len) == ("suspended", 5)
    assert otpy.call(pid, "casts") == list(range(5))


@inside
def test_job_that_goes_on_after_the_end_receives_what_comes_then() -> None:
    """It stands in the middle of a receive, of a mailbox that nobody had sent anything to."""
    pid, me = Echo.start(), otpy.self_pid()

    def job(_process: object) -> None:
        otpy.send(me, otpy.receive())

    with held([pid]) as suspension:
        process: Any = pid
        assert suspension.run([process], job, timeout=0.01) == [PENDING]
    otpy.send(pid, "afterwards")
    assert get() == "afterwards"


@inside
def test_suspension_that_has_ended_keeps_nobody() -> None:
    """The runtime remembers the last one until the next: the records of those who die meanwhile are let go."""
    pid: Any = Echo.start()
    with held([pid]) as suspension:
        assert suspension.holds(pid)
    otpy.stop(pid)
    assert pid.runtime.suspension is suspension
    assert not any(each is pid for each in gc.get_referents(suspension, *gc.get_referents(suspension)))


@pytest.mark.parametrize("kind", [Echo, ThreadEcho])
@inside
def test_the_clock_of_a_caller_stands_still_while_its_server_is_held(kind: type[Echo]) -> None:
    """An upgrade must not cost anybody a time-out."""
    pid, me = kind.start(), otpy.self_pid()
    with held([pid]):
        _, ref = otpy.spawn_monitor(lambda: otpy.send(me, otpy.call(pid, "frozen", timeout=0.02)))
        otpy.sleep(0.1)
    assert get() == "frozen"
    assert down(ref) == otpy.Normal()


@inside
def test_a_time_out_is_only_put_off() -> None:
    """A server that does not answer afterwards either is too slow."""
    pid = Echo.start()
    with held([pid]):
        _, ref = otpy.spawn_monitor(_ask_too_shortly, pid)
    reason = down(ref)
    assert isinstance(reason.error, CallTimeout)


def _ask_too_shortly(server: otpy.Pid) -> None:
    otpy.call(server, otpy.receive, timeout=0.02)


@outside
def test_a_handler_that_does_not_come_to_rest_is_named() -> None:
    """With the line where it stands; and all go on."""
    gate = threading.Event()
    stuck, other = ThreadEcho.start(), Echo.start()
    otpy.cast(stuck, lambda: gate.wait(DEADLINE))
    eventually(lambda: status(stuck) == "running")
    with pytest.raises(SuspendTimeout) as error, held([stuck, other], timeout=0.05):
        pass
    assert error.value.pid is stuck
    assert "threading.py" in error.value.frame
    assert otpy.call(other, "goes on") == "goes on"
    gate.set()
    assert otpy.call(stuck, "goes on", timeout=DEADLINE) == "goes on"


@inside
def test_a_set_whose_members_call_each_other_comes_to_rest() -> None:
    """A handler under way is served by the others until it is done; nothing new begins."""
    first, second = Echo.start(), Echo.start()
    me = otpy.self_pid()

    def ask() -> str:
        otpy.send(me, "under way")
        return str(otpy.call(second, "answer", timeout=DEADLINE))

    request = otpy.send_request(first, ask)
    assert get() == "under way"
    with held([first, second]):
        assert {status(first), status(second)} == {"suspended"}
    assert otpy.wait_response(request, timeout=DEADLINE) == "answer"


@inside
def test_a_held_process_can_be_killed() -> None:
    """It leaves the set, and those who wait for it are told."""
    pid = Echo.start()
    with held([pid]):
        request = otpy.send_request(pid, "hello")
        otpy.exit(pid, otpy.Kill())
        with pytest.raises(otpy.ServerExited):
            otpy.wait_response(request, timeout=DEADLINE)


class Relay(otpy.GenServer[Any]):
    """Asks the server that it was given, on the event loop."""

    runs_on = "asyncio"

    def init(self, arg: Any) -> Any:
        """Keep whom to ask."""
        return otpy.Ok(arg)

    async def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Pass the request on."""
        return otpy.Reply(await otpy.acall(state, request, timeout=DEADLINE), state)


@inside
def test_the_clock_of_who_awaits_a_server_that_waits_for_a_held_one_stands_still() -> None:
    """The way to the held one may be long, and the upgrade does not know it."""
    held_one = Echo.start()
    relay = Relay.start(held_one)

    async def ask() -> Any:
        return await otpy.acall(relay, "frozen", timeout=0.02)

    with held([held_one]):
        asked = otpy.send_request(Echo.start(), lambda: otpy.blocking(lambda: asyncio.run(ask())))
        otpy.sleep(0.2)
        assert otpy.check_response(asked) is None
    assert otpy.wait_response(asked, timeout=DEADLINE) == "frozen"
