"""Plain pykka actors, otpy's actors and otpy's servers ask each other, in both directions."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

import otpy
from otpy.kernel.here import current
from tests.kernel.actors_kit import LoopEcho, Own, Plain, never, parked
from tests.support import DEADLINE, Echo, ThreadEcho, down, eventually, inside, python


@pytest.fixture(autouse=True)
def plain_actors_end() -> Iterator[None]:
    """End what runs outside of every runtime."""
    yield
    pykka.ActorRegistry.stop_all(timeout=DEADLINE)


@inside
def test_everybody_asks_everybody() -> None:
    """Plain actor, otpy.Actor, and servers on the scheduler, on a thread and on the event loop; by ask and by call."""
    refs: dict[str, Any] = {
        "plain": Plain.start(),
        "own": Own.start(),
        "scheduler": Echo.start_link().ref,
        "thread": ThreadEcho.start_link().ref,
    }
    loop = LoopEcho.start_link().ref
    for asker in refs.values():
        for name, asked in {**refs, "loop": loop}.items():
            if asked is not asker:
                assert asker.ask(lambda name=name, asked=asked: asked.ask(name)) == name
    for name, asked in refs.items():
        assert loop.ask(lambda name=name, asked=asked: asked.ask(name, block=False)) == name


@inside
def test_tell_reaches_everybody() -> None:
    """A cast to a server, a message to a function."""
    server = Echo.start_link()
    plain = Plain.start()
    plain.ask(lambda: server.ref.tell("from plain"))
    Own.start().ask(lambda: server.ref.tell("from own"))
    assert otpy.call(server, "casts") == ["from plain", "from own"]


@inside
def test_proxies_work_between_all_actors() -> None:
    """Methods, fields, and futures that are handed on."""
    plain, own = Plain.start(), Own.start()
    assert own.ask(lambda: plain.proxy().double(4).get()) == 8
    assert plain.ask(lambda: own.proxy().double(5).get()) == 10
    proxy: Any = own.proxy()
    proxy.limit = 3
    assert own.proxy().limit.get(timeout=DEADLINE) == 3
    proxy.double.defer(1)
    assert proxy.double(6).get(timeout=DEADLINE) == 12


@pytest.mark.parametrize("asked", [Plain, Own], ids=["plain", "own"])
@inside
def test_an_actor_that_waits_for_another_parks(asked: type[Plain | Own]) -> None:
    """It holds up nobody: on the scheduler's one thread others answer meanwhile, and no class is seen blocking."""
    gate = threading.Event()
    slow = asked.start()
    waits = Own.start()
    other = Echo.start_link()
    future = waits.ask(lambda: slow.ask(lambda: otpy.blocking(gate.wait)), block=False)
    eventually(lambda: parked(waits.pid))
    for number in range(100):
        assert otpy.call(other, number) == number
    assert not current().runtime.scheduler.blocking
    gate.set()
    assert future.get(timeout=DEADLINE) is True


@inside
def test_hundreds_of_actors_wait_for_one_plain_actor() -> None:
    """Each is parked, and each gets its own answer."""
    gate = threading.Event()
    plain = Plain.start()
    plain.tell(gate.wait)
    asking = [Own.start() for _ in range(200)]
    futures = [ref.ask(lambda number=number: plain.ask(number), block=False) for number, ref in enumerate(asking)]
    gate.set()
    assert pykka.get_all(futures, timeout=DEADLINE) == list(range(200))


@inside
def test_a_time_limit_is_pykkas_timeout() -> None:
    """Whoever asks whomever."""
    gate = threading.Event()
    plain, own, server = Plain.start(), Own.start(), otpy.spawn(otpy.receive, never)
    plain.tell(gate.wait)
    for ask in (plain.ask, server.ref.ask):
        late: Callable[[], Any] = functools.partial(ask, "late", timeout=0.01)
        with pytest.raises(pykka.Timeout):
            late()
        with pytest.raises(pykka.Timeout):
            own.ask(late)
    gate.set()


@inside
def test_a_server_that_ends_is_dead_for_who_asks() -> None:
    """pykka's callers get pykka's error; its cause says why the server ended."""
    server = Echo.start()
    plain = Plain.start()
    ref = otpy.monitor(server)

    def die() -> None:
        raise otpy.ExitProcess("asked for")

    with pytest.raises(pykka.ActorDeadError) as caught:
        plain.ask(lambda: server.ref.ask(die))
    assert down(ref) == "asked for"
    cause = caught.value.__cause__
    assert isinstance(cause, otpy.ServerExited)
    assert cause.reason == "asked for"
    with pytest.raises(pykka.ActorDeadError):
        server.ref.ask("too late")
    with pytest.raises(pykka.ActorDeadError):
        server.ref.tell("too late")


@inside
def test_a_plain_actor_is_a_process_while_it_lives() -> None:
    """Its thread has a pid, which can be sent to and monitored, and ends with the thread."""
    plain = Plain.start()
    pid: Any = plain.ask(otpy.self_pid)
    ref = otpy.monitor(pid)
    otpy.send(pid, "for the thread")
    assert plain.ask(lambda: otpy.receive(timeout=DEADLINE)) == "for the thread"
    plain.stop()
    assert down(ref) == otpy.Normal()


@inside
def test_on_the_event_loop_a_plain_future_is_awaited() -> None:
    """`get` would hold up all asyncio processes: it is refused with advice, `await` works."""
    gate = threading.Event()
    plain = Plain.start()
    server = LoopEcho.start_link()

    async def get() -> None:
        plain.ask("never sent", block=False).get()

    async def wait() -> Any:
        return await plain.ask(lambda: gate.wait() and "awaited", block=False)

    plain.tell(gate.wait)
    with pytest.raises(otpy.ServerExited) as caught:
        otpy.call(LoopEcho.start(), get)
    assert "await future" in str(caught.value.reason.error)
    waits = otpy.send_request(server, wait)
    other = LoopEcho.start_link()
    assert otpy.call(other, "the loop is free") == "the loop is free"
    gate.set()
    assert otpy.wait_response(waits, timeout=DEADLINE) == "awaited"


def test_outside_of_every_runtime_plain_actors_are_as_before() -> None:
    """otpy is imported, and nothing of it is started for two plain actors."""
    code = """
        import asyncio, threading, pykka, otpy

        class Plain(pykka.ThreadingActor):
            def on_receive(self, message):
                return message() if callable(message) else message

        async def wait():
            return await plain.ask("awaited", block=False)

        plain, other = Plain.start(), Plain.start()
        print(plain.ask(lambda: other.ask("as before")), asyncio.run(wait()))
        print([thread.name for thread in threading.enumerate() if "otpy" in thread.name])
        pykka.ActorRegistry.stop_all()
    """
    assert python(code).stdout.split("\n") == ["as before awaited", "[]", ""]


@inside
def test_a_kill_reaches_an_actor_that_waits_for_a_plain_one() -> None:
    """It is parked, so it goes at once."""
    gate = threading.Event()
    plain, own = Plain.start(), Own.start()
    plain.tell(gate.wait)
    own.tell(lambda: plain.ask("waits"))
    eventually(lambda: parked(own.pid))
    ref = otpy.monitor(own.pid)
    otpy.exit(own.pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    gate.set()
