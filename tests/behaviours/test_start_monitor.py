"""start_monitor: a start that is monitored before init runs."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import otpy
from tests.behaviours.server_kit import KINDS, OnThread, Scripted, as_init, state_of
from tests.support import down, inside, reason_of

kinds = pytest.mark.parametrize("kind", KINDS)


def no_message_is_here() -> bool:
    """Whether nothing has come to the running process."""
    return otpy.flush() == []


@kinds
@inside
def test_the_start_is_monitored(kind: type[Scripted]) -> None:
    """The Down message has the ref that was returned, and the starter is not linked."""
    pid, ref = kind.start_monitor(1, name="server")
    assert otpy.whereis("server") is pid
    assert state_of(pid) == 1
    assert ref is not None
    otpy.exit(pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    assert no_message_is_here()


@inside
def test_the_function_starts_any_behaviour() -> None:
    """With the same options as the class method."""
    pid, ref = otpy.start_monitor(Scripted, 5, name="server", timeout=20.0)
    assert state_of(pid) == 5
    otpy.stop("server")
    assert down(ref) == otpy.Normal()


class Watched(otpy.GenServer[None]):
    """Tells how many watch it while init runs."""

    def init(self, arg: otpy.Pid) -> otpy.Ok[None]:
        """Look at the starter's monitors."""
        info = otpy.process_info(arg)
        otpy.send(arg, info is not None and otpy.self_pid() in info.monitors)
        return otpy.Ok(None)


@inside
def test_the_monitor_is_there_before_init_runs() -> None:
    """Else a server that ends right behind init would be missed."""
    _, ref = Watched.start_monitor(otpy.self_pid())
    assert otpy.receive(timeout=20.0) is True
    otpy.demonitor(ref)


def _stop() -> Any:
    return otpy.Stop("reason")


def _raise() -> Any:
    raise ValueError("no")


@kinds
@pytest.mark.parametrize(
    ("init", "error"),
    [
        pytest.param(otpy.Ignore, otpy.StartIgnored, id="ignores"),
        pytest.param(_stop, otpy.InitStopped, id="stops"),
        pytest.param(_raise, otpy.InitStopped, id="raises"),
        pytest.param(lambda: 42, otpy.InitStopped, id="returns something else"),
        pytest.param(lambda: otpy.exit(otpy.self_pid(), otpy.Kill()), otpy.InitStopped, id="is killed"),
    ],
)
@pytest.mark.parametrize("timeout", [None, 20.0])
@inside
def test_a_failed_start_raises_and_sends_no_down_message(
    kind: type[Scripted], init: Any, error: type[Exception], timeout: float | None
) -> None:
    """As OTP's gen_server:start_monitor: the result has said it already."""
    with pytest.raises(error):
        kind.start_monitor(as_init(init), timeout=timeout)
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    assert info.monitors == ()
    assert no_message_is_here()


@inside
def test_a_taken_name_monitors_nobody() -> None:
    """The error has the pid, for whoever wants to monitor that one."""
    owner = Scripted.start(0, name="server")
    with pytest.raises(otpy.AlreadyStarted) as error:
        Scripted.start_monitor(0, name="server")
    assert error.value.pid is owner
    otpy.exit(owner, otpy.Kill())
    reason_of(owner)
    assert no_message_is_here()


@inside
def test_a_start_that_takes_too_long_is_killed_and_sends_no_down_message() -> None:
    """As any other failure."""
    free = threading.Event()

    def wait() -> Any:
        free.wait(20.0)
        return otpy.Ok(0)

    with pytest.raises(otpy.StartTimeout):
        OnThread.start_monitor(as_init(wait), timeout=0.01)
    free.set()
    assert no_message_is_here()


@inside
def test_other_messages_stay_in_their_order() -> None:
    """Only the Down message of this start is taken out."""
    me = otpy.self_pid()
    otpy.send(me, 1)
    otpy.send(me, 2)
    with pytest.raises(otpy.InitStopped):
        Scripted.start_monitor(as_init(_raise))
    assert otpy.flush() == [1, 2]


@pytest.mark.parametrize("given", [None, int, "Scripted", Scripted.start])
@inside
def test_what_is_no_behaviour_is_refused(given: Any) -> None:
    """The error says what is wanted."""
    with pytest.raises(TypeError, match="no behaviour"):
        otpy.start_monitor(given)
