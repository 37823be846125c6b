"""`otpy.Actor` as a process: reasons, links, monitors, names, supervision, upgrade.

That it behaves as `pykka.ThreadingActor` does pykka's own suite shows (`make pykka-suite`).
"""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any, ClassVar

import pykka
import pytest

import otpy
from tests.support import DEADLINE, down, eventually, get, inside, reason_of


class Recorder(otpy.Actor):
    """Tells its owner which hooks run, and does as it is told."""

    def __init__(self, owner: otpy.Pid, **hooks: Any) -> None:
        super().__init__()
        self.owner = owner
        self.hooks = hooks

    def tell_owner(self, hook: str, *facts: Any) -> None:
        """Report that *hook* runs; do what the test has planned for it."""
        otpy.send(self.owner, (hook, *facts))
        if hook in self.hooks:
            self.hooks[hook]()

    def on_start(self) -> None:
        """See pykka."""
        self.tell_owner("on_start")

    def on_stop(self) -> None:
        """See pykka."""
        self.tell_owner("on_stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """See pykka."""
        self.tell_owner("on_failure", exception_value)

    def on_receive(self, message: Any) -> Any:
        """Call what can be called, raise what can be raised, report the rest."""
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message()
        self.tell_owner("on_receive", message)
        return message


def start(**hooks: Any) -> otpy.Pid:
    """Start a Recorder whose hooks do as *hooks* say; its on_start has run."""
    pid = Recorder.start(otpy.self_pid(), **hooks).pid
    assert get() == ("on_start",)
    return pid


def fail(error: BaseException) -> Any:
    """Return a function that raises *error*."""

    def raises() -> None:
        raise error

    return raises


def never(_message: object) -> bool:
    """Select no message."""
    return False


# -- the process behind the actor ------------------------------------------------------------------


@inside
def test_ref_and_pid_lead_to_each_other() -> None:
    """Whoever has one of the two has the other, for an Actor, a GenServer and a function alike."""
    for pid in (start(), otpy.spawn(otpy.receive)):
        ref: Any = pid.ref
        assert ref.pid is pid
        assert ref is pid.ref
        assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) == ref


@inside
def test_an_actor_runs_as_its_own_process() -> None:
    """`self_pid` in its methods is the pid of its reference, and who started it is its ancestor."""
    pid = start()
    assert otpy.call(pid, otpy.self_pid) is pid
    info = otpy.process_info(pid)
    assert info is not None
    assert info.current_behaviour is Recorder
    assert info.ancestors[0] is otpy.self_pid()


@inside
def test_call_is_an_ask_and_cast_and_send_are_tells() -> None:
    """The daily verbs work on an Actor as on every process."""
    pid = start()
    assert otpy.call(pid, 1) == 1
    otpy.cast(pid, 2)
    otpy.send(pid, 3)
    assert [get() for _ in range(3)] == [("on_receive", n) for n in (1, 2, 3)]


@inside
def test_an_error_goes_to_who_asked_and_the_actor_lives_on() -> None:
    """As in pykka, for `otpy.call` too."""
    pid = start()
    with pytest.raises(LookupError, match="asked"):
        otpy.call(pid, LookupError("asked"))
    with pytest.raises(LookupError, match="asked"):
        pid.ref.ask(LookupError("asked"))
    assert otpy.call(pid, 4) == 4


@inside
def test_down_and_exit_messages_arrive_in_on_receive() -> None:
    """An Actor monitors and links like everybody else."""
    pid = start()
    other = otpy.spawn(otpy.receive)
    otpy.call(pid, lambda: otpy.trap_exit(True))
    otpy.call(pid, lambda: otpy.link(other))
    ref = otpy.call(pid, lambda: otpy.monitor(other))
    otpy.exit(other, "gone")
    messages = {get()[1], get()[1]}
    assert messages == {otpy.Down(ref, other, "gone"), otpy.Exit(other, "gone")}


@inside
def test_what_comes_before_the_start_waits_for_it() -> None:
    """A constructor may tell its own actor something: on_start still runs first."""

    class Eager(Recorder):
        def __init__(self, owner: otpy.Pid) -> None:
            super().__init__(owner)
            self.actor_ref.tell("early")

    Eager.start(otpy.self_pid())
    assert [get(), get()] == [("on_start",), ("on_receive", "early")]


def test_runs_on_thread_gives_each_actor_a_thread() -> None:
    """For actors that block, as all of pykka's may."""
    import threading

    class OnThread(Recorder):
        runs_on: ClassVar[Any] = "thread"

    @inside
    def check() -> None:
        refs = [OnThread.start(otpy.self_pid()) for _ in range(3)]
        threads = {ref.ask(threading.get_ident) for ref in refs}
        assert len(threads) == 3

    check()


def test_an_actor_cannot_run_on_the_event_loop() -> None:
    """Its hooks are no coroutines; the refusal names what to write instead."""
    with pytest.raises(TypeError, match='GenServer with runs_on = "asyncio"'):
        type("OnLoop", (otpy.Actor,), {"runs_on": "asyncio"})


# -- how it ends -----------------------------------------------------------------------------------


@inside
def test_a_stop_is_a_normal_end() -> None:
    """on_stop runs, links and monitors are told Normal(), and all is over when `stop` returns."""
    pid = start()
    ref = otpy.monitor(pid)
    assert pid.ref.stop() is True
    assert not otpy.is_alive(pid)
    assert [get(), get()] == [("on_stop",), otpy.Down(ref, pid, otpy.Normal())]
    assert pid.ref.stop() is False
    assert not pid.ref.is_alive()


@inside
def test_otpy_stop_gives_the_reason() -> None:
    """The same way out, with a reason of one's own."""
    pid = start()
    ref = otpy.monitor(pid)
    otpy.stop(pid, otpy.Shutdown("enough"), timeout=DEADLINE)
    assert [get(), get()] == [("on_stop",), otpy.Down(ref, pid, otpy.Shutdown("enough"))]


@inside
def test_a_crash_runs_on_failure_and_is_the_reason() -> None:
    """on_stop does not run then, as in pykka."""
    pid = start()
    ref = otpy.monitor(pid)
    error = LookupError("told")
    pid.ref.tell(error)
    assert [get(), get()] == [("on_failure", error), otpy.Down(ref, pid, otpy.Crash(error))]


@inside
def test_the_first_failure_is_the_reason() -> None:
    """What on_failure raises is logged, and does not hide why the actor ended."""
    pid = start(on_failure=fail(OSError("second")))
    error = LookupError("first")
    pid.ref.tell(error)
    assert reason_of(pid) in {otpy.Crash(error), otpy.NoProc()}
    assert getattr(pid, "exit_reason", None) == otpy.Crash(error)


@inside
def test_a_failing_on_stop_is_the_reason() -> None:
    """As what `terminate` of a GenServer raises."""
    error = LookupError("in on_stop")
    pid = start(on_stop=fail(error))
    ref = otpy.monitor(pid)
    pid.ref.stop()
    assert down(ref) == otpy.Crash(error)


@inside
def test_exit_process_stops_the_actor_with_that_reason() -> None:
    """`raise ExitProcess(reason)` is an orderly way out: on_stop runs."""
    pid = start()
    ref = otpy.monitor(pid)
    with pytest.raises(otpy.ServerExited) as caught:
        otpy.call(pid, otpy.ExitProcess(otpy.Shutdown("left")))
    assert caught.value.reason == otpy.Shutdown("left")
    assert [get(), get()] == [("on_stop",), otpy.Down(ref, pid, otpy.Shutdown("left"))]


@inside
def test_system_exit_ends_that_actor_only() -> None:
    """pykka stops all actors for it; API.md keeps it to the one process."""
    pid, other = start(), start()
    ref = otpy.monitor(pid)
    pid.ref.tell(SystemExit(3))
    assert isinstance(down(ref).error, SystemExit)
    assert other.ref.is_alive()


@inside
def test_a_call_error_ends_it_as_it_ends_a_server() -> None:
    """A server that was shut down under its caller is no crash of the caller."""
    server = otpy.spawn(otpy.receive, never)

    def call() -> None:
        otpy.call(server, "it ends instead of answering")

    pid = start()
    ref = otpy.monitor(pid)
    pid.ref.tell(call)
    eventually(lambda: getattr(pid, "wait_on", None) is server)
    otpy.exit(server, otpy.Shutdown())
    assert get()[0] == "on_failure"
    assert isinstance(down(ref), otpy.Shutdown)


@inside
def test_a_kill_fails_those_who_wait() -> None:
    """pykka's callers get pykka's error; the actor is gone for pykka too."""
    pid = start()
    waits = pid.ref.ask(lambda: otpy.receive(never), block=False)
    queued = pid.ref.ask("never handled", block=False)
    eventually(lambda: getattr(pid, "parked", None) is not None)
    otpy.exit(pid, otpy.Kill())
    for future in (waits, queued, pid.ref.ask("too late", block=False)):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=DEADLINE)
    with pytest.raises(pykka.ActorDeadError):
        pid.ref.tell("too late")
    assert pid.ref not in pykka.ActorRegistry.get_all()


