"""`Via(registry, key)`, with registries of the user: an object, and a class with static methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

import otpy
from otpy import Via
from tests.support import DEADLINE, Echo, HandClock, down, eventually, inside


class Book:
    """A registry as a user may write one: a dict."""

    def __init__(self) -> None:
        self.pids: dict[Any, otpy.Pid] = {}
        self.asked: list[str] = []

    def whereis_name(self, key: Any) -> otpy.Pid | None:
        """Return who has the key."""
        self.asked.append("whereis")
        return self.pids.get(key)

    def register_name(self, key: Any, pid: otpy.Pid) -> bool:
        """Enter it unless the key is taken."""
        self.asked.append("register")
        return self.pids.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        """Take it out."""
        self.asked.append("unregister")
        del self.pids[key]

    def send(self, key: Any, message: Any) -> None:
        """Send, and say so."""
        self.asked.append("send")
        if key not in self.pids:
            raise otpy.NoProcess(key)
        otpy.send(self.pids[key], message)


class Static:
    """A registry that is a class, as modules are in OTP."""

    pids: ClassVar[dict[Any, otpy.Pid]] = {}

    @staticmethod
    def whereis_name(key: Any) -> otpy.Pid | None:
        """Return who has the key."""
        return Static.pids.get(key)

    @staticmethod
    def register_name(key: Any, pid: otpy.Pid) -> bool:
        """Enter it unless the key is taken."""
        return Static.pids.setdefault(key, pid) is pid

    @staticmethod
    def unregister_name(key: Any) -> None:
        """Take it out."""
        del Static.pids[key]

    @staticmethod
    def send(key: Any, message: Any) -> None:
        """Send."""
        otpy.send(Static.pids[key], message)


class Machine(otpy.GenStatem[str, int]):
    """Answers calls."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return otpy.NextState("on", 0)

    def handle_event(self, kind: Any, content: Any, state: str, data: int) -> Any:
        """Give the content back."""
        return otpy.KeepState(data, [otpy.ReplyTo(kind[1], content)])


class Sup(otpy.Supervisor):
    """No children."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return otpy.SupFlags(), []


class Worker(otpy.Actor):
    """A pykka actor."""


class OnThread(Echo):
    """On a thread of its own."""

    runs_on = "thread"


class OnLoop(Echo):
    """On the event loop."""

    runs_on = "asyncio"


STARTS: dict[str, Callable[[Any], otpy.Pid]] = {
    "server": lambda name: Echo.start_link(name=name),
    "start": lambda name: Echo.start(name=name),
    "start_monitor": lambda name: Echo.start_monitor(name=name)[0],
    "thread": lambda name: OnThread.start(name=name),
    "asyncio": lambda name: OnLoop.start(name=name),
    "statem": lambda name: Machine.start_link(name=name),
    "supervisor": lambda name: Sup.start_link(name=name),
    "without a class": lambda name: otpy.supervisor.start_link([], name=name),
    "dynamic": lambda name: otpy.DynamicSupervisor.start_link(name=name),
    "actor": lambda name: Worker.start_link(name=name),
    "start_child": lambda name: otpy.supervisor.start_child(otpy.supervisor.start_link([]), Echo.child_spec(name=name)),
}


# case: gen_statem_SUITE: start12
@pytest.mark.parametrize("start", STARTS)
@inside
def test_a_start_takes_a_via_as_name(start: str) -> None:
    """Every kind of process, and every way of starting one."""
    book = Book()
    pid = STARTS[start](Via(book, "k"))
    assert book.pids == {"k": pid}
    assert otpy.whereis(Via(book, "k")) is pid


@pytest.mark.parametrize("start", set(STARTS) - {"start_child"})
@inside
def test_a_taken_key_is_refused_with_its_owner(start: str) -> None:
    """As a taken name is."""
    book = Book()
    owner = Echo.start(name=Via(book, "k"))
    before = otpy.processes()
    with pytest.raises(otpy.AlreadyStarted) as error:
        STARTS[start](Via(book, "k"))
    assert error.value.pid is owner
    assert otpy.processes() == before
    assert otpy.call(owner, "still there") == "still there"


# case: gen_server_SUITE: start
# case: gen_server_test.exs: start_link/3
# case: gen_server_test.exs: whereis/1
@inside
def test_a_via_stands_where_a_name_stands() -> None:
    """In every verb that takes a server."""
    via = Via(Book(), "k")
    pid = Echo.start(name=via)
    assert otpy.call(via, 1) == 1
    otpy.cast(via, 2)
    assert otpy.call(via, "casts") == [2]
    assert otpy.wait_response(otpy.send_request(via, 3), timeout=DEADLINE) == 3
    assert otpy.sys.get_state(via) == [2]
    otpy.sys.suspend(via)
    otpy.sys.resume(via)
    assert [node.pid for node in otpy.tree(via).roots] == [pid]
    ref = otpy.monitor(via)
    otpy.stop(via)
    assert down(ref) == otpy.Normal()
    sup = Via(Book(), "sup")
    Sup.start_link(name=sup)
    assert otpy.supervisor.start_child(sup, Echo.child_spec()) in otpy.processes()
    dynamic = Via(Book(), "dynamic")
    otpy.DynamicSupervisor.start_link(name=dynamic)
    assert otpy.dynamic_supervisor.start_child(dynamic, Echo.child_spec()) in otpy.processes()


# case: gen_server_SUITE: stop7
# case: gen_statem_SUITE: stop7
@pytest.mark.parametrize("start", set(STARTS) - {"start_child"})
@inside
def test_every_kind_is_stopped_by_its_via(start: str) -> None:
    """With the reason that is given."""
    via = Via(Book(), "k")
    pid = STARTS[start](via)
    otpy.unlink(pid)
    ref = otpy.monitor(via)
    otpy.stop(via, otpy.Shutdown("told"))
    assert down(ref) == otpy.Shutdown("told")
    with pytest.raises(otpy.NoProcess):
        otpy.stop(via)


@inside
def test_messages_go_through_the_registry_s_own_send() -> None:
    """OTP's contract: a registry may route, count or refuse them."""
    book = Book()
    otpy.register("me", otpy.self_pid())
    book.register_name("me", otpy.self_pid())
    book.asked.clear()
    assert otpy.send(Via(book, "me"), "hello") == "hello"
    otpy.cast(Via(book, "me"), "hello")
    assert book.asked == ["send", "send"]
    assert otpy.receive() == "hello"


