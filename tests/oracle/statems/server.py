"""The scripted machine."""

from __future__ import annotations

import asyncio
from typing import Any, final

import otpy
from tests.oracle.forms import to_reason
from tests.oracle.statems.scenario import SHORT, Action, Machine, Result


@final
class World:
    """What a machine and its play share: the script, as far as it is still to come, and what was written down."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.script = list(machine.script)
        self.log: list[Any] = []

    def behaviour(self, runs_on: str = "scheduler") -> type[otpy.GenStatem[str, int]]:
        """Return the class of the machine."""
        base: type[otpy.GenStatem[str, int]] = _Awaiting if runs_on == "asyncio" else _Scripted
        facts = {"callback_mode": self.machine.mode, "state_enter": self.machine.state_enter, "runs_on": runs_on}
        made: Any = type("Scripted", (base,), facts | {"world": self})
        return made  # type: ignore[no-any-return]


class _Scripted(otpy.GenStatem[str, int]):
    world: World

    def init(self, arg: Any) -> Any:
        state, data, actions = self.world.machine.first
        return otpy.NextState(state, data, _actions(actions, "internal"))

    def handle_event(self, kind: Any, content: Any, state: str, data: int) -> Any:
        self.world.log.append([_word(kind), content, state, data])
        return _result(self.world.script.pop(0), kind) if self.world.script else otpy.KeepState()

    def a(self, kind: Any, content: Any, data: int) -> Any:
        return self.handle_event(kind, content, "a", data)

    def b(self, kind: Any, content: Any, data: int) -> Any:
        return self.handle_event(kind, content, "b", data)

    def c(self, kind: Any, content: Any, data: int) -> Any:
        return self.handle_event(kind, content, "c", data)

    def terminate(self, reason: Any, state: str, data: int) -> Any:
        self.world.log.append(["terminate", word_for(reason), state, data])


class _Awaiting(_Scripted):
    """The same with callbacks that are awaited."""

    runs_on = "asyncio"

    async def init(self, arg: Any) -> Any:
        await asyncio.sleep(0)
        return super().init(arg)

    async def handle_event(self, kind: Any, content: Any, state: str, data: int) -> Any:
        await asyncio.sleep(0)
        return super().handle_event(kind, content, state, data)

    async def terminate(self, reason: Any, state: str, data: int) -> None:
        await asyncio.sleep(0)
        super().terminate(reason, state, data)


def word_for(reason: Any) -> str:
    """Return an exit reason as the recordings have it."""
    words = {"normal": otpy.Normal(), "shutdown": otpy.Shutdown()}
    return next((word for word, known in words.items() if known == reason), "bad" if _is_bad(reason) else str(reason))


def _is_bad(reason: Any) -> bool:
    return isinstance(reason, otpy.BadReturn)


def _word(kind: Any) -> Any:
    match kind:
        case ("call", _):
            return "call"
        case ("timeout", name):
            return ["timeout", name]
        case _:
            return kind


def _result(result: Result, kind: Any) -> Any:
    match result:
        case ["next_state", state, data, actions]:
            return otpy.NextState(state, data, _actions(actions, kind))
        case ["keep_state", data, actions]:
            return otpy.KeepState(data, _actions(actions, kind))
        case ["keep_state_and_data", actions]:
            return otpy.KeepState(actions=_actions(actions, kind))
        case ["repeat_state", data, actions]:
            return otpy.RepeatState(data, _actions(actions, kind))
        case ["repeat_state_and_data", actions]:
            return otpy.RepeatState(actions=_actions(actions, kind))
        case ["stop_and_reply", reason, value, data] if kind[0] == "call":
            return otpy.StopAndReply(to_reason(reason), otpy.ReplyTo(kind[1], value), data)
        case ["stop" | "stop_and_reply", reason, *_, data]:
            return otpy.Stop(to_reason(reason), data)
        case _:
            msg = f"no such result: {result!r}"
            raise ValueError(msg)


def _actions(actions: list[Action], kind: Any) -> list[Any]:
    return [done for action in actions for done in _action(action, kind)]


def _action(action: Action, kind: Any) -> list[Any]:
    """What *action* stands for; `reply` and `same` are about the event that is handled."""
    match action:
        case ["postpone"]:
            return [otpy.Postpone()]
        case ["reply", value]:
            return [otpy.ReplyTo(kind[1], value)] if kind[0] == "call" else []
        case ["next_event", "same", content]:
            return [otpy.NextEvent(kind if kind[0] == "call" else "internal", content)]
        case ["next_event", "x", content]:
            return [otpy.NextEvent(("timeout", "x"), content)]
        case ["next_event", word, content]:
            return [otpy.NextEvent(word, content)]
        case ["timeout", "state", time, content]:
            return [otpy.StateTimeout(_seconds("state", time), content)]
        case ["timeout", "event", time, content]:
            return [otpy.EventTimeout(_seconds("event", time), content)]
        case ["timeout", name, time, content]:
            return [otpy.GenericTimeout(name, _seconds(name, time), content)]
        case _:
            msg = f"no such action: {action!r}"
            raise ValueError(msg)


def _seconds(which: str, time: str) -> Any:
    known = {"0": 0, "infinity": None, "cancel": otpy.CANCEL, "update": otpy.UPDATE, "long": 1000.0}
    return known[time] if time in known else SHORT[which] / 1000
