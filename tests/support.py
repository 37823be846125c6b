"""What the tests share: running a test as a process, waiting for a fact, and Python in a process of its own."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, final

import otpy
from otpy.kernel import events

P = ParamSpec("P")

DEADLINE: Final = 20.0
"""Seconds that a test waits for what should happen at once; only a failing test, or a very busy machine, needs them."""

_ROOT = Path(__file__).parent.parent
_LOOK_SECONDS = 0.001
_WAITING = frozenset({"idle", "waiting", "suspended"})


def inside(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test as a process of a runtime of its own."""

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        with otpy.runtime():
            otpy.run(functools.partial(test, *args, **kwargs))

    return wrapper


def outside(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a runtime of its own, but from a thread: for handlers that block or compute for long.

    A process that waits on the scheduler stands on a thread, and if a handler gets stuck on that thread, it waits too.
    """

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        with otpy.runtime():
            test(*args, **kwargs)

    return wrapper


def eventually(fact: Callable[[], object], *, within: float = DEADLINE) -> None:
    """Wait until `fact()` is true; fail after *within* seconds. For facts that nobody sends a message about."""
    _wait(fact, within, otpy.sleep)


def eventually_outside(fact: Callable[[], object], *, within: float = DEADLINE) -> None:
    """The same, but not as a process: where otpy's clock stands still, its process is dead, or there shall be none."""
    _wait(fact, within, threading.Event().wait)


def _wait(fact: Callable[[], object], within: float, pause: Callable[[float], object]) -> None:
    until = time.monotonic() + within
    while not fact():
        assert time.monotonic() < until, f"did not come true within {within} s: {fact}"
        pause(_LOOK_SECONDS)


@final
class Listener:
    """Keeps the facts of the events of some names, until it is left."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._detach: list[Callable[[], None]] = []

    def facts(self, name: str) -> list[dict[str, Any]]:
        """Return the facts of the events *name* so far."""
        return [facts for heard, facts in self.heard if heard == name]

    def __enter__(self) -> Listener:
        for name in self.names:
            self._detach.append(events.attach(name, functools.partial(self._hear, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for detach in self._detach:
            detach()

    def _hear(self, name: str, /, **facts: Any) -> None:
        self.heard.append((name, facts))


def status(pid: otpy.Pid) -> str | None:
    """Return the status of *pid*, or None if it is dead."""
    info = otpy.process_info(pid)
    return info.status if info is not None else None


def eventually_waits(pid: otpy.Pid) -> None:
    """Wait until *pid* waits inside its code."""
    eventually(lambda: status(pid) == "waiting")


def all_wait() -> bool:
    """Whether no process runs, seen twice: what is waiting in one look may have been woken by one seen later in it."""
    looks = [look(), look()]
    return looks[0] == looks[1] and all(status in _WAITING for _, status, _ in looks[0])


def look() -> list[tuple[otpy.Pid, str, int]]:
    """Return what each process does, and how much it has done so far."""
    infos = [otpy.process_info(pid) for pid in otpy.processes()]
    return [(info.pid, info.status, info.reductions) for info in infos if info is not None]


def get(*, timeout: float | None = DEADLINE) -> Any:
    """Return the next message of the running process."""
    return otpy.receive(timeout=timeout)


def reason_of(pid: otpy.Pid, *, timeout: float | None = DEADLINE) -> Any:
    """Wait for the end of *pid* and return its exit reason; NoProc() if it had ended before."""
    ref = otpy.monitor(pid)
    return otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is ref, timeout=timeout).reason


def down(ref: otpy.Ref, *, timeout: float | None = DEADLINE) -> Any:
    """Wait for the Down message of *ref* and return its reason."""
    return otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is ref, timeout=timeout).reason


def idle_process() -> otpy.Pid:
    """Start a plain process that waits for one message, whatever it is."""
    return otpy.spawn(otpy.receive)


def python(code: str, *arguments: str, timeout: float = 50.0) -> subprocess.CompletedProcess[str]:
    """Run *code* in a Python of its own and return what came of it."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Echo(otpy.GenServer[list[Any]]):
    """Replies with the request, keeps the casts, and shows them."""

    def init(self, arg: object) -> otpy.Ok[list[Any]]:
        """Start with nothing."""
        return otpy.Ok([])

    def handle_call(self, request: Any, from_: otpy.From, state: list[Any]) -> Any:
        """Return the request; run it if it is a function."""
        if request == "casts":
            return otpy.Reply(list(state), state)
        return otpy.Reply(request() if callable(request) else request, state)

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        """Keep the request; run it if it is a function."""
        if callable(request):
            request()
            return otpy.NoReply(state)
        return otpy.NoReply([*state, request])


class ThreadEcho(Echo):
    """The same on a thread of its own."""

    runs_on = "thread"


@final
class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the seconds that the test has let pass."""
        return self._now

    def wait_for(self, moment: float) -> float:
        """Wait until somebody rings: no time passes by itself."""
        return -1

    def advance(self, seconds: float, runtime: Any) -> None:
        """Let *seconds* pass, and have the scheduler look what is due. From a thread that is not the scheduler's.

        They pass between two slices: a server that has just replied has set its timeout by then.
        """
        passed = threading.Event()

        def let_pass() -> None:
            self._now += seconds
            passed.set()

        runtime.scheduler.between_slices(let_pass)
        assert passed.wait(DEADLINE), "the scheduler is stuck in a slice"

    def advance_to_message(self, seconds: float, runtime: Any) -> Any:
        """Let *seconds* pass and return the message they bring; again and again where upgrades begin timeouts anew."""
        self.advance(seconds, runtime)
        while True:
            try:
                return otpy.receive(timeout=None if runtime.reloads is None else 0)
            except TimeoutError:
                self.advance(seconds, runtime)
