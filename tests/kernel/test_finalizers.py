"""Finalizers, weakref callbacks and other code that comes uninvited, in the middle of the runtime's own work.

The collector may run them in a thread that holds the signal plane's lock. They may send, exit, link and register
there; what waits is refused. Here they are made to come exactly then.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

import otpy
from otpy.errors import BlockingRefused
from otpy.kernel import events
from otpy.kernel.plane import in_plane, plane
from tests.support import Echo, down, eventually, get, idle_process, inside, reason_of


class Litter:
    """A ring of garbage that does something when it is collected."""

    def __init__(self, do: Callable[[], object], outcome: list[object]) -> None:
        self.ring = self
        self.do = do
        self.outcome = outcome

    def __del__(self) -> None:
        try:
            self.outcome.append((in_plane(), self.do()))
        except BaseException as error:  # noqa: BLE001 - what a finalizer raises is lost otherwise
            self.outcome.append(error)


@contextmanager
def collected_in_plane(do: Callable[[], object]) -> Generator[list[object]]:
    """Have `do()` called by the collector while this thread holds the plane."""
    outcome: list[object] = []
    Litter(do, outcome)
    with plane:
        gc.collect()
    yield outcome


@inside
def test_a_finalizer_may_send_and_cast() -> None:
    """Messages need no lock."""
    me, server = otpy.self_pid(), Echo.start()
    with collected_in_plane(lambda: otpy.send(me, "sent")) as outcome:
        assert outcome == [(True, "sent")]
        assert get() == "sent"
    with collected_in_plane(lambda: otpy.cast(server, "cast")):
        assert otpy.call(server, "casts") == ["cast"]


@inside
def test_a_finalizer_may_exit_others() -> None:
    """It is put off until the lock is free, and takes effect soon."""
    victim = idle_process()
    with collected_in_plane(lambda: otpy.exit(victim, "collected")) as outcome:
        assert outcome == [(True, None)]
        assert reason_of(victim) in ("collected", otpy.NoProc())


@inside
def test_a_finalizer_may_link_monitor_and_undo_it() -> None:
    """As above."""
    otpy.trap_exit(True)
    partner = idle_process()
    refs: list[otpy.Ref] = []

    def entangle() -> None:
        otpy.link(partner)
        refs.append(otpy.monitor(partner))
        otpy.demonitor(otpy.monitor(partner))

    with collected_in_plane(entangle) as outcome:
        assert outcome == [(True, None)]
    eventually(lambda: otpy.process_info(partner).links == (otpy.self_pid(),))  # type: ignore[union-attr]
    otpy.exit(partner, otpy.Kill())
    assert {type(get()), type(get())} == {otpy.Exit, otpy.Down}
    with collected_in_plane(lambda: otpy.unlink(partner)) as outcome:
        assert outcome == [(True, None)]
    assert otpy.flush() == []


@inside
def test_a_finalizer_may_spawn_and_register() -> None:
    """The new process runs as soon as the scheduler has a turn."""
    me = otpy.self_pid()
    with collected_in_plane(lambda: otpy.spawn(otpy.send, me, "spawned")):
        assert get() == "spawned"
    with collected_in_plane(lambda: otpy.register("finalizer", me)):
        assert otpy.whereis("finalizer") is me
    with collected_in_plane(lambda: otpy.unregister("finalizer")):
        eventually(lambda: otpy.whereis("finalizer") is None)


WAITS: dict[str, Callable[[], object]] = {
    "call": lambda: otpy.call("server", "hello"),
    "receive": lambda: otpy.receive(timeout=0),
    "sleep": lambda: otpy.sleep(0),
    "start_link": Echo.start_link,
    "stop": lambda: otpy.stop("server"),
    "acquire": lambda: otpy.Lock().acquire(),
    "blocking": lambda: otpy.blocking(int),
}


@pytest.mark.parametrize("wait", WAITS)
@inside
def test_a_finalizer_may_not_wait(wait: str) -> None:
    """The lock would be held meanwhile. The error says what to do instead."""
    Echo.start(name="server")
    with collected_in_plane(WAITS[wait]) as outcome:
        assert [type(error) for error in outcome] == [BlockingRefused]
        assert "send a message instead" in str(outcome[0])


@inside
def test_a_weakref_callback_may_send() -> None:
    """It is a finalizer by another name."""
    me = otpy.self_pid()

    class Thing:
        """Something that one can refer to weakly."""

    thing = Thing()
    refs = [weakref.ref(thing, lambda _: otpy.send(me, in_plane()))]
    with plane:
        del thing
    assert get() is True
    assert len(refs) == 1


@inside
def test_a_finalizer_that_ends_its_own_process_ends_it() -> None:
    """Soon, not in the middle of the change that holds the lock."""

    def die() -> None:
        with collected_in_plane(lambda: otpy.exit(otpy.self_pid(), "own end")):
            otpy.receive()

    _, ref = otpy.spawn_monitor(die)
    assert down(ref) == "own end"


@inside
def test_a_finalizer_between_messages_has_no_process_to_wait_in() -> None:
    """What the dead leave behind is dropped by the runtime's own code: there is no process there that could wait."""
    me = otpy.self_pid()
    outcome: list[object] = []
    server = Echo.start()
    otpy.call(server, lambda: None)
    otpy.cast(server, Litter(lambda: otpy.send(me, "dropped"), outcome))
    otpy.call(server, "handled")
    otpy.exit(server, otpy.Kill())
    gc.collect()
    assert get() == "dropped"
    assert outcome == [(False, "dropped")]


