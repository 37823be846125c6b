"""Tasks, agents, events and registries as users write them."""

from __future__ import annotations

from typing import Any, assert_type

import otpy
from otpy import Agent, Ok, RemoveHandler, Reply, Task, gen_event


def length(text: str) -> int:
    """Return how long *text* is."""
    return len(text)


async def length_awaited(text: str) -> int:
    """Return how long *text* is."""
    return len(text)


def use() -> None:
    """Results have the types of the functions."""
    task = Task.async_(length, "four")
    as_it_is: Task[int] = task
    assert_type(as_it_is.await_(timeout=1.0), int)
    assert_type(Task.async_(length_awaited, "four").await_(), int)
    assert_type(Task.await_many([task, task]), list[int])
    agent = Agent.start_link(dict[str, int], name="agent")
    assert_type(Agent.get(agent, length_of), int)
    Agent.update("agent", added, "tea", 3)


def length_of(state: dict[str, int]) -> int:
    """Return how much there is."""
    return len(state)


def added(state: dict[str, int], key: str, value: int) -> dict[str, int]:
    """Return the state with one more."""
    return {**state, key: value}


class Log(otpy.GenEvent[list[str]]):
    """A handler of events."""

    def init(self, arg: object) -> Ok[list[str]]:
        """Begin."""
        return Ok([])

    def handle_event(self, event: str, state: list[str]) -> Ok[list[str]] | RemoveHandler:
        """Keep it."""
        return Ok([*state, event]) if event else RemoveHandler()

    def handle_call(self, request: object, state: list[str]) -> Reply[int, list[str]]:
        """Answer."""
        return Reply(len(state), state)


def events() -> None:
    """A manager with a handler."""
    manager = gen_event.start_link()
    gen_event.add_handler(manager, Log)
    gen_event.add_handler(manager, (Log, "second"), "arg")
    gen_event.notify(manager, "event")
    assert_type(gen_event.call(manager, Log, "how many?"), Any)