@inside
def test_links_of_an_actor_carry_its_reason() -> None:
    """Both ways: its crash ends who is linked, their crash ends it."""
    linked, victim = start(), start()
    otpy.call(victim, lambda: otpy.link(linked))
    ref = otpy.monitor(victim)
    error = LookupError("one")
    linked.ref.tell(error)
    assert get()[0] == "on_failure"
    assert down(ref) == otpy.Crash(error)


@inside
def test_a_crash_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """By pykka, which its users expect; the event hook hears of it as of every crash."""
    heard: list[Any] = []

    def note(**facts: Any) -> None:
        heard.append(facts["reason"])

    detach = otpy.events.attach("process.crash", note)
    pid = start()
    error = LookupError("reported")
    with caplog.at_level(logging.ERROR):
        pid.ref.tell(error)
        reason_of(pid)
    detach()
    assert [record.name for record in caplog.records] == ["pykka"]
    assert heard == [otpy.Crash(error)]


@inside
def test_an_actor_that_has_ended_is_let_go() -> None:
    """Who keeps the pid or the ref does not keep the actor."""
    pid = start()
    actor = weakref.ref(getattr(pid, "actor", None))
    assert actor() is not None
    pid.ref.stop()
    gc.collect()
    eventually(lambda: actor() is None)
    assert str(pid.ref).startswith("Recorder (urn:uuid:")


