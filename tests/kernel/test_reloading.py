"""`runtime(reload_every=n)`: when a reload is asked for. What a reload is, is told by who knows of upgrades."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.kernel import events, reloading
from tests.kernel.actors_kit import LoopEcho, Own
from tests.support import DEADLINE, Echo, ThreadEcho, eventually


@pytest.fixture
def reloads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count the reloads instead of doing any."""
    seen: list[Any] = []
    monkeypatch.setattr(reloading, "_reloader", seen.append)
    return seen


@pytest.mark.parametrize("kind", [Echo, ThreadEcho, LoopEcho])
def test_every_nth_message_is_followed_by_a_reload(reloads: list[Any], kind: type[otpy.GenServer[Any]]) -> None:
    """Wherever the process runs; between its messages, on a thread that may wait for it."""
    with otpy.runtime(reload_every=3) as runtime:
        pid = kind.start()
        for number in range(1, 7):
            assert otpy.call(pid, number) == number
            eventually(lambda done=number // 3: len(reloads) == done)  # type: ignore[misc]
        assert reloads == [runtime, runtime]


def test_actors_count_too_and_so_does_a_server_that_was_observed(reloads: list[Any]) -> None:
    """`otpy.sys` exchanges what handles the messages, and puts it back."""
    with otpy.runtime(reload_every=1):
        actor, server = Own.start(), Echo.start()
        assert actor.ask(1) == 1
        eventually(lambda: len(reloads) == 1)
        otpy.sys.suspend(server)
        otpy.sys.resume(server)
        eventually(lambda: len(reloads) >= 2)
        before = len(reloads)
        assert otpy.call(server, 1) == 1
        eventually(lambda: len(reloads) > before)


def test_a_reload_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for while one is under way is done once, afterwards; at the end it is waited for."""
    entered, go_on = threading.Semaphore(0), threading.Semaphore(0)
    begun: list[Any] = []

    def reload(runtime: Any) -> None:
        begun.append(runtime)
        entered.release()
        assert go_on.acquire(timeout=DEADLINE)

    monkeypatch.setattr(reloading, "_reloader", reload)
    with otpy.runtime(reload_every=1) as runtime:
        pid = Echo.start()
        for number in range(5):
            assert otpy.call(pid, number) == number
            if number == 0:
                assert entered.acquire(timeout=DEADLINE)
        go_on.release()
        assert entered.acquire(timeout=DEADLINE)
        assert len(begun) == 2
        go_on.release()
    assert runtime.reloads is not None
    assert runtime.reloads.done == 2


def _fail(_runtime: object) -> None:
    raise ZeroDivisionError


def _into(failures: list[BaseException]) -> Callable[..., None]:
    def note(*, error: BaseException) -> None:
        failures.append(error)

    return note


def test_a_reload_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it, so there is an event, and the next one is tried all the same."""
    failures: list[BaseException] = []
    monkeypatch.setattr(reloading, "_reloader", _fail)
    detach = events.attach("runtime.reload_failed", _into(failures))
    with otpy.runtime(reload_every=1):
        pid = Echo.start()
        for count in (1, 2):
            assert otpy.call(pid, 1) == 1
            eventually(lambda count=count: len(failures) == count)  # type: ignore[misc]
    detach()
    assert {type(error) for error in failures} == {ZeroDivisionError}


@pytest.mark.parametrize("given", [0, -1, 1.5, True, "1"])
def test_what_is_no_number_of_messages_is_refused(reloads: list[Any], given: Any) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match="1 or more"), otpy.runtime(reload_every=given):
        pass


def test_without_upgrades_there_is_nothing_to_reload_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to import."""
    monkeypatch.setattr(reloading, "_reloader", None)
    with pytest.raises(ValueError, match="import otpy"), otpy.runtime(reload_every=1):
        pass
