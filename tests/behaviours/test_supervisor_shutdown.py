"""Ending children: who is told what, who is waited for, who is killed when."""

from __future__ import annotations

from typing import Any

import pytest

from otpy.behaviours import children_shutdown
from otpy.kernel.here import current
from otpy.kernel.messages import Exit
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import flush, sleep, trap_exit
from otpy.kernel.reasons import Kill, Killed, Shutdown
from tests.behaviours.supervisor_kit import Plan, Worker, inside, plans


def start(plan: Plan) -> Any:
    """Start a linked worker; this process traps exits, as a supervisor does."""
    trap_exit(True)
    return Worker.start_link(plan)


@inside
def test_each_child_has_its_own_time() -> None:
    """Those that take longer are killed, the others are waited for."""
    workers = {seconds: start(Plan("x", ending=lambda: sleep(10))) for seconds in (1.0, 2.0, 30.0)}
    patient = start(Plan("x", ending=lambda: sleep(100)))
    before = current().runtime.clock.now()
    children_shutdown.end({**{pid: seconds for seconds, pid in workers.items()}, patient: "infinity"})
    assert [workers[seconds].exit_reason for seconds in (1.0, 2.0, 30.0)] == [Killed(), Killed(), Shutdown()]
    assert patient.exit_reason == Shutdown()
    assert current().runtime.clock.now() - before == pytest.approx(100)


@inside
def test_brutal_kill_does_not_ask() -> None:
    """Neither those who trap exits."""
    brutal = start(Plan("x"))
    children_shutdown.end({brutal: "brutal_kill"})
    assert brutal.exit_reason == Killed()


@inside
def test_the_dead_keep_their_reason() -> None:
    """Ending a child that has ended is no error and takes no time."""
    dead = start(Plan("x"))
    send_exit(dead, Kill())
    children_shutdown.end({dead: 5.0})
    assert dead.exit_reason == Killed()


@inside
def test_other_messages_stay_in_the_mailbox() -> None:
    """A supervisor that ends a child has others, and is asked meanwhile."""
    ours, other, dropped = start(Plan("a")), start(Plan("b")), start(Plan("c"))
    for pid in (other, dropped):
        send_exit(pid, Kill())
    children_shutdown.end({ours: 5.0}, dropping={dropped})
    assert [message for message in flush() if message.pid is not ours] == [Exit(other, Killed())]


@pytest.mark.parametrize("traps", ["+++", "---", "++--", "+-+-", "-+-+"])
def test_children_end_in_the_order_in_which_they_are_told(traps: str) -> None:
    """Whether they trap exits, and end when they run, or not, and die of the signal."""

    @inside
    def test() -> None:
        order: list[Any] = []
        children = {start(Plan("x", trap=trap == "+", ending=lambda: None)): 5.0 for trap in traps}
        trap_exit(True)
        children_shutdown.end(children)
        order = [message.pid for message in flush()]
        assert [pid for pid in children if pid in order] == order

    test()


@inside
def test_many_that_have_died_do_not_slow_down_the_end_of_the_others() -> None:
    """Their Exit messages are taken out once, not stepped over again and again."""
    children = [start(plan) for plan in plans("x" * 4000)]
    for pid in children[::2]:
        send_exit(pid, Kill())
    looked = 0

    class Counting(set[Any]):
        def __contains__(self, pid: object) -> bool:
            nonlocal looked
            looked += 1
            return super().__contains__(pid)

    group = Counting(children)
    for pid in children:
        children_shutdown.end({pid: 5.0}, dropping=group)
    assert {pid.exit_reason for pid in children} == {Killed(), Shutdown()}
    assert looked <= 2 * len(children)