def test_a_timer_asks_the_registry_when_it_fires() -> None:
    """Who has the key then gets the message; if nobody has, nobody."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        book = Book()
        otpy.send_after(Via(book, "k"), "late", 1.0)
        otpy.send_after(Via(book, "nobody"), "lost", 1.0)
        book.register_name("k", otpy.self_pid())
        clock.advance(1.0, runtime)
        assert otpy.receive(timeout=None) == "late"


@inside
def test_an_event_loop_awaits_a_server_by_via() -> None:
    """`acall` takes what `call` takes."""
    via = Via(Book(), "k")
    Echo.start(name=via)

    async def main() -> Any:
        return await otpy.acall(via, 1)

    assert otpy.run(main) == 1


@inside
def test_a_key_that_nobody_has_is_told_as_an_unknown_name_is() -> None:
    """By send and call; cast and monitor go on, as in OTP."""
    via = Via(Book(), "k")
    for verb in (otpy.send, otpy.call):
        with pytest.raises(otpy.NoProcess):
            verb(via, "hello")
    with pytest.raises(otpy.NoProcess):
        otpy.stop(via)
    otpy.cast(via, "hello")
    assert down(otpy.monitor(via)) == otpy.NoProc()
    assert otpy.whereis(via) is None


class Fails(otpy.GenServer[None]):
    """Does not start, in the way it is told."""

    def init(self, arg: Any) -> Any:
        """Do as told."""
        if arg == "raise":
            raise ValueError(arg)
        if arg == "hang":
            otpy.receive()
        return {"stop": otpy.Stop("no"), "ignore": otpy.Ignore(), "junk": 1}[arg]


# case: gen_server_SUITE: otp_7669
@pytest.mark.parametrize("way", ["raise", "stop", "ignore", "junk", "hang"])
@pytest.mark.parametrize("registry", [Book(), Static], ids=["object", "class"])
@inside
def test_a_failed_start_leaves_no_key_behind(registry: Any, way: str) -> None:
    """A registry of the user may not notice by itself, so the starter takes it out."""
    with pytest.raises(otpy.StartError):
        Fails.start_link(way, name=Via(registry, "k"), timeout=0.05 if way == "hang" else None)
    assert registry.pids == {}


class Haunted(Book):
    """A registry whose key is taken at first by somebody who has ended when it is asked by whom."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def register_name(self, key: Any, pid: otpy.Pid) -> bool:
        """Say no for some time."""
        self.times -= 1
        return self.times < 0 and super().register_name(key, pid)


