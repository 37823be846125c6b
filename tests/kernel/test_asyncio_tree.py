"""One system of servers on the scheduler, on threads and on the event loop: starting, supervising, calling, ending."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any, cast

import pytest

import otpy
from otpy.kernel.here import current
from otpy.kernel.process import Process
from otpy.kernel.suspension import Suspension
from tests.kernel.actors_kit import LoopEcho
from tests.support import DEADLINE, Echo, ThreadEcho, down, eventually, inside, python


class Node:
    """What a server of the tree does, whatever it runs on: `log` in its argument gets its start and its end."""

    def note(self, arg: dict[str, Any], event: object) -> None:
        """Write an event into the log."""
        arg["log"].append((arg["id"], event))


class Sync(Node, otpy.GenServer[dict[str, Any]]):
    """On the scheduler."""

    def init(self, arg: dict[str, Any]) -> Any:
        """Start."""
        otpy.trap_exit(True)
        self.note(arg, "starts")
        return otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: dict[str, Any]) -> Any:
        """Hand the request on along the path that is left; answer with the path that was gone."""
        if not request:
            return otpy.Reply([state["id"]], state)
        return otpy.Reply([state["id"], *otpy.call(request[0], request[1:], timeout=DEADLINE)], state)

    def handle_cast(self, request: Any, state: dict[str, Any]) -> Any:
        """Crash."""
        raise request

    def terminate(self, reason: Any, state: dict[str, Any]) -> None:
        """End."""
        self.note(state, type(reason).__name__)


class OnThread(Sync):
    """On a thread of its own."""

    runs_on = "thread"


class OnLoop(Node, otpy.GenServer[dict[str, Any]]):
    """On the event loop."""

    runs_on = "asyncio"

    async def init(self, arg: dict[str, Any]) -> Any:
        """Start."""
        await asyncio.sleep(0)
        otpy.trap_exit(True)
        self.note(arg, "starts")
        return otpy.Ok(arg)

    async def handle_call(self, request: Any, from_: otpy.From, state: dict[str, Any]) -> Any:
        """As Sync."""
        if not request:
            return otpy.Reply([state["id"]], state)
        return otpy.Reply([state["id"], *await otpy.acall(request[0], request[1:], timeout=DEADLINE)], state)

    async def handle_cast(self, request: Any, state: dict[str, Any]) -> Any:
        """As Sync."""
        await asyncio.sleep(0)
        raise request

    async def terminate(self, reason: Any, state: dict[str, Any]) -> None:
        """As Sync."""
        await asyncio.sleep(0)
        self.note(state, type(reason).__name__)


KINDS: dict[str, type[otpy.GenServer[Any]]] = {"sync": Sync, "thread": OnThread, "loop": OnLoop}


def start_tree(log: list[Any], strategy: Any = "one_for_one") -> otpy.Pid:
    """Start a supervisor over one server of each kind, each registered under its id."""
    children = [kind.child_spec({"id": name, "log": log}, id=name, name=name) for name, kind in KINDS.items()]
    return otpy.supervisor.start_link(children, flags=otpy.SupFlags(strategy=strategy, intensity=100))


@inside
def test_all_kinds_call_each_other_in_every_order() -> None:
    """Every path through the three."""
    start_tree([])
    for path in itertools.permutations(KINDS):
        assert otpy.call(path[0], path[1:], timeout=DEADLINE) == list(path)


@inside
def test_shutdown_ends_all_kinds_in_reverse_order() -> None:
    """Each has run its terminate before the next one is told."""
    log: list[Any] = []
    supervisor = start_tree(log)
    otpy.stop(supervisor, timeout=DEADLINE)
    assert log == [(name, "starts") for name in KINDS] + [(name, "Shutdown") for name in reversed(KINDS)]


@pytest.mark.parametrize("name", KINDS)
@inside
def test_a_crash_of_any_kind_restarts_all_where_it_should(name: str) -> None:
    """one_for_all over the three."""
    log: list[Any] = []
    start_tree(log, "one_for_all")
    before = {id_: otpy.whereis(id_) for id_ in KINDS}
    otpy.cast(name, LookupError("crash"))
    eventually(lambda: all(otpy.whereis(id_) not in {None, before[id_]} for id_ in KINDS))
    for id_ in KINDS:
        assert otpy.call(id_, []) == [id_]
    ends = [event for event in log if event[1] != "starts"]
    others = [id_ for id_ in reversed(KINDS) if id_ != name]
    assert ends == [(name, "Crash"), *[(other, "Shutdown") for other in others]]


def test_an_asyncio_server_starts_from_everywhere() -> None:
    """The main thread, a foreign thread, a process of the scheduler, one on a thread, and a supervisor."""
    with otpy.runtime():
        pids = [LoopEcho.start_link()]

        def start() -> otpy.Pid:
            pids.append(LoopEcho.start())
            return pids[-1]

        thread = threading.Thread(target=start)
        thread.start()
        thread.join(DEADLINE)
        assert otpy.call(Echo.start(), start) == pids[-1]
        assert otpy.call(ThreadEcho.start(), start) == pids[-1]
        otpy.supervisor.start_link([LoopEcho.child_spec(name="child")])
        assert [otpy.call(pid, "started") for pid in pids] == ["started"] * 4
        assert otpy.call("child", "started") == "started"


@inside
def test_many_asyncio_servers_die_with_their_supervisor() -> None:
    """Killed in the middle of their awaits, all of them, by one kill."""
    supervisor = otpy.DynamicSupervisor.start_link()
    otpy.unlink(supervisor)
    pids = [otpy.dynamic_supervisor.start_child(supervisor, LoopEcho.child_spec()) for _ in range(500)]
    requests = [otpy.send_request(pid, asyncio.Event().wait) for pid in pids]
    assert [otpy.call(LoopEcho.start_link(), "round") for _ in range(3)] == ["round"] * 3
    otpy.exit(supervisor, otpy.Kill())
    for request in requests:
        with pytest.raises(otpy.ServerExited):
            otpy.wait_response(request, timeout=DEADLINE)
    assert not any(otpy.is_alive(pid) for pid in pids)


def test_a_runtime_that_stops_with_pending_awaits_is_silent() -> None:
    """No task is destroyed pending, nothing is left unawaited, and what the coroutines clean up is done."""
    code = """
        import asyncio, gc, logging, warnings, otpy
        warnings.simplefilter("always")
        logging.basicConfig(level=logging.WARNING)
        ended, background = [], []

        class Waits(otpy.GenServer):
            runs_on = "asyncio"
            async def init(self, arg):
                return otpy.Ok(arg)
            async def handle_call(self, request, from_, state):
                background.append(asyncio.create_task(self.wait("task")))
                await self.wait("handler")
            async def wait(self, what):
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(what)

        for _ in range(3):
            with otpy.runtime():
                pids = [Waits.start() for _ in range(20)]
                requests = [otpy.send_request(pid, 1) for pid in pids]
                while len(background) < len(pids):
                    otpy.sleep(0.001)
            print(sorted(ended) == ["handler"] * 20 + ["task"] * 20)
            ended.clear()
            background.clear()
            gc.collect()
    """
    done = python(code)
    assert done.stdout.split() == ["True"] * 3
    assert done.stderr == ""


@inside
def test_the_loop_thread_serves_processes_under_load_from_all_sides() -> None:
    """Calls from processes, threads and loops at once: each gets its own answers, each sender's casts stay in order."""
    pid = LoopEcho.start_link()
    answers: dict[object, list[Any]] = {}

    def by_call(name: str) -> None:
        answers[name] = [otpy.call(pid, (name, n), timeout=DEADLINE) for n in range(100)]

    async def by_await(name: str) -> None:
        answers[name] = list(await asyncio.gather(*[otpy.acall(pid, (name, n), timeout=DEADLINE) for n in range(100)]))

    threads = [threading.Thread(target=by_call, args=(f"thread {n}",)) for n in range(3)]
    threads += [threading.Thread(target=asyncio.run, args=(by_await(f"loop {n}"),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for ref in [otpy.spawn_monitor(by_call, f"process {n}")[1] for n in range(10)]:
        assert down(ref) == otpy.Normal()
    for thread in threads:
        otpy.blocking(thread.join)
    assert len(answers) == 16
    for name, got in answers.items():
        assert got == [(name, n) for n in range(100)]


@inside
def test_a_suspension_serves_what_coroutines_of_the_set_await() -> None:
    """A handler that awaits several others at once finishes while they are being suspended: each is served in turn."""
    servers = [Echo.start_link() for _ in range(3)] + [LoopEcho.start_link()]
    caller = LoopEcho.start_link()
    gate, entered = asyncio.Event(), threading.Event()

    async def gather() -> Any:
        entered.set()
        await gate.wait()
        return await asyncio.gather(*[otpy.acall(pid, "served") for pid in servers])

    async def release() -> None:
        gate.set()

    def release_when_held() -> None:
        eventually(lambda: suspension.holds(cast("Process", servers[-1])))
        otpy.call(LoopEcho.start(), release)

    request = otpy.send_request(caller, gather)
    eventually(entered.is_set)
    suspension = Suspension(current().runtime)
    otpy.spawn(release_when_held)
    suspension.suspend(lambda: [cast("list[Process]", [caller, *servers])], DEADLINE)
    held = otpy.send_request(servers[0], "held")
    assert otpy.wait_response(request, timeout=DEADLINE) == ["served"] * 4
    assert otpy.check_response(held) is None
    suspension.resume()
    assert otpy.wait_response(held, timeout=DEADLINE) == "held"
    assert getattr(caller, "wait_on", None) is None
