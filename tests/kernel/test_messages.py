"""Sending and receiving: order, selection, time."""

from __future__ import annotations

import functools
import threading

import pytest

import otpy
from tests.support import DEADLINE, down, eventually, eventually_waits, get, idle_process, inside, reason_of


@inside
def test_messages_of_one_sender_arrive_in_the_order_sent() -> None:
    """The order per sender and receiver is what protocols stand on."""
    me = otpy.self_pid()
    for number in range(1000):
        otpy.send(me, number)
    assert otpy.flush() == list(range(1000))


@inside
def test_send_returns_the_message() -> None:
    """As in Erlang, so that a send can stand inside an expression."""
    assert otpy.send(otpy.self_pid(), "hello") == "hello"


@inside
def test_messages_are_passed_by_reference() -> None:
    """The docs promise it: nothing is copied."""
    message = ["shared"]
    otpy.send(otpy.self_pid(), message)
    assert get() is message


@inside
def test_the_dead_swallow_messages() -> None:
    """A pid may be old; sending to it is no error."""
    pid = otpy.spawn(lambda: None)
    reason_of(pid)
    otpy.send(pid, "too late")


@inside
def test_an_unknown_name_raises_and_says_so() -> None:
    """Unlike a dead pid, an unknown name is most often a typing error."""
    with pytest.raises(otpy.NoProcess, match="'nobody'"):
        otpy.send("nobody", "hello")


@inside
def test_a_destination_of_the_wrong_type_is_refused() -> None:
    """The error says what is accepted."""
    with pytest.raises(TypeError, match="Pid, a registered name"):
        otpy.send(42, "hello")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@inside
def test_receive_selects_and_leaves_the_others_in_order() -> None:
    """Selective receive takes the first match; what it passes over stays where it was."""
    for message in (1, "a", 2, "b", 3):
        otpy.send(otpy.self_pid(), message)
    assert otpy.receive(lambda m: isinstance(m, str)) == "a"
    assert otpy.receive(lambda m: m == 3) == 3
    assert otpy.flush() == [1, 2, "b"]


@inside
def test_passed_over_messages_come_before_later_ones() -> None:
    """What was passed over while waiting is older than what came meanwhile."""
    me = otpy.self_pid()
    otpy.send(me, "old")

    def sender() -> None:
        otpy.send(me, "older than the match")
        otpy.send(me, "match")
        otpy.send(me, "new")

    _, ref = otpy.spawn_monitor(sender)
    assert otpy.receive(lambda m: m == "match", timeout=DEADLINE) == "match"
    assert down(ref) == otpy.Normal()
    assert otpy.flush() == ["old", "older than the match", "new"]


@inside
def test_passed_over_messages_count_as_queued_while_waiting() -> None:
    """Whoever looks at the process from outside must see what it has not taken."""
    pid = otpy.spawn(lambda: otpy.receive(lambda m: m == "match"))
    for number in range(3):
        otpy.send(pid, number)

    def seen() -> bool:
        info = otpy.process_info(pid)
        return info is not None and info.status == "waiting" and info.message_queue_len == 3

    eventually(seen)
    otpy.send(pid, "match")


@inside
def test_a_call_passed_over_by_one_who_is_killed_is_answered() -> None:
    """It is out of the mailbox while the receiver waits, and must be failed all the same."""
    pid = otpy.spawn(lambda: otpy.receive(lambda m: m == "never"))
    request = otpy.send_request(pid, "hello?")
    eventually_waits(pid)
    otpy.exit(pid, otpy.Kill())
    with pytest.raises(otpy.ServerExited) as error:
        otpy.wait_response(request, timeout=DEADLINE)
    assert error.value.reason == otpy.Killed()


@inside
def test_a_select_that_raises_loses_no_message() -> None:
    """The error is the caller's own; the mailbox is as before."""
    for number in (1, 2, 0, 4):
        otpy.send(otpy.self_pid(), number)
    with pytest.raises(ZeroDivisionError):
        otpy.receive(lambda m: 1 / m < 0)
    assert otpy.flush() == [1, 2, 0, 4]


