"""contextvars: each process has its own, on every kind of executor."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest

import otpy
from tests.support import DEADLINE, Echo, ThreadEcho, down, get, inside

var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")


@pytest.mark.parametrize("server", [Echo, ThreadEcho])
@inside
def test_a_process_keeps_its_values_and_nobody_else_sees_them(server: type[Echo]) -> None:
    """Also where both run on one thread in one loop, message after message."""
    first, second = server.start(), server.start()
    otpy.call(first, lambda: var.set("first"))
    assert otpy.call(second, var.get) == "unset"
    otpy.call(second, lambda: var.set("second"))
    assert otpy.call(first, var.get) == "first"
    assert var.get() == "unset"


@inside
def test_values_stay_across_waits() -> None:
    """Others run on the same thread meanwhile, and set the same variable."""
    me = otpy.self_pid()
    server = Echo.start()

    def live(value: str) -> None:
        var.set(value)
        for _ in range(20):
            otpy.call(server, lambda: var.set("the server's"))
            otpy.sleep(0)
            assert var.get() == value
        otpy.send(me, value)

    refs = [otpy.spawn_monitor(live, str(number))[1] for number in range(10)]
    assert [down(ref) for ref in refs] == [otpy.Normal()] * 10
    assert sorted(get() for _ in refs) == sorted(map(str, range(10)))


@inside
def test_a_new_process_starts_with_nothing() -> None:
    """It inherits nothing, as on the BEAM; also where its init runs on its starter's stack."""
    var.set("parent's")
    seen: list[str] = []

    class Child(otpy.GenServer[None]):
        """Looks, and sets."""

        def init(self, arg: object) -> otpy.Ok[None]:
            seen.append(var.get())
            var.set("child's")
            return otpy.Ok(None)

        def handle_call(self, request: object, from_: otpy.From, state: None) -> Any:
            return otpy.Reply(var.get(), state)

    child = Child.start_link()
    assert seen == ["unset"]
    assert var.get() == "parent's"
    assert otpy.call(child, "look") == "child's"
    _, ref = otpy.spawn_monitor(lambda: seen.append(var.get()))
    assert down(ref) == otpy.Normal()
    assert seen == ["unset", "unset"]


@inside
def test_blocking_takes_the_values_along() -> None:
    """As asyncio.to_thread does: it is the same piece of work."""
    var.set("mine")
    assert otpy.blocking(var.get) == "mine"


def test_a_promoted_process_keeps_its_values() -> None:
    """It changes threads in the middle of its life."""
    import threading

    with otpy.runtime():

        class Blocking(Echo):
            """Blocks when asked to."""

        server = Blocking.start()
        otpy.call(server, lambda: var.set("kept"))
        for _ in range(5):
            otpy.call(server, lambda: threading.Event().wait(0.05), timeout=DEADLINE)
            assert otpy.call(server, var.get) == "kept"