# -- supervised ------------------------------------------------------------------------------------


@inside
def test_start_link_returns_when_on_start_has_run() -> None:
    """It is linked, and registered where a name is given."""
    pid = Recorder.start_link(otpy.self_pid(), name="recorder")
    assert otpy.flush() == [("on_start",)]
    assert otpy.whereis("recorder") is pid
    info = otpy.process_info(pid)
    assert info is not None
    assert info.links == (otpy.self_pid(),)
    with pytest.raises(otpy.AlreadyStarted) as caught:
        Recorder.start_link(otpy.self_pid(), name="recorder")
    assert caught.value.pid is pid
    assert otpy.flush() == []


@inside
def test_start_link_raises_what_on_start_raises() -> None:
    """The starter gets the reason, and no exit signal beside it."""
    error = LookupError("in on_start")
    with pytest.raises(otpy.InitStopped) as caught:
        Recorder.start_link(otpy.self_pid(), name="failing", on_start=fail(error))
    assert caught.value.reason == otpy.Crash(error)
    assert otpy.whereis("failing") is None
    assert otpy.flush() == [("on_start",)]


@inside
def test_a_failing_on_start_is_the_reason() -> None:
    """Also when it was started the way of pykka."""
    error = LookupError("in on_start")
    pid: Any = Recorder.start(otpy.self_pid(), on_start=fail(error)).pid
    eventually(lambda: not otpy.is_alive(pid))
    assert pid.exit_reason == otpy.Crash(error)