@inside
def test_a_key_whose_owner_ends_meanwhile_is_free() -> None:
    """Who starts a process is told of a pid or gets the name, and not of nobody."""
    book = Haunted(2)
    pid = Echo.start(name=Via(book, "key"))
    assert book.pids == {"key": pid}


@inside
def test_a_registry_that_never_says_who_has_a_key_ends_the_start() -> None:
    """As in OTP, where the pid is `undefined`."""
    with pytest.raises(otpy.AlreadyStarted) as caught:
        Echo.start(name=Via(Haunted(10**6), "key"))
    assert caught.value.pid is None


@inside
def test_a_registry_that_raises_fails_the_start() -> None:
    """The starter gets the error, and no process is left."""

    class Broken(Book):
        def register_name(self, key: Any, pid: otpy.Pid) -> bool:
            raise LookupError(key)

    before = otpy.processes()
    with pytest.raises(LookupError):
        Echo.start(name=Via(Broken(), "k"))
    assert otpy.processes() == before


@inside
def test_a_registry_may_monitor_who_registers() -> None:
    """It hears of the end also if the start fails: this is how a registry of the user can keep itself clean."""
    seen: list[otpy.Ref] = []

    class Watching(Book):
        def register_name(self, key: Any, pid: otpy.Pid) -> bool:
            seen.append(otpy.monitor(pid))
            return super().register_name(key, pid)

    with pytest.raises(otpy.InitStopped):
        Fails.start("stop", name=Via(Watching(), "k"))
    assert down(seen[0]) == "no"


@inside
def test_a_restarted_child_has_its_key_again() -> None:
    """The name is part of the child's start."""
    static = Via(Static, "child")
    sup = otpy.supervisor.start_link([Echo.child_spec(name=static)])
    first = otpy.whereis(static)
    assert first is not None
    Static.unregister_name("child")
    otpy.exit(first, otpy.Kill())
    eventually(lambda: otpy.whereis(static) not in {None, first})
    Static.unregister_name("child")
    assert otpy.is_alive(sup)


@pytest.mark.parametrize("registry", [None, 1, "", object(), otpy.Table, dict], ids=repr)
def test_what_is_no_registry_is_refused(registry: Any) -> None:
    """Where it is given, with what a registry is."""
    with pytest.raises(TypeError, match=r"is no registry.*whereis_name"):
        Via(registry, "k")


@inside
def test_an_unknown_registry_is_named() -> None:
    """It is no CallError of the server, but nobody is there either."""
    via = Via("nowhere", "k")
    uses: list[Callable[[], object]] = [
        lambda: otpy.whereis(via),
        lambda: otpy.stop(via),
        lambda: otpy.send(via, 1),
        lambda: otpy.call(via, 1),
    ]
    for use in uses:
        with pytest.raises(otpy.NoSuchRegistry, match="nowhere"):
            use()
    otpy.cast(via, 1)
    assert down(otpy.monitor(via)) == otpy.NoProc()
    with pytest.raises(otpy.NoSuchRegistry):
        Echo.start(name=via)


@inside
def test_what_a_registry_answers_is_looked_at() -> None:
    """An error names the registry and what it should return."""

    class Junk(Book):
        def whereis_name(self, key: Any) -> Any:
            return "me"

        def register_name(self, key: Any, pid: otpy.Pid) -> Any:
            return "yes"

    with pytest.raises(TypeError, match="returns a Pid or None"):
        otpy.call(Via(Junk(), "k"), 1)
    with pytest.raises(TypeError, match="returns True or False"):
        Echo.start(name=Via(Junk(), "k"))


@pytest.mark.parametrize("name", [1, "", b"name", ("via", "k")], ids=repr)
@pytest.mark.parametrize("start", STARTS)
@inside
def test_what_is_no_name_is_refused(start: str, name: Any) -> None:
    """Before anything is started."""
    if start == "start_child":
        return
    before = otpy.processes()
    with pytest.raises(TypeError, match="a name is a non-empty str or a Via"):
        STARTS[start](name)
    assert otpy.processes() == before


def test_a_via_is_a_value() -> None:
    """It can be compared, hashed, kept in a spec and printed."""
    book = Book()
    assert Via(book, "k") == Via(book, "k") != Via(book, "l")
    assert len({Via("rooms", 1), Via("rooms", 1)}) == 1
    assert repr(Via("rooms", 1, "value")) == "Via(registry='rooms', key=1, value='value')"
    with pytest.raises(AttributeError):
        Via("rooms", 1).key = 2  # type: ignore[misc]
