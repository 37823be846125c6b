"""pykka's ActorRegistry over otpy's table of processes: who is in it, how it stops all, and that it stays quick."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from pykka import ActorRegistry

import otpy
from tests.support import DEADLINE, Echo, eventually, get, inside, reason_of


class Quiet(otpy.Actor):
    """Only lives."""


class Plain(pykka.ThreadingActor):
    """pykka's own kind."""


# -- who is in it ----------------------------------------------------------------------------------


@inside
def test_all_processes_but_the_main_one_are_in_the_registry() -> None:
    """Servers, supervisors, functions, otpy's actors and pykka's, oldest first."""
    server = Echo.start_link()
    actor = Quiet.start()
    plain = Plain.start()
    function = otpy.spawn(otpy.receive)
    assert ActorRegistry.get_all() == [server.ref, actor, plain, function.ref]
    assert otpy.self_pid() in otpy.processes()
    plain.stop()
    assert ActorRegistry.get_all() == [server.ref, actor, function.ref]


@inside
def test_lookups_find_processes() -> None:
    """By class, by class name and by URN."""
    server = Echo.start_link()
    assert ActorRegistry.get_by_class(Echo) == [server.ref]
    assert ActorRegistry.get_by_class_name("Echo") == [server.ref]
    assert ActorRegistry.get_by_urn(server.ref.actor_urn) == server.ref


@inside
def test_broadcast_is_a_cast_to_servers_and_a_message_to_functions() -> None:
    """Each gets what a tell is to it."""
    server = Echo.start_link()
    me = otpy.self_pid()
    otpy.spawn(lambda: otpy.send(me, ("function got", otpy.receive())))
    ActorRegistry.broadcast("news")
    assert get() == ("function got", "news")
    assert otpy.call(server, "casts") == ["news"]


@inside
def test_a_process_that_is_no_actor_at_heart_has_no_proxy() -> None:
    """A proxy would call callbacks as if they were methods for everybody."""
    server = Echo.start_link()
    with pytest.raises(TypeError, match=r"otpy\.call"):
        server.ref.proxy()


@inside
def test_an_actor_in_its_on_stop_is_gone_for_pykka_and_there_for_otpy() -> None:
    """pykka takes it out first; the runtime still has to wait for it."""
    seen: list[Any] = []

    class Slow(otpy.Actor):
        def on_stop(self) -> None:
            seen.append(ActorRegistry.get_by_urn(self.actor_urn))
            seen.append(self.actor_ref.pid in otpy.processes())

    Slow.start().stop()
    assert seen == [None, True]
    assert ActorRegistry.get_all() == []


# -- stopping all ----------------------------------------------------------------------------------


class Worker(otpy.GenServer[list[str]]):
    """Notes its start and its end."""

    def init(self, arg: tuple[str, list[str]]) -> otpy.Ok[Any]:
        """Start."""
        otpy.trap_exit(True)
        name, log = arg
        log.append(f"{name} starts")
        return otpy.Ok(arg)

    def terminate(self, reason: object, state: Any) -> None:
        """End."""
        name, log = state
        log.append(f"{name} ends: {reason}")


def start_tree(log: list[str]) -> None:
    """Start a supervisor over a, b, c under another one, which also has d."""
    specs = [Worker.child_spec((name, log), id=name) for name in ("a", "b", "c")]
    inner = otpy.ChildSpec(id="inner", start=(otpy.supervisor.start_link, (specs,)), type="supervisor")
    otpy.supervisor.start_link([inner, Worker.child_spec(("d", log), id="d")])
    assert log == [f"{name} starts" for name in "abcd"]
    log.clear()


@inside
def test_stop_all_ends_a_tree_in_its_order_without_restarts() -> None:
    """The supervisor is stopped first, and ends its permanent children itself, youngest first."""
    log: list[str] = []
    start_tree(log)
    Quiet.start()
    ActorRegistry.stop_all(timeout=DEADLINE)
    assert log == [f"{name} ends: Shutdown(detail=None)" for name in "dcba"]
    assert ActorRegistry.get_all() == []


@inside
def test_stop_all_that_does_not_wait_leads_to_no_restarts_either() -> None:
    """All are told at once then, so there is no order; a supervisor that has its order starts nobody again."""
    log: list[str] = []
    start_tree(log)
    for future in ActorRegistry.stop_all(block=False):
        future.get(timeout=DEADLINE)
    assert sorted(line.split(":")[0] for line in log) == [f"{name} ends" for name in "abcd"]
    assert ActorRegistry.get_all() == []


@inside
def test_stop_all_ends_every_kind_of_process() -> None:
    """A function has no loop that could take the order: it gets an exit signal."""
    pids = [Echo.start_link(), otpy.spawn(otpy.receive), Quiet.start().pid]
    Plain.start()
    assert ActorRegistry.stop_all(timeout=DEADLINE) == [True] * 4
    assert not any(otpy.is_alive(pid) for pid in pids)
    assert ActorRegistry.stop_all() == []


@inside
def test_stop_all_in_an_actor_does_not_end_the_main_process() -> None:
    """`run` stands for the main thread, which pykka does not stop either."""

    class Panics(otpy.Actor):
        def on_receive(self, message: object) -> None:
            raise KeyboardInterrupt

    other = Quiet.start()
    pid = Panics.start().pid
    pid.ref.tell("now")
    reason_of(pid)
    eventually(lambda: not other.is_alive())
    assert otpy.is_alive(otpy.self_pid())


@inside
def test_stop_of_a_server_runs_terminate_and_returns_after_the_end() -> None:
    """`ref.stop` is `otpy.stop`; the second one finds nobody."""
    log: list[str] = []
    pid = Worker.start(("w", log))
    assert pid.ref.stop() is True
    assert log[1:] == ["w ends: Normal()"]
    assert pid.ref.stop() is False
    assert not pid.ref.is_alive()


@inside
def test_actor_stopped_can_be_waited_for() -> None:
    """It looks like the Event that it is in pykka."""
    pid = otpy.spawn(otpy.receive)
    stopped = pid.ref.actor_stopped
    assert stopped.wait(timeout=0) is False
    otpy.send_after(pid, "end", 0.001)
    assert stopped.wait(timeout=DEADLINE) is True
    assert stopped.wait() is True


# -- its speed -------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    """Return the least of the CPU times that *work* took."""
    times: list[float] = []
    for _ in range(5):
        begun = time.thread_time()
        work()
        times.append(time.thread_time() - begun)
    return min(times)


def test_register_and_unregister_take_no_longer_among_100_000_actors() -> None:
    """pykka keeps a list, and looks through all of it at each end of an actor."""
    with otpy.runtime() as runtime:
        actors = [Quiet().actor_ref for _ in range(200)]

        def come_and_go() -> None:
            for ref in actors:
                ActorRegistry.register(ref)
            for ref in actors:
                ActorRegistry.unregister(ref)

        def fill(number: int) -> None:
            for _ in range(number):
                Echo.start()

        otpy.run(fill, 1_000)
        among_few = seconds(come_and_go)
        otpy.run(fill, 99_000)
        assert len(runtime.processes()) >= 100_000
        among_many = seconds(come_and_go)
        for process in runtime.processes():
            runtime.kill(process)
    assert among_many < 10 * among_few
