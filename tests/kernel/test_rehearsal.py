"""Rehearsals: code that may not do anything to others yet."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.errors import EffectRefused
from otpy.kernel.rehearsal import rehearsing
from tests.kernel.actors_kit import Own
from tests.support import DEADLINE, Echo, eventually, get, inside


class World:
    """What the cases act on."""

    def __init__(self) -> None:
        self.pid = Echo.start(name="echo")
        self.table = otpy.Table("rows", access="public")
        self.table.insert(("a", 1))
        self.ref = otpy.monitor(self.pid)
        self.timer = otpy.send_after(self.pid, "late", 1000)
        self.request = otpy.send_request(self.pid, "answer")
        self.lock = otpy.Lock()
        self.actor = Own.start()
        self.tree = otpy.supervisor.start_link([])


REFUSED: dict[str, Callable[[World], Any]] = {
    "call": lambda w: otpy.call(w.pid, 1),
    "cast": lambda w: otpy.cast(w.pid, 1),
    "send": lambda w: otpy.send("echo", 1),
    "send_request": lambda w: otpy.send_request(w.pid, 1),
    "wait_response": lambda w: otpy.wait_response(w.request),
    "reply": lambda w: otpy.reply(w.request.call, 1),
    "stop": lambda w: otpy.stop(w.pid),
    "spawn": lambda _: otpy.spawn(int),
    "spawn_link": lambda _: otpy.spawn_link(int),
    "spawn_monitor": lambda _: otpy.spawn_monitor(int),
    "start": lambda _: Echo.start(),
    "start_link": lambda _: Echo.start_link(),
    "start_monitor": lambda _: otpy.start_monitor(Echo),
    "register": lambda w: otpy.register("other", w.pid),
    "unregister": lambda _: otpy.unregister("echo"),
    "link": lambda w: otpy.link(w.pid),
    "unlink": lambda w: otpy.unlink(w.pid),
    "monitor": lambda w: otpy.monitor(w.pid),
    "demonitor": lambda w: otpy.demonitor(w.ref),
    "exit": lambda w: otpy.exit(w.pid, otpy.Kill()),
    "trap_exit": lambda _: otpy.trap_exit(True),
    "set_label": lambda _: otpy.set_label("x"),
    "receive": lambda _: otpy.receive(timeout=0),
    "flush": lambda _: otpy.flush(),
    "sleep": lambda _: otpy.sleep(0),
    "blocking": lambda _: otpy.blocking(int),
    "send_after": lambda w: otpy.send_after(w.pid, 1, 1),
    "cancel_timer": lambda w: otpy.cancel_timer(w.timer),
    "run": lambda _: otpy.run(int),
    "Table": lambda _: otpy.Table(),
    "insert": lambda w: w.table.insert(("a", 2)),
    "delete": lambda w: w.table.delete("a"),
    "take": lambda w: w.table.take("a"),
    "rename": lambda w: w.table.rename("other"),
    "drop": lambda w: w.table.drop(),
    "give_away": lambda w: w.table.give_away(w.pid),
    "set_heir": lambda w: w.table.set_heir(w.pid),
    "acquire": lambda w: w.lock.acquire(),
    "Lock": lambda w: w.lock.__enter__(),
    "ask": lambda w: w.actor.ask("hello"),
    "tell": lambda w: w.actor.tell("hello"),
    "start_child": lambda w: otpy.supervisor.start_child(w.tree, Echo.child_spec()),
    "which_children": lambda w: otpy.supervisor.which_children(w.tree),
    "get_state": lambda w: otpy.sys.get_state(w.pid),
    "suspend": lambda w: otpy.sys.suspend(w.pid),
}
"""Each effect, by the name that it is reported and allowed by."""

HARMLESS: dict[str, Callable[[World], Any]] = {
    "self_pid": lambda _: otpy.self_pid(),
    "whereis": lambda _: otpy.whereis("echo"),
    "registered": lambda _: sorted(otpy.registered()),
    "is_alive": lambda w: otpy.is_alive(w.pid),
    "processes": lambda w: w.pid in otpy.processes(),
    "process_info": lambda _: otpy.process_info(otpy.self_pid()) is not None,
    "check_response": lambda w: otpy.check_response(w.request),
    "tree": lambda _: len(str(otpy.tree())) > 0,
    "lookup": lambda w: w.table.lookup("a"),
    "size": lambda w: w.table.size(),
    "to_list": lambda w: w.table.to_list(),
}

ELSEWHERE = {"acall", "runtime"}
"""Tested by themselves, below."""

MARKS = {"migration", "renamed"}
"""Decorators: they note something on what they are given, and reach no process."""


@pytest.mark.parametrize("name", REFUSED)
@inside
def test_an_effect_is_refused_and_noted(name: str) -> None:
    """Where it was asked for; and nothing has happened."""
    world = World()
    otpy.wait_response(world.request)
    before = otpy.processes(), otpy.registered(), world.table.to_list(), otpy.process_info(otpy.self_pid())
    with rehearsing() as rehearsal:
        with pytest.raises(EffectRefused, match="only rehearsed") as refused:
            REFUSED[name](world)
        assert otpy.processes() == before[0]
    assert (otpy.processes(), otpy.registered(), world.table.to_list(), otpy.process_info(otpy.self_pid())) == before
    (effect,) = rehearsal.refused
    assert effect.name == name
    assert (effect.what, effect.place) == (refused.value.what, refused.value.place)
    assert "test_rehearsal.py" in effect.place
    assert str(otpy.call(world.pid, "goes on")) == "goes on"


@pytest.mark.parametrize("name", HARMLESS)
@inside
def test_what_only_looks_is_answered_as_always(name: str) -> None:
    """A migration may ask who it is and whom there is."""
    world = World()
    otpy.wait_response(otpy.send_request(world.pid, "handled"))
    expected = HARMLESS[name](world)
    with rehearsing() as rehearsal:
        assert HARMLESS[name](world) == expected
    assert rehearsal.effects == []


def test_every_function_of_the_facade_has_its_case() -> None:
    """A primitive that comes later has to say what it is."""
    functions = {name for name in otpy.__all__ if inspect.isfunction(getattr(otpy, name))}
    assert functions <= {*REFUSED, *HARMLESS, *ELSEWHERE, *MARKS}


@inside
def test_acall_is_refused() -> None:
    """Also in a coroutine, whose loop runs other tasks meanwhile."""
    pid = Echo.start()

    async def rehearse() -> tuple[str, ...]:
        with rehearsing() as rehearsal:
            with pytest.raises(EffectRefused):
                await otpy.acall(pid, 1)
            await asyncio.sleep(0)
        return tuple(effect.name for effect in rehearsal.refused)

    assert otpy.blocking(lambda: asyncio.run(rehearse())) == ("acall",)


class OnLoop(otpy.GenServer[Any]):
    """Rehearses in a handler on the event loop."""

    runs_on = "asyncio"

    def init(self, arg: Any) -> Any:
        """Start."""
        return otpy.Ok(arg)

    async def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Rehearse, and let others run meanwhile."""
        if request == "other":
            otpy.send(state, "sent")
            return otpy.Reply("done", state)
        with rehearsing() as rehearsal:
            for _ in range(3):
                await asyncio.sleep(0.001)
            with pytest.raises(EffectRefused):
                otpy.send(state, "refused")
        return otpy.Reply([effect.name for effect in rehearsal.refused], state)


