"""Playing a gen_statem scenario: the play sends, and looks at what was written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import otpy
from tests.oracle.recording import Step
from tests.oracle.statems.scenario import Send, StatemScenario
from tests.oracle.statems.server import World, word_for

Wait: TypeAlias = Callable[[otpy.Pid, int], None]
Calls: TypeAlias = list[tuple[int, otpy.RequestId[Any]]]


def play(scenario: StatemScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what is seen after the start and after each action."""
    return play_on("scheduler", scenario, lambda _pid, milliseconds: otpy.sleep(milliseconds / 1000))


def play_on(runs_on: str, scenario: StatemScenario, wait: Wait) -> Iterator[Step]:
    """As `play`, with a machine that runs elsewhere; `wait(pid, milliseconds)` lets time pass for it."""
    otpy.trap_exit(flag=True)
    world = World(scenario.machine)
    pid = world.behaviour(runs_on).start_link()
    calls: Calls = []
    ended: list[Any] = []
    for send in (None, *scenario.actions):
        calls += _send(pid, send, wait)
        wait_until_quiet(pid)
        log, world.log = world.log, []
        ended += [message for message in otpy.flush() if isinstance(message, otpy.Exit) and message.pid is pid]
        machine = ["ended", word_for(ended[0].reason)] if ended else ["is", *otpy.sys.get_state(pid, timeout=None)]
        yield {"log": log, "machine": machine, "replies": list(_replies(calls))}


def wait_until_quiet(pid: otpy.Pid) -> None:
    """Return when *pid* has handled what came, or has ended."""
    with suppress(otpy.CallError):
        otpy.sys.get_state(pid, timeout=None)


def _send(pid: otpy.Pid, send: Send | None, wait: Wait) -> Calls:
    match send:
        case "cast", content:
            otpy.cast(pid, content)
        case "info", content:
            otpy.send(pid, content)
        case "sleep", milliseconds:
            wait(pid, milliseconds)
        case "call", content:
            return [(content, otpy.send_request(pid, content))]
        case _:
            pass
    return []


def _replies(calls: Calls) -> Iterator[list[Any]]:
    """Take those out of *calls* that have an answer by now."""
    for content, request in tuple(calls):
        try:
            response = otpy.check_response(request)
            answer: Any = None if response is None else response.value
        except otpy.CallError:
            answer = "ended"
        if answer is not None:
            calls.remove((content, request))
            yield [content, answer]