@inside
def test_a_supervisor_restarts_an_actor() -> None:
    """A crash brings a new one under the same id and name."""
    spec = Recorder.child_spec(otpy.self_pid(), id="r", name="recorder")
    supervisor = otpy.supervisor.start_link([spec])
    assert get() == ("on_start",)
    first = otpy.whereis("recorder")
    assert first is not None
    first.ref.tell(LookupError("crash"))
    assert [get()[0], get()] == ["on_failure", ("on_start",)]
    second = otpy.whereis("recorder")
    assert second not in {None, first}
    (child,) = otpy.supervisor.which_children(supervisor)
    assert (child.id, child.child, child.modules) == ("r", second, (__name__,))


@inside
def test_a_supervisor_shuts_its_actors_down_in_reverse_order() -> None:
    """One that traps exits runs on_stop, as a GenServer that does runs `terminate`."""
    log: list[str] = []

    class Last(otpy.Actor):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_start(self) -> None:
            otpy.trap_exit(True)

        def on_stop(self) -> None:
            log.append(self.name)

    supervisor = otpy.supervisor.start_link([Last.child_spec(name, id=name) for name in ("a", "b", "c")])
    otpy.stop(supervisor, timeout=DEADLINE)
    assert log == ["c", "b", "a"]


@inside
def test_child_spec_takes_what_a_child_spec_has() -> None:
    """It is a mapping, checked by the supervisor like any other."""
    spec = Recorder.child_spec(1, restart="transient", shutdown=2.0)
    assert (spec["id"], spec["restart"], spec["shutdown"]) == ("Recorder", "transient", 2.0)
    otpy.supervisor.check_childspecs([spec])
    with pytest.raises(otpy.BadChildSpec):
        otpy.supervisor.check_childspecs([Recorder.child_spec(1, restart="sometimes")])


# -- upgraded --------------------------------------------------------------------------------------


@inside
def test_proxies_see_methods_that_an_upgrade_added() -> None:
    """An upgrade swaps the class and keeps the actor: a proxy made before knows the new methods."""

    class Shop(otpy.Actor):
        price = 1

        def ask_price(self) -> int:
            return self.price

    class Shop2(Shop):
        def ask_twice(self) -> int:
            return 2 * self.price

    ref: Any = Shop.start()
    proxy = ref.proxy()
    assert proxy.ask_price().get(timeout=DEADLINE) == 1
    with pytest.raises(AttributeError):
        proxy.ask_twice()
    ref.pid.actor.__class__ = Shop2
    proxy.price = 5
    assert proxy.ask_twice().get(timeout=DEADLINE) == 10
    assert ref.actor_class is Shop2
    assert pykka.ActorRegistry.get_by_class(Shop2) == [ref]


@inside
def test_otpy_sys_refuses_an_actor_without_hurting_it() -> None:
    """It asks behaviours; an Actor says so and goes on."""
    pid = start()
    with pytest.raises(otpy.SystemRequestError, match=r"otpy\.Actor"):
        otpy.sys.get_state(pid)
    assert otpy.call(pid, 1) == 1


def test_an_actor_of_a_runtime_that_has_stopped_is_not_started() -> None:
    """The refusal leaves nothing behind in the registry."""
    with otpy.runtime() as runtime:
        actor = otpy.Actor()
    assert runtime.stopped
    pykka.ActorRegistry.register(actor.actor_ref)
    with otpy.runtime(), pytest.raises(otpy.NotRunning):
        actor._start_actor_loop()  # the second half of pykka's Actor.start
    assert pykka.ActorRegistry.get_all() == []