class Witness:
    """Remembers, for each piece of users' code, whether it was ever run in the plane."""

    def __init__(self) -> None:
        self.seen: dict[str, set[bool]] = {}

    def look(self, where: str) -> bool:
        """Note that *where* runs now."""
        self.seen.setdefault(where, set()).add(in_plane())
        return False


class Tattle:
    """Tells its witness when it is dropped, compared or shown."""

    def __init__(self, name: str, witness: Witness) -> None:
        self.name = name
        self.witness = witness

    def __del__(self) -> None:
        self.witness.look(f"del {self.name}")

    def __eq__(self, other: object) -> bool:
        self.witness.look(f"eq {self.name}")
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        self.witness.look(f"repr {self.name}")
        return self.name


class Watched(otpy.GenServer[Any]):
    """Has a Tattle for its state and for its reason; its arg is the witness."""

    def init(self, arg: Witness) -> otpy.Ok[Any]:
        """Begin."""
        arg.look("init")
        return otpy.Ok(Tattle("state", arg))

    def handle_cast(self, request: Tattle, state: Tattle) -> Any:
        """End."""
        state.witness.look("handle_cast")
        raise otpy.ExitProcess(Tattle("reason", state.witness))

    def terminate(self, reason: Any, state: Tattle) -> None:
        """Clean up."""
        state.witness.look("terminate")

    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        """Show."""
        status["state"].witness.look("format_status")
        return status


@inside
def test_no_code_of_users_runs_in_the_plane() -> None:
    """Hooks, finalizers of states, messages and reasons, terminate, selectors: they find the lock free."""
    witness = Witness()

    def hook(**_: Any) -> None:
        witness.look("hook")

    detach = [events.attach(name, hook) for name in ("process.exit", "process.crash")]
    otpy.trap_exit(True)
    for _ in range(10):
        _live_and_die(witness)
    for undo in detach:
        undo()
    gc.collect()
    code = {"init", "handle_cast", "terminate", "format_status", "hook", "select", "del state", "del message"}
    assert code <= set(witness.seen)
    assert {where: held for where, held in witness.seen.items() if held != {False}} == {}


def _live_and_die(witness: Witness) -> None:
    server = Watched.start(witness, name="watched")
    otpy.link(server)
    ref = otpy.monitor(server)
    otpy.cast(server, Tattle("request", witness))
    otpy.send(server, Tattle("message", witness))
    otpy.receive(lambda m: witness.look("select") or getattr(m, "ref", None) is ref)
    otpy.receive(lambda m: isinstance(m, otpy.Exit))
    otpy.unlink(server)
    otpy.exit(Watched.start(witness), otpy.Kill())
