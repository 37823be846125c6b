"""Special processes: plain functions that answer requests of sys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy import proc_lib, sys
from tests.support import DEADLINE, Echo, down, get, inside, status


def loop(state: Any, special: sys.Special[Any] | None = None) -> None:
    """Count what comes; answer requests of sys."""
    while True:
        message = otpy.receive()
        if isinstance(message, sys.SystemMessage):
            more = () if special is None else (special,)
            state = sys.handle_system_msg(message, state, *more)
        elif message == "end":
            return
        else:
            sys.handle_debug(sys.In(message), state)
            state += 1
            if isinstance(message, otpy.Pid):
                sys.handle_debug(sys.Out(state, message), state)
                otpy.send(message, state)


class Doubled(sys.Special[int]):
    """Shows twice its state."""

    def system_get_state(self, state: int) -> int:
        """Twice."""
        return state * 2

    def system_replace_state(self, fn: Callable[[Any], Any], state: int) -> int:
        """Half of what is made of that."""
        return int(fn(state * 2)) // 2

    def system_code_change(self, state: int, module: str, old_vsn: Any, extra: Any) -> otpy.Ok[int]:
        """Take what is given."""
        return otpy.Ok(state + extra)

    def system_terminate(self, reason: Any, state: int) -> None:
        """Say so."""
        otpy.send("test", ("terminate", reason, state))


class Fails(sys.Special[int]):
    """Raises."""

    def system_get_state(self, state: int) -> int:
        """Raise."""
        raise ValueError(state)

    def system_terminate(self, reason: Any, state: int) -> None:
        """Raise."""
        raise otpy.ExitProcess("other")


# case: sys_SUITE: special_process
@inside
def test_a_plain_process_shows_and_replaces_its_state() -> None:
    """Without a word of its own, the state itself; in order behind earlier messages."""
    pid = otpy.spawn(loop, 5)
    assert sys.get_state(pid) == 5
    otpy.send(pid, "count")
    assert sys.get_state(pid) == 6
    assert sys.replace_state(pid, lambda state: state + 10) == 16
    assert sys.get_state(pid) == 16
    with pytest.raises(otpy.CallbackFailed):
        sys.replace_state(pid, lambda _: 1 / 0)
    assert sys.get_state(pid) == 16
    assert sys.get_status(pid)["state"] == 16


# case: sys_SUITE: special_process
@inside
def test_callbacks_say_what_is_shown_and_replaced() -> None:
    """One that fails is told to who has asked, and the process goes on."""
    pid = otpy.spawn(loop, 5, Doubled())
    assert sys.get_state(pid) == 10
    assert sys.replace_state(pid, lambda shown: shown + 2) == 12
    assert sys.get_state(pid) == 12
    failing = otpy.spawn(loop, 5, Fails())
    with pytest.raises(ValueError, match="5"):
        sys.get_state(failing)
    otpy.send(failing, otpy.self_pid())
    assert get() == 6


# case: sys_SUITE: special_process
@inside
def test_a_suspended_one_leaves_its_mail_until_it_is_resumed() -> None:
    """It answers requests meanwhile; and suspending twice is no error."""
    pid = otpy.spawn(loop, 0)
    sys.suspend(pid)
    sys.suspend(pid)
    assert status(pid) == "suspended"
    otpy.send(pid, otpy.self_pid())
    assert sys.get_state(pid) == 0
    assert sys.get_status(pid)["status"] == "suspended"
    assert otpy.flush() == []
    sys.resume(pid)
    assert get() == 1
    assert sys.get_status(pid)["status"] == "running"


@inside
def test_a_suspended_one_ends_with_its_parent() -> None:
    """As a server does, through its own cleaning up."""
    otpy.register("test", otpy.self_pid())

    def child() -> None:
        otpy.trap_exit(True)
        proc_lib.init_ack()
        loop(1, Doubled())

    def parent() -> None:
        otpy.send("test", proc_lib.start_link(child))
        otpy.receive()
        raise otpy.ExitProcess(otpy.Shutdown())

    father = otpy.spawn(parent)
    pid = get()
    ref = otpy.monitor(pid)
    sys.suspend(pid)
    otpy.send(father, "end")
    assert get() == ("terminate", otpy.Shutdown(), 1)
    assert down(ref) == otpy.Shutdown()


# case: sys_SUITE: special_process
# case: proc_lib_SUITE: stop
@pytest.mark.parametrize("stop", [sys.terminate, proc_lib.stop])
@inside
def test_it_ends_as_it_is_told(stop: Callable[..., None]) -> None:
    """With the reason, when it has cleaned up; what that raises is another one."""
    otpy.register("test", otpy.self_pid())
    pid, ref = otpy.spawn_monitor(loop, 5, Doubled())
    stop(pid, otpy.Shutdown("told"))
    assert get() == ("terminate", otpy.Shutdown("told"), 5)
    assert down(ref) == otpy.Shutdown("told")
    other, ref = otpy.spawn_monitor(loop, 5, Fails())
    if stop is sys.terminate:
        stop(other)
    else:
        with pytest.raises(otpy.ServerExited):
            stop(other)
    assert down(ref) == "other"


# case: sys_SUITE: special_process
@inside
def test_it_is_counted_logged_and_traced_as_far_as_it_says() -> None:
    """With handle_debug, which costs nothing while nobody looks."""
    pid, me = otpy.spawn(loop, 0), otpy.self_pid()
    assert sys.statistics(pid, "get") is None
    sys.statistics(pid, flag=True)
    sys.log(pid, 5)
    seen: list[Any] = []
    sys.install(pid, lambda event, state: seen.append((event, state)))
    otpy.send(pid, me)
    assert get() == 1
    counts = sys.statistics(pid, "get")
    assert counts is not None
    assert (counts.messages_in, counts.messages_out) == (1, 1)
    assert sys.log(pid, 0) == [sys.In(me), sys.Out(1, me)]
    assert seen == [(sys.In(me), 0), (sys.Out(1, me), 1)]
    sys.no_debug(pid)
    otpy.send(pid, me)
    assert get() == 2
    assert len(seen) == 2


@inside
def test_its_code_is_changed_if_it_says_how() -> None:
    """Suspended, as servers; refused if it does not."""
    pid, plain = otpy.spawn(loop, 5, Doubled()), otpy.spawn(loop, 5)
    for each in (pid, plain):
        sys.suspend(each)
    sys.change_code(pid, __name__, None, 3)
    with pytest.raises(otpy.ChangeCodeFailed):
        sys.change_code(plain, __name__, None, 3)
    assert (sys.get_state(pid), sys.get_state(plain)) == (16, 5)
    for each in (pid, plain):
        sys.resume(each)
        otpy.send(each, otpy.self_pid())
    assert {get(), get()} == {9, 6}


@inside
def test_requests_before_it_is_ready_do_not_disturb_its_start() -> None:
    """It acknowledges afterwards."""

    def slow() -> None:
        otpy.send("test", otpy.self_pid())
        message = otpy.receive()
        assert isinstance(message, sys.SystemMessage)
        sys.handle_system_msg(message, "starting")
        proc_lib.init_ack()
        loop(0)

    def look() -> None:
        pid = otpy.receive()
        otpy.send("asker", sys.get_state(pid))

    otpy.register("asker", otpy.self_pid())
    otpy.register("test", otpy.spawn(look))
    pid = proc_lib.start(slow, timeout=DEADLINE)
    assert get() == "starting"
    assert sys.get_state(pid) == 0


@inside
def test_who_ends_without_an_answer_fails_the_request() -> None:
    """Nobody waits for ever, and nothing is kept for requests that are answered."""
    pid = otpy.spawn(loop, 0)
    for _ in range(3):
        sys.get_state(pid)
    assert not pid.deferred  # type: ignore[attr-defined]
    leaves = otpy.spawn(otpy.receive)
    with pytest.raises(otpy.ServerExited):
        sys.get_state(leaves)


@inside
def test_what_is_no_request_is_refused() -> None:
    """And so is who is no plain process, and what is no Special."""
    asker = otpy.self_pid()

    def tries(*arguments: Any) -> None:
        try:
            sys.handle_system_msg(*arguments)
        except TypeError as error:
            otpy.send(asker, str(error))

    otpy.spawn(tries, "message", 0)
    assert "no SystemMessage" in get()

    def with_junk() -> None:
        tries(otpy.receive(), 0, "special")

    pid = otpy.spawn(with_junk)
    with pytest.raises(otpy.ServerExited):
        sys.get_state(pid)
    assert "no Special" in get()
    otpy.call(Echo.start(), lambda: tries("message", 0))
    assert "servers answer by themselves" in get()
