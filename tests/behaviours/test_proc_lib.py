"""proc_lib: functions with a start of their own, hibernation, becoming a server."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

import otpy
from otpy import Registry, Via, proc_lib
from tests.support import DEADLINE, Echo, Listener, down, eventually, get, idle_process, inside, reason_of, status

Start = Callable[..., Any]


def ready(value: Any = None) -> None:
    """Acknowledge, then wait for a message."""
    if value is None:
        proc_lib.init_ack()
    else:
        proc_lib.init_ack(value)
    otpy.receive()


def monitored(fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Start with a monitor and forget that."""
    return proc_lib.start_monitor(fn, *args, **options)[0]


def monitored_and_linked(fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Start with a monitor and a link."""
    return proc_lib.start_monitor(fn, *args, link=True, **options)[0]


STARTS: dict[str, Start] = {
    "start": proc_lib.start,
    "start_link": proc_lib.start_link,
    "start_monitor": monitored,
    "start_monitor with a link": monitored_and_linked,
}
EACH = pytest.mark.parametrize("start", STARTS)
LINKED = {"start_link", "start_monitor with a link"}


# -- starting --------------------------------------------------------------------------------------


# case: proc_lib_SUITE: sync_start_nolink
# case: proc_lib_SUITE: sync_start_link
# case: proc_lib_SUITE: sync_start_monitor
# case: proc_lib_SUITE: sync_start_monitor_link
@EACH
@inside
def test_a_start_returns_when_the_process_is_ready(start: str) -> None:
    """Not before it has called init_ack; what it gives to that is what comes out."""
    me = otpy.self_pid()
    order: list[str] = []

    def slow() -> None:
        otpy.send(me, otpy.self_pid())
        otpy.receive()
        order.append("ready")
        proc_lib.init_ack()
        otpy.receive()

    def let_go() -> None:
        eventually(lambda: [pid for pid in otpy.processes() if proc_lib.get_label(pid) == slow.__qualname__])
        pid = next(pid for pid in otpy.processes() if proc_lib.get_label(pid) == slow.__qualname__)
        otpy.send(pid, "go on")

    otpy.spawn(let_go)
    pid = STARTS[start](slow)
    order.append("started")
    assert order == ["ready", "started"]
    assert pid is get()
    info = otpy.process_info(pid)
    assert info is not None
    assert (me in info.links) == (start in LINKED)
    assert STARTS[start](ready, ("any", "value")) == ("any", "value")


@inside
def test_start_monitor_monitors_from_the_beginning() -> None:
    """Whatever happens after init_ack is told."""
    pid, ref = proc_lib.start_monitor(ready)
    otpy.send(pid, "end")
    assert down(ref) == otpy.Normal()


# case: proc_lib_SUITE: sync_start_timeout
# case: proc_lib_SUITE: sync_start_link_timeout
# case: proc_lib_SUITE: sync_start_monitor_link_timeout
@EACH
@pytest.mark.parametrize("trapping", [False, True])
@inside
def test_a_start_that_takes_too_long_is_killed(start: str, *, trapping: bool) -> None:
    """Nothing else reaches the starter: no exit signal, no Exit, and no Down of a ref that it has not got."""
    otpy.trap_exit(trapping)
    begun: list[otpy.Pid] = []

    def hangs() -> None:
        begun.append(otpy.self_pid())
        otpy.receive()

    with pytest.raises(otpy.StartTimeout):
        STARTS[start](hangs, timeout=0.05)
    assert [otpy.is_alive(pid) for pid in begun] == [False]
    assert otpy.flush() == []


def crashes() -> None:
    """Crash before init_ack."""
    raise ValueError


def exits() -> None:
    """Exit before init_ack."""
    raise otpy.ExitProcess("no")


def returns() -> None:
    """Return before init_ack."""


def gets_killed() -> None:
    """Be killed before init_ack."""
    otpy.exit(otpy.self_pid(), otpy.Kill())


def fails() -> None:
    """Say that it fails."""
    proc_lib.init_fail("no")


# case: proc_lib_SUITE: init_dont_hang
@EACH
@pytest.mark.parametrize("ends", [crashes, exits, returns, gets_killed, fails])
@inside
def test_a_process_that_ends_before_it_is_ready_fails_its_start(start: str, ends: Callable[[], None]) -> None:
    """With its reason, linked or not; nobody hangs, and a starter that traps exits finds no message."""
    otpy.trap_exit(True)
    with pytest.raises(otpy.InitStopped) as error:
        STARTS[start](ends)
    if ends is crashes:
        assert isinstance(error.value.reason, otpy.Crash)
    else:
        assert (
            error.value.reason == {exits: "no", returns: otpy.Normal(), gets_killed: otpy.Killed(), fails: "no"}[ends]
        )
    assert otpy.flush() == []


@EACH
@pytest.mark.parametrize("ends", [crashes, exits, returns, fails])
@inside
def test_a_starter_that_does_not_trap_exits_survives_a_failed_start(start: str, ends: Callable[[], None]) -> None:
    """It gets the error instead of the exit signal, as with servers."""
    with pytest.raises(otpy.InitStopped):
        STARTS[start](ends)


@EACH
@inside
def test_a_process_may_ask_to_be_ignored(start: str) -> None:
    """A supervisor takes that for no failure."""
    with pytest.raises(otpy.StartIgnored):
        STARTS[start](proc_lib.init_fail, otpy.Ignore())


# case: proc_lib_SUITE: otp_6345
@inside
def test_messages_of_the_starter_do_not_disturb_the_start() -> None:
    """Whatever they look like, they stay, in their order."""
    me = otpy.self_pid()
    mails = [("ack", idle_process(), "junk"), otpy.Exit(idle_process(), otpy.Normal()), otpy.Down(otpy.Ref(), me, 1)]
    for mail in mails:
        otpy.send(me, mail)
    pid = proc_lib.start_link(ready, timeout=DEADLINE)
    assert otpy.is_alive(pid)
    assert otpy.flush() == mails


@inside
def test_init_ack_is_for_who_is_waited_for() -> None:
    """Called by others, or twice, it says so."""
    for acknowledge in (proc_lib.init_ack, lambda: proc_lib.init_fail("no")):
        with pytest.raises(TypeError, match="nobody waits for init_"):
            acknowledge()

    def twice() -> None:
        proc_lib.init_ack()
        try:
            proc_lib.init_ack()
        except TypeError as error:
            otpy.send("test", str(error))

    otpy.register("test", otpy.self_pid())
    proc_lib.start(twice)
    assert "nobody waits for init_ack" in get()


@inside
def test_a_supervisor_starts_and_restarts_a_function() -> None:
    """In the order of the specs, each when the one before is ready; (pid, info) and Ignore as from any start."""
    spec = otpy.ChildSpec("loop", otpy.MFA(__name__, "start_ready"), restart="permanent", shutdown=1.0)
    ignored = otpy.ChildSpec("ignored", otpy.MFA(__name__, "start_ignored"))
    sup = otpy.supervisor.start_link([spec, ignored])
    children = {info.id: info.child for info in otpy.supervisor.which_children(sup)}
    first = children["loop"]
    assert isinstance(first, otpy.Pid)
    assert children["ignored"] is None
    otpy.send(first, "end")
    eventually(lambda: otpy.supervisor.which_children(sup)[1].child not in {first, "restarting"})
    informed = otpy.ChildSpec("informed", otpy.MFA(__name__, "start_informed"))
    pid, info = otpy.supervisor.start_child(sup, informed)
    assert otpy.is_alive(pid)
    assert info == "info"
    broken = otpy.ChildSpec("broken", otpy.MFA(__name__, "start_broken"))
    with pytest.raises(otpy.StartFailed) as error:
        otpy.supervisor.start_child(sup, broken)
    assert "no" in repr(error.value)


def start_ready() -> otpy.Pid:
    """Start what is ready at once."""
    return proc_lib.start_link(ready)  # type: ignore[no-any-return]


def start_ignored() -> otpy.Pid:
    """Start what does not want to be."""
    return proc_lib.start_link(proc_lib.init_fail, otpy.Ignore())  # type: ignore[no-any-return]


def start_informed() -> Any:
    """Start what says more than its pid."""

    def informed() -> None:
        proc_lib.init_ack((otpy.self_pid(), "info"))
        otpy.receive()

    return proc_lib.start_link(informed)


def start_broken() -> Any:
    """Start what fails."""
    return proc_lib.start_link(fails)


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), True, "1"], ids=repr)
@EACH
@inside
def test_a_timeout_that_is_none_is_refused(start: str, timeout: Any) -> None:
    """Before anything is started."""
    before = otpy.processes()
    with pytest.raises((TypeError, ValueError)):
        STARTS[start](ready, timeout=timeout)
    assert otpy.processes() == before


async def coroutine() -> None:
    """A function that cannot be a plain process."""


@inside
def test_what_cannot_run_is_refused_while_there_is_somebody_to_tell() -> None:
    """Not when the function has been left."""
    with pytest.raises(TypeError, match="async def"):
        proc_lib.start(coroutine)
    asker = otpy.self_pid()

    def sleeps() -> None:
        try:
            proc_lib.hibernate(coroutine)
        except TypeError as error:
            otpy.send(asker, str(error))

    otpy.spawn(sleeps)
    assert "async def" in get()


# -- what is known of a process --------------------------------------------------------------------


# case: proc_lib_SUITE: spawn_opt
@inside
def test_the_initial_call_is_remembered() -> None:
    """Of plain processes and of behaviours; not their arguments, which might be large."""
    begun = proc_lib.InitialCall(__name__, "ready", 0)
    assert [proc_lib.initial_call(start(ready)) for start in STARTS.values()] == [begun] * len(STARTS)
    plain = [proc_lib.spawn(waits_for, 1, 2), otpy.spawn_link(waits_for, 1, 2), otpy.spawn_monitor(waits_for, 1, 2)[0]]
    assert {proc_lib.initial_call(pid) for pid in plain} == {proc_lib.InitialCall(__name__, "waits_for", 2)}
    assert proc_lib.initial_call(Echo.start()) == proc_lib.InitialCall("tests.support", "Echo.init", 1)
    ended = otpy.spawn(int)
    reason_of(ended)
    assert proc_lib.initial_call(ended) is None


@inside
def test_a_sleeper_keeps_its_initial_call() -> None:
    """As in OTP: what it wakes with is not what it was started with."""

    def sleeps() -> None:
        proc_lib.init_ack()
        proc_lib.hibernate(otpy.receive)

    pid = proc_lib.start(sleeps)
    eventually(lambda: status(pid) == "idle")
    begun = proc_lib.initial_call(pid)
    assert begun is not None
    assert begun.function.endswith("sleeps")
    otpy.send(pid, "wake up")
    reason_of(pid)
    assert proc_lib.initial_call(pid) is None


def waits_for(_one: int, _other: int) -> None:
    """Wait for a message."""
    otpy.receive()


@inside
def test_ancestors_are_remembered() -> None:
    """Who started it, who started that, and so on."""
    me = otpy.self_pid()

    def parent() -> None:
        otpy.send(me, (otpy.self_pid(), proc_lib.start_link(ready)))
        otpy.receive()

    otpy.spawn(parent)
    father, child = get()
    info = otpy.process_info(child)
    assert info is not None
    assert info.ancestors[:2] == (father, me)


@inside
def test_a_label_is_shown_by_info_and_tree_and_reports() -> None:
    """Also of a process that is started with an acknowledgement."""

    def labelled() -> None:
        otpy.set_label("import of 2024")
        proc_lib.init_ack()
        otpy.receive()
        raise ValueError

    pid = proc_lib.start(labelled)
    assert proc_lib.get_label(pid) == "import of 2024"
    info = otpy.process_info(pid)
    assert info is not None
    assert info.label == "import of 2024"
    assert "import of 2024" in str(otpy.tree())
    with Listener("process.crash") as listener:
        otpy.send(pid, "crash")
        reason_of(pid)
        assert [repr(facts["pid"]) for facts in listener.facts("process.crash")] == [f"Pid<{pid.id} import of 2024>"]


# case: proc_lib_SUITE: crash
@pytest.mark.parametrize(
    ("reason", "reported"),
    [("odd", True), (otpy.Normal(), False), (otpy.Shutdown(), False), (otpy.Shutdown("detail"), False)],
    ids=repr,
)
@inside
def test_only_abnormal_ends_are_reported(reason: Any, *, reported: bool) -> None:
    """Once each, whatever started the process."""

    def ends() -> NoReturn:
        otpy.receive()
        raise otpy.ExitProcess(reason)

    def acknowledges() -> NoReturn:
        proc_lib.init_ack()
        ends()

    with Listener("process.crash") as listener:
        for pid in (otpy.spawn(ends), proc_lib.start(acknowledges)):
            otpy.send(pid, "end")
            reason_of(pid)
            assert [facts["pid"] for facts in listener.facts("process.crash")] == ([pid] if reported else [])
            listener.heard.clear()


# -- hibernation -----------------------------------------------------------------------------------


class Thing:
    """Something that can be seen to go away."""


@inside
def test_a_process_that_hibernates_keeps_nothing_but_its_mailbox() -> None:
    """What it had is let go; a message wakes it, as often as it sleeps."""
    things: list[weakref.ref[Thing]] = []

    def before() -> None:
        thing = Thing()
        things.append(weakref.ref(thing))
        try:
            proc_lib.hibernate(after, "argument")
        finally:
            otpy.send("test", "cleaned up")

    def after(argument: str) -> None:
        otpy.send("test", (argument, otpy.receive()))
        if otpy.receive() == "again":
            proc_lib.hibernate(after, "second time")

    otpy.register("test", otpy.self_pid())
    pid, ref = otpy.spawn_monitor(before)
    assert get() == "cleaned up"
    eventually(lambda: status(pid) == "idle")
    gc.collect()
    assert things[0]() is None
    for argument in ("argument", "second time"):
        otpy.send(pid, "wake")
        assert get() == (argument, "wake")
        otpy.send(pid, "again" if argument == "argument" else "enough")
    assert down(ref) == otpy.Normal()


# case: proc_lib_SUITE: hibernate
@inside
def test_a_crash_after_hibernation_is_reported() -> None:
    """The process is the same, with its links and monitors."""

    def sleeps() -> NoReturn:
        proc_lib.init_ack()
        proc_lib.hibernate(crashes)

    with Listener("process.crash") as listener:
        pid, ref = proc_lib.start_monitor(sleeps)
        otpy.send(pid, "wake")
        assert isinstance(down(ref), otpy.Crash)
        assert [facts["pid"] for facts in listener.facts("process.crash")] == [pid]


@inside
def test_who_has_mail_does_not_sleep() -> None:
    """It goes on at once, with that."""

    def sleeps() -> NoReturn:
        otpy.send(otpy.self_pid(), "mail")
        proc_lib.hibernate(lambda: otpy.send("test", otpy.receive()))

    otpy.register("test", otpy.self_pid())
    _, ref = otpy.spawn_monitor(sleeps)
    assert get() == "mail"
    assert down(ref) == otpy.Normal()


@inside
def test_a_sleeper_can_be_ended() -> None:
    """As anybody, and there is nothing left to unwind."""

    def sleeps() -> NoReturn:
        proc_lib.init_ack()
        proc_lib.hibernate(crashes)

    pid, ref = proc_lib.start_monitor(sleeps)
    otpy.exit(pid, "enough")
    assert down(ref) == "enough"


@inside
def test_servers_do_not_leave_their_callbacks() -> None:
    """They have results for that; nor does who runs something for somebody that waits."""
    server = Echo.start()

    def refused() -> str:
        try:
            proc_lib.hibernate(int)
        except TypeError as error:
            return str(error)

    assert "plain processes" in otpy.call(server, refused)
    with pytest.raises(TypeError, match="somebody waits"):
        otpy.run(proc_lib.hibernate, int)


# -- stop ------------------------------------------------------------------------------------------


class Stubborn(otpy.GenServer[Any]):
    """Ends with another reason than it is told, or not at all."""

    def init(self, arg: Any) -> Any:
        """Keep how."""
        return otpy.Ok(arg)

    def terminate(self, reason: Any, state: Any) -> None:
        """Do it."""
        if state == "other":
            raise otpy.ExitProcess("other")
        if state == "never":
            otpy.receive(lambda message: message == "end")


# case: proc_lib_SUITE: stop
@inside
def test_stop_says_how_a_process_has_ended() -> None:
    """None if as told; else an error: nobody there, another reason, too slow (and it is left alone)."""
    proc_lib.stop(Stubborn.start())
    proc_lib.stop(Stubborn.start(), otpy.Shutdown("detail"))
    dead = Stubborn.start()
    proc_lib.stop(dead)
    with pytest.raises(otpy.NoProcess):
        proc_lib.stop(dead)
    with pytest.raises(otpy.ServerExited) as error:
        proc_lib.stop(Stubborn.start("other"))
    assert error.value.reason == "other"
    slow = Stubborn.start("never")
    with pytest.raises(otpy.CallTimeout):
        proc_lib.stop(slow, timeout=0.01)
    assert otpy.is_alive(slow)
    otpy.send(slow, "end")


# -- becoming a server -----------------------------------------------------------------------------


class Counter(otpy.GenServer[int]):
    """Counts."""

    def init(self, arg: int) -> Any:
        """Begin with *arg*."""
        return otpy.Ok(arg)

    def handle_call(self, request: Any, from_: otpy.From, state: int) -> Any:
        """Count."""
        return otpy.Reply(state, state + 1)

    def handle_continue(self, arg: Any, state: int) -> Any:
        """Say so."""
        otpy.send("test", ("continue", arg))
        return otpy.NoReply(state)

    def terminate(self, reason: Any, state: int) -> None:
        """Say so."""
        if otpy.whereis("test") is not None:
            otpy.send("test", ("terminate", reason, state))


class Light(otpy.GenStatem[str, int]):
    """A state machine."""

    def init(self, arg: Any) -> Any:
        """Begin."""
        return otpy.NextState("off", 0)

    def handle_event(self, kind: Any, content: Any, state: str, data: int) -> Any:
        """Change over, and say what it was."""
        return otpy.NextState("on" if state == "off" else "off", data + 1, [otpy.ReplyTo(kind[1], (state, data))])


def becomes(result: Any, name: str | None = None, *, trap: bool = False) -> NoReturn:
    """Become a Counter, once it is registered as asked."""
    otpy.trap_exit(trap)
    if name is not None:
        otpy.register(name, otpy.self_pid())
    proc_lib.init_ack()
    proc_lib.enter_loop(Counter, result, name=name)


# case: gen_server_SUITE: spec_init
@pytest.mark.parametrize("name", [None, "counter"])
@inside
def test_a_plain_process_becomes_a_server(name: str | None) -> None:
    """With a name or without; it is one in everything: calls, sys, tree, stop, and the mail that came before."""
    otpy.register("test", otpy.self_pid())
    pid = proc_lib.start_link(becomes, otpy.Ok(5, then=otpy.Continue("first")), name)
    assert get() == ("continue", "first")
    assert [otpy.call(pid, "next"), otpy.call(name or pid, "next")] == [5, 6]
    assert otpy.sys.get_state(pid) == 7
    assert proc_lib.initial_call(pid) == proc_lib.InitialCall(__name__, "becomes", 2)  # as in OTP: what it began with
    assert repr(pid) == f"Pid<{pid.id} {name or 'Counter'}>"
    otpy.unlink(pid)
    otpy.stop(pid)
    assert get() == ("terminate", otpy.Normal(), 7)


# case: gen_statem_SUITE: enter_loop
@inside
def test_a_plain_process_becomes_a_state_machine() -> None:
    """From what its init would have returned."""
    pid = otpy.spawn(proc_lib.enter_loop, Light, otpy.NextState("on", 3))
    assert [otpy.call(pid, "switch"), otpy.call(pid, "switch")] == [("on", 3), ("off", 4)]
    otpy.stop(pid)


# case: gen_server_SUITE: spec_init
# case: gen_server_SUITE: otp_5854
@pytest.mark.parametrize("owner", ["nobody", "another", "a registry's"])
@inside
def test_enter_loop_refuses_a_name_that_is_not_its_own(owner: str) -> None:
    """Whoever has it."""
    registry = Registry("unique")
    name: Any = Via(registry, "counter") if owner == "a registry's" else "counter"
    if owner == "another":
        otpy.register("counter", idle_process())
    elif owner == "a registry's":
        Echo.start(name=name)
    _, ref = otpy.spawn_monitor(lambda: proc_lib.enter_loop(Counter, otpy.Ok(0), name=name))
    reason = down(ref)
    assert isinstance(reason, otpy.Crash)
    assert isinstance(reason.error, otpy.NotRegistered)


@inside
def test_enter_loop_takes_a_name_of_a_registry_that_is_its_own() -> None:
    """As any other name."""
    registry = Registry("unique")

    def own() -> NoReturn:
        registry.register("counter")
        proc_lib.init_ack()
        proc_lib.enter_loop(Counter, otpy.Ok(1), name=Via(registry, "counter"))

    proc_lib.start(own)
    assert otpy.call(Via(registry, "counter"), "next") == 1


# case: gen_server_SUITE: spec_init
@inside
def test_enter_loop_is_for_plain_processes() -> None:
    """A server cannot become another one, nor can a thread."""
    server = Echo.start()

    def refused() -> str:
        try:
            proc_lib.enter_loop(Counter, otpy.Ok(0))
        except TypeError as error:
            return str(error)

    assert "plain processes" in otpy.call(server, refused)


BAD: dict[str, tuple[Any, Any, type[Exception]]] = {
    "a supervisor": (otpy.Supervisor, otpy.Ok(0), TypeError),
    "no behaviour": (int, otpy.Ok(0), TypeError),
    "another place": (type("OnLoop", (Counter,), {"runs_on": "asyncio"}), otpy.Ok(0), TypeError),
    "no result": (Counter, 5, otpy.BadReturn),
    "Ignore": (Counter, otpy.Ignore(), otpy.BadReturn),
    "of another behaviour": (Light, otpy.Ok(0), otpy.BadReturn),
}


@pytest.mark.parametrize("bad", BAD)
@inside
def test_enter_loop_refuses_what_cannot_be(bad: str) -> None:
    """While the process is still what it was."""
    behaviour, result, error = BAD[bad]
    asker = otpy.self_pid()

    def tries() -> None:
        try:
            proc_lib.enter_loop(behaviour, result)
        except (TypeError, otpy.BadReturn) as refused:
            otpy.send(asker, type(refused))

    otpy.spawn(tries)
    assert get() is error


# case: gen_server_SUITE: spec_init_local_registered_parent
# case: gen_server_SUITE: spec_init_global_registered_parent
@pytest.mark.parametrize("kept_by", ["runtime", "registry"])
@inside
def test_a_server_that_was_a_plain_process_ends_with_its_parent(kept_by: str) -> None:
    """Through terminate, if it traps exits; whatever the parent is called."""
    otpy.register("test", otpy.self_pid())
    registry = Registry("unique")

    def parent() -> None:
        if kept_by == "runtime":
            otpy.register("parent", otpy.self_pid())
        else:
            registry.register("parent")
        proc_lib.start_link(lambda: becomes(otpy.Ok(1), trap=True))
        proc_lib.init_ack()
        otpy.receive()
        raise otpy.ExitProcess(otpy.Shutdown())

    otpy.send(proc_lib.start(parent), "end")
    assert get() == ("terminate", otpy.Shutdown(), 1)


@pytest.mark.parametrize(
    "start", [proc_lib.start, proc_lib.start_link, proc_lib.start_monitor, otpy.spawn, otpy.spawn_link]
)
@inside
def test_what_is_no_function_is_refused_where_it_is_given(start: Callable[..., Any]) -> None:
    """Not in a process that crashes far from who did it, or when it wakes."""
    before = otpy.processes()
    with pytest.raises(TypeError, match="'text' is none"):
        start("text")
    assert otpy.processes() == before


@inside
def test_who_goes_to_sleep_says_what_it_wakes_with() -> None:
    """Else it would crash when a message comes."""

    def sleeps() -> None:
        proc_lib.hibernate("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    with pytest.raises(otpy.InitStopped, match="'text' is none"):
        proc_lib.start(sleeps)