@inside
def test_receive_without_patience_only_looks() -> None:
    """`timeout=0` returns what is there or raises at once."""
    with pytest.raises(otpy.ReceiveTimeout) as error:
        otpy.receive(timeout=0)
    assert isinstance(error.value, TimeoutError)
    assert error.value.timeout == 0
    otpy.send(otpy.self_pid(), "there")
    assert otpy.receive(timeout=0) == "there"


@inside
def test_a_receive_that_timed_out_leaves_the_mailbox_as_it_was() -> None:
    """Messages it passed over are still to be received."""
    for number in range(5):
        otpy.send(otpy.self_pid(), number)
    with pytest.raises(otpy.ReceiveTimeout):
        otpy.receive(lambda m: m == "never", timeout=0.01)
    assert otpy.flush() == list(range(5))


@inside
def test_selection_holds_with_many_concurrent_senders() -> None:
    """Whatever comes meanwhile: each sender's messages stay in order, and each is received once."""
    me = otpy.self_pid()
    senders, count = 8, 300

    def sender(which: int) -> None:
        for number in range(count):
            otpy.send(me, (which, number))

    threads = [threading.Thread(target=sender, args=(which,)) for which in range(senders // 2)]
    for thread in threads:
        thread.start()
    for which in range(senders // 2, senders):
        otpy.spawn(sender, which)
    for which in reversed(range(senders)):  # always somebody else's messages are passed over
        theirs = functools.partial(_is_of, which)
        mine = [otpy.receive(theirs, timeout=DEADLINE)[1] for _ in range(count)]
        assert mine == list(range(count))
    assert otpy.flush() == []
    for thread in threads:
        thread.join()


def _is_of(sender: int, message: tuple[int, int]) -> bool:
    return message[0] == sender


@inside
def test_flush_of_an_empty_mailbox_is_empty() -> None:
    """Also before the first message, when there is no mailbox yet."""
    assert otpy.flush() == []


def test_a_thread_is_a_process_with_a_mailbox() -> None:
    """A thread that otpy did not make can be sent to and can receive."""
    with otpy.runtime():
        me = otpy.self_pid()
        assert otpy.self_pid() is me
        assert me not in otpy.processes()
        otpy.spawn(otpy.send, me, "hello")
        assert get() == "hello"


@inside
def test_a_wake_up_is_never_lost_between_two_that_answer_each_other() -> None:
    """Each message of a ping-pong over two threads must wake its receiver, or both wait for ever."""

    def pong(runs: int) -> None:
        for _ in range(runs):
            sender, number = get()
            otpy.send(sender, number)

    runs = 2000
    thread_pid: list[otpy.Pid] = []
    ready = threading.Event()

    def thread() -> None:
        thread_pid.append(otpy.self_pid())
        ready.set()
        pong(runs)

    other = threading.Thread(target=thread)
    other.start()
    eventually(ready.is_set)
    me = otpy.self_pid()
    for number in range(runs):
        otpy.send(thread_pid[0], (me, number))
        assert get() == number
    other.join()


@inside
def test_one_first_message_of_many_senders_does_not_replace_the_others() -> None:
    """The mailbox is made at the first message, by whoever brings it; all senders must end in the same one."""
    for _ in range(50):
        pid = otpy.spawn(_count_to, 4, otpy.self_pid())
        threads = [threading.Thread(target=otpy.send, args=(pid, None)) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert get() == "all there"
        for thread in threads:
            thread.join()


def _count_to(count: int, report_to: otpy.Pid) -> None:
    for _ in range(count):
        otpy.receive()
    otpy.send(report_to, "all there")


@inside
def test_process_info_says_what_is_known_without_asking() -> None:
    """The facts of API.md, of a process that does nothing."""
    pid = idle_process()
    otpy.register("sleeper", pid)
    otpy.link(pid)
    eventually_waits(pid)
    info = otpy.process_info(pid)
    assert info is not None
    assert (info.pid, info.registered_name, info.message_queue_len) == (pid, "sleeper", 0)
    assert info.links == (otpy.self_pid(),)
    assert info.ancestors[0] is otpy.self_pid()
    assert not info.trap_exit
    otpy.unlink(pid)
    otpy.exit(pid, otpy.Kill())
    assert otpy.process_info(pid) is None