@inside
def test_on_the_event_loop_only_the_task_that_rehearses_is_held_to_it() -> None:
    """Other processes run there while it awaits."""
    me = otpy.self_pid()
    first, second = OnLoop.start(me), OnLoop.start(me)
    request = otpy.send_request(first, "rehearse")
    assert otpy.call(second, "other") == "done"
    assert get() == "sent"
    assert otpy.wait_response(request) == ["send"]


def test_a_runtime_of_its_own_is_no_way_out(otp_runtime: object) -> None:
    """In a nested runtime the thread would be another process."""
    otpy.self_pid()
    with rehearsing() as rehearsal, pytest.raises(EffectRefused), otpy.runtime():
        pass
    assert len(rehearsal.refused) == 1


@inside
def test_an_effect_that_the_code_swallows_is_noted_all_the_same() -> None:
    """Else a careless `except Exception` would pass the rehearsal."""
    with rehearsing() as rehearsal, contextlib.suppress(Exception):
        otpy.send("nobody", 1)
    assert [effect.what for effect in rehearsal.refused] == ["send('nobody', 1)"]


@inside
def test_what_is_allowed_is_done_by_the_process_itself() -> None:
    """It links, monitors and registers itself, not what stands in for it."""
    me = otpy.self_pid()
    pid = Echo.start()
    with rehearsing(allow=["send", "register", "monitor"]) as rehearsal:
        otpy.send(me, "sent")
        otpy.register("rehearsing", otpy.self_pid())
        ref = otpy.monitor(pid)
        with pytest.raises(EffectRefused):
            otpy.cast(pid, 1)
    assert get() == "sent"
    assert otpy.whereis("rehearsing") is me
    otpy.exit(pid, otpy.Kill())
    assert get() == otpy.Down(ref, pid, otpy.Killed())
    assert [(effect.name, effect.allowed) for effect in rehearsal.effects] == [
        ("send", True),
        ("register", True),
        ("monitor", True),
        ("cast", False),
    ]


