"""Agent: a process that keeps a value."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

import otpy
from otpy import MFA, Agent
from tests.support import down, get, inside, outside, reason_of


class Boom(Exception):
    """What a function raises."""


def add(state: int, value: int = 1) -> int:
    """Return the sum."""
    return state + value


def fail(_: object = None) -> Any:
    """Fail with an exception."""
    raise Boom


def zero() -> int:
    """Return the first state."""
    return 0


# case: agent_test.exs: child_spec
@inside
def test_a_supervisor_starts_an_agent_by_its_spec() -> None:
    """With its function and name; a subclass has an id of its own."""

    class Counter(Agent):
        """Another name."""

    specs = [Agent.child_spec(int, "7", name="number"), Counter.child_spec(zero, restart="temporary", shutdown=1.0)]
    assert [(spec.id, spec.restart, spec.type) for spec in specs] == [
        ("Agent", "permanent", "worker"),
        ("Counter", "temporary", "worker"),
    ]
    supervisor = otpy.supervisor.start_link(specs)
    assert Agent.get("number", add) == 8
    assert [info.child for info in otpy.supervisor.which_children(supervisor)][1] == otpy.whereis("number")


# case: agent_test.exs: get
# case: agent_test.exs: update
# case: agent_test.exs: get_and_update
# case: agent_test.exs: cast
# case: agent_test.exs: stop
@inside
def test_an_agent_is_read_and_changed_by_functions() -> None:
    """They run inside it, one at a time, with the state first and what they were given behind it."""
    agent = Agent.start_link(dict[str, int], [("a", 1)])
    assert Agent.get(agent, lambda state: state["a"]) == 1
    assert Agent.get(agent, dict.get, "b", 0) == 0
    Agent.update(agent, lambda state: {**state, "b": 2})
    assert Agent.get_and_update(agent, lambda state: (state["b"], {})) == 2
    Agent.cast(agent, lambda state, key: {**state, key: 3}, "c")
    assert Agent.get(agent, dict) == {"c": 3}
    assert Agent.get(agent, lambda _: otpy.self_pid()) == agent
    Agent.stop(agent)
    assert not otpy.is_alive(agent)


# case: agent_test.exs: start
# case: agent_test.exs: start_link
@inside
def test_an_agent_is_started_with_a_link_or_without_or_monitored() -> None:
    """Under a name or a Via, within a time; what its function raises is why it did not start."""
    linked, free = Agent.start_link(zero, name="linked"), Agent.start(zero)
    info = otpy.process_info(otpy.self_pid())
    assert info is not None
    assert info.links == (linked,)
    with pytest.raises(otpy.AlreadyStarted) as taken:
        Agent.start(zero, name="linked")
    assert taken.value.pid == linked
    watched, ref = Agent.start_monitor(add, 1)
    Agent.stop(watched, otpy.Shutdown())
    assert down(ref) == otpy.Shutdown()
    for start in (Agent.start, Agent.start_link, Agent.start_monitor):
        with pytest.raises(otpy.InitStopped) as caught:
            start(fail)
        assert isinstance(caught.value.reason.error, Boom)
    with pytest.raises(otpy.StartTimeout):
        Agent.start(otpy.receive, timeout=0.0)
    Agent.stop(free)
    assert otpy.flush() == []


@inside
def test_a_function_that_raises_ends_the_agent() -> None:
    """Its state may be anything by then; who asked is told why."""
    for ask in (Agent.get, Agent.update, Agent.get_and_update):
        agent = Agent.start(zero)
        with pytest.raises(otpy.ServerExited) as caught:
            ask(agent, fail)
        assert isinstance(caught.value.reason.error, Boom)
        assert not otpy.is_alive(agent)
    agent = Agent.start(zero)
    Agent.cast(agent, fail)
    assert isinstance(reason_of(agent).error, Boom)
    agent = Agent.start(zero)
    with pytest.raises(otpy.ServerExited) as caught:
        Agent.get_and_update(agent, lambda _: "no pair")  # type: ignore[arg-type, return-value]
    assert caught.value.reason == otpy.BadReturn("get_and_update", "no pair")


@outside
def test_an_agent_that_is_not_there_or_slow_is_an_error_of_its_caller() -> None:
    """As with any server; a cast does not care."""
    agent = Agent.start(zero)
    Agent.cast(agent, lambda state: (otpy.receive(lambda message: message == "go on"), state)[1])
    with pytest.raises(otpy.CallTimeout):
        Agent.get(agent, add, timeout=0.0)
    otpy.send(agent, "go on")
    assert Agent.get(agent, add) == 1
    Agent.stop(agent)
    for ask in (Agent.get, Agent.update, Agent.get_and_update):
        for nobody in (agent, "nobody"):
            with pytest.raises(otpy.NoProcess):
                ask(nobody, fail)
    Agent.cast(agent, add)
    Agent.cast("nobody", add)


@inside
def test_what_is_no_function_is_refused_where_it_is_given() -> None:
    """The agent lives on. So are functions that an agent cannot await."""

    async def later(state: Any) -> Any:
        return state

    agent = Agent.start_link(zero)
    wrong: Any
    for wrong in (1, later, functools.partial(later, 1)):
        for ask in (Agent.get, Agent.update, Agent.get_and_update, Agent.cast):
            with pytest.raises(TypeError, match=r"is none|is an `async def`"):
                ask(agent, wrong)
        for start in (Agent.start, Agent.start_link, Agent.start_monitor, Agent.child_spec):
            with pytest.raises(TypeError, match=r"is none|is an `async def`"):
                start(wrong)
    assert Agent.get(agent, add) == 1


def test_an_agent_is_asked_from_any_event_loop() -> None:
    """From otpy's, where nobody may block, and from somebody else's; errors are the same."""

    async def main() -> list[Any]:
        agent = "number"
        await Agent.aupdate(agent, add, 2)
        got = await Agent.aget_and_update(agent, lambda state: (state, state * 10))
        wrong: Any = 1
        with pytest.raises(TypeError, match="is none"):
            await Agent.aget(agent, wrong)
        with pytest.raises(otpy.NoProcess):
            await Agent.aget("nobody", add)
        return [got, await Agent.aget(agent, add, 1)]

    with otpy.runtime():
        Agent.start_link(zero, name="number")
        assert asyncio.run(main()) == [2, 21]
        assert otpy.Task.async_(main).await_() == [22, 221]


@inside
def test_what_is_no_agent_is_told_apart() -> None:
    """No other process is given functions; and what an agent does not know ends it with an error that says so."""
    supervisor = otpy.supervisor.start_link([])
    wrong: Any = add
    for ask in (Agent.get, Agent.update, Agent.get_and_update, Agent.cast):
        with pytest.raises(TypeError, match=r"give what Agent\.start_link returns"):
            ask(supervisor, wrong)
    assert otpy.supervisor.which_children(supervisor) == []
    with pytest.raises(otpy.ServerExited, match="Agent has no handle_call and got 'what'"):
        otpy.call(Agent.start(zero), "what")
    agent = Agent.start(zero)
    otpy.cast(agent, "what")
    reason: Any = reason_of(agent)
    assert isinstance(reason.error, otpy.UndefinedCallback)


class Awaiting(Agent):
    """An agent on the event loop."""

    runs_on = "asyncio"


@inside
def test_an_agent_on_the_event_loop_takes_coroutines_too() -> None:
    """For a connection, say, that can only be used there."""

    async def later(state: int, value: int) -> int:
        await asyncio.sleep(0)
        return state + value

    async def both(state: int) -> tuple[int, int]:
        return state, state + 10

    async def first() -> int:
        return 1

    agent = Awaiting.start_link(first)
    assert Agent.get(agent, later, 1) == 2  # type: ignore[comparison-overlap]
    Agent.update(agent, later, 2)
    Agent.update(agent, add)
    Agent.cast(agent, later, 3)
    assert Agent.get_and_update(agent, both) == 7  # type: ignore[arg-type]
    assert Agent.get(agent, lambda state: state) == 17


# case: agent_test.exs: change_code
@inside
def test_change_code_applies_a_function_to_the_state() -> None:
    """By name, as in Elixir, or as it is; one that raises changes nothing; other extras are for others."""
    agent = Agent.start_link(zero)
    otpy.sys.suspend(agent)
    module = "otpy.behaviours.agent"
    otpy.sys.change_code(agent, module, extra=MFA(__name__, "add", (5,)))
    otpy.sys.change_code(agent, module, extra=add)
    otpy.sys.change_code(agent, module, extra="for somebody else")
    for wrong in (MFA(__name__, "fail"), MFA(__name__, "gone"), fail):
        with pytest.raises(otpy.ChangeCodeFailed):
            otpy.sys.change_code(agent, module, extra=wrong)
    otpy.sys.resume(agent)
    assert Agent.get(agent, add) == 7


@inside
def test_agents_are_looked_at_as_other_servers() -> None:
    """With `sys`, and they can keep anything; a message that is none of theirs is logged."""
    agent = Agent.start_link(list[int])
    Agent.update(agent, lambda state: [*state, 1])
    assert otpy.sys.get_state(agent) == [1]
    otpy.sys.replace_state(agent, lambda state: [*state, 2])
    otpy.send(agent, "what")
    assert Agent.get(agent, len) == 2
    otpy.register("test", otpy.self_pid())
    Agent.cast(agent, lambda state: otpy.send("test", state) and state)
    assert get() == [1, 2]
