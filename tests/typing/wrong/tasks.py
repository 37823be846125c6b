"""Tasks, agents and events that do not fit their functions."""

from __future__ import annotations

import otpy
from otpy import Agent, NoReply, Ok, Task, gen_event


def length(text: str) -> int:
    """Return how long *text* is."""
    return len(text)


def wrong_tasks() -> None:
    """Arguments and results."""
    task = Task.async_(length, "four")
    word: str = task.await_()  # error: an int
    words: list[str] = Task.await_many([task])  # error: ints
    Task.async_(7)  # error: a function
    task.await_("5")  # error: seconds
    task.shutdown("soon")  # error: seconds or brutal_kill
    Task.start_link(length, 4)  # error: text is a str
    del word, words


def length_of(state: dict[str, int]) -> int:
    """Return how much there is."""
    return len(state)


def wrong_agents(agent: otpy.Pid) -> None:
    """Functions and results."""
    word: str = Agent.get(agent, length_of)  # error: an int
    Agent.get(agent, "length")  # error: a function
    Agent.get(agent, length_of, "more")  # error: it takes the state alone
    Agent.get_and_update(agent, length_of)  # error: a pair
    Agent.start_link(length)  # error: text is missing
    del word


class WrongHandler(otpy.GenEvent[int]):
    """A handler whose callbacks do not fit."""

    def init(self, arg: object) -> Ok[str]: ...  # error: state is an int
    def handle_event(self, event: object, state: int) -> NoReply[int]: ...  # error: Ok
    def handle_call(self, request: object, state: int) -> Ok[int]: ...  # error: Reply
    def handle_info(self, message: object, state: str) -> Ok[int]: ...  # error: state is an int


def wrong_events(manager: otpy.Pid) -> None:
    """Handlers that are none."""
    gen_event.add_handler(manager, "log")  # error: a class
    gen_event.swap_handler(manager, WrongHandler, WrongHandler)  # error: with arguments
    gen_event.notify(manager)  # error: what?