def test_on_a_thread_an_allowed_effect_may_wait(otp_runtime: object) -> None:
    """And what comes after it is still rehearsed."""
    pid = Echo.start()
    with rehearsing(allow=["call"]) as rehearsal:
        assert otpy.call(pid, "answer") == "answer"
        with pytest.raises(EffectRefused):
            otpy.cast(pid, 1)
    assert len(rehearsal.refused) == 1


@inside
def test_on_the_scheduler_an_allowed_effect_may_not_wait() -> None:
    """Others run on this thread meanwhile, and the rehearsal would be over without anybody knowing."""
    pid = Echo.start()
    with rehearsing(allow=["call"]) as rehearsal, pytest.raises(EffectRefused, match="rehearse on a thread"):
        otpy.call(pid, "answer")
    assert len(rehearsal.refused) == 1


@inside
def test_rehearsals_may_be_nested() -> None:
    """The inner one says what holds inside."""
    me = otpy.self_pid()
    with rehearsing() as outer:
        with rehearsing(allow=["send"]) as inner:
            assert otpy.self_pid() is me
            otpy.send(me, 1)
        with pytest.raises(EffectRefused):
            otpy.send(me, 2)
    assert (len(inner.refused), len(outer.refused)) == (0, 1)
    assert otpy.flush() == [1]


def test_who_is_killed_while_rehearsing_leaves(otp_runtime: object) -> None:
    """The fence of the rehearsal does not hide that of the dead."""
    began, go_on = threading.Event(), threading.Event()
    reached: list[str] = []

    def rehearse() -> None:
        with rehearsing():
            began.set()
            go_on.wait(DEADLINE)
            otpy.self_pid()
            reached.append("after its death")

    pid = otpy.spawn(rehearse)
    assert began.wait(DEADLINE)
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: not otpy.is_alive(pid))
    go_on.set()
    last = otpy.spawn(lambda: reached.append("others go on"))
    eventually(lambda: not otpy.is_alive(last))
    assert reached == ["others go on"]


@pytest.mark.parametrize("allow", ["send", [1]])
@inside
def test_what_is_allowed_is_a_list_of_names(allow: Any) -> None:
    """A string would be a list of letters."""
    with pytest.raises(TypeError, match="names of functions"), rehearsing(allow=allow):
        pass
