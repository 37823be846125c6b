"""Playing a gen_event scenario: the play and two owners ask the manager, and look at what was noted and heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, final

import otpy
from otpy import gen_event
from tests.oracle.forms import to_reason
from tests.oracle.managers.handlers import World, form, told
from tests.oracle.managers.scenario import OWNERS, Action, ManagerScenario
from tests.oracle.recording import Step


def play(scenario: ManagerScenario) -> Iterator[Step]:
    """Play *scenario* in the running process, and yield what is seen after each action."""
    return play_on("scheduler", scenario)


def play_on(runs_on: Any, scenario: ManagerScenario) -> Iterator[Step]:
    """As `play`, with a manager that runs elsewhere."""
    otpy.trap_exit(flag=True)
    stage = _Stage(World(scenario.manager.script, runs_on), gen_event.start_link(runs_on=runs_on))
    for action in scenario.actions:
        yield {"answer": stage.act(action), **stage.look()}


def _inform(manager: otpy.Pid, content: Any) -> None:
    otpy.send(manager, ("info", content))


def _call(manager: otpy.Pid, handler: Any, request: Any) -> Any:
    return gen_event.call(manager, handler, request, timeout=None)


def _swap(manager: otpy.Pid, old: Any, arg: Any, new: Any, new_arg: Any) -> None:
    gen_event.swap_handler(manager, (old, arg), (new, new_arg))


def _swap_sup(manager: otpy.Pid, old: Any, arg: Any, new: Any, new_arg: Any) -> None:
    gen_event.swap_sup_handler(manager, (old, arg), (new, new_arg))


def _stop(manager: otpy.Pid, reason: Any) -> None:
    gen_event.stop(manager, to_reason(reason))


_VERBS: dict[str, Callable[..., Any]] = {
    "notify": gen_event.notify,
    "sync_notify": gen_event.sync_notify,
    "info": _inform,
    "call": _call,
    "add": gen_event.add_handler,
    "add_sup": gen_event.add_sup_handler,
    "delete": gen_event.delete_handler,
    "swap": _swap,
    "swap_sup": _swap_sup,
    "stop": _stop,
}


@final
class _Stage:
    """A manager, and the processes that own handlers of it."""

    def __init__(self, world: World, manager: otpy.Pid) -> None:
        self._world = world
        self._manager = manager
        self._owners: dict[str, otpy.Pid] = {}

    def act(self, action: Action) -> Any:
        """Do *action*, and return what came of it as the recordings have it."""
        word, *given = action
        if word == "exit":
            return _answer(lambda: self._end(given[0], to_reason(given[1])))
        owner = given.pop(0) if word.endswith("_sup") else None
        arguments = [each if isinstance(each, int) or word == "stop" else self._world.handler(each) for each in given]

        def do() -> Any:
            return _VERBS[word](self._manager, *arguments)

        return _answer(do) if owner is None else _asked(self._owner(owner), lambda _heard: _answer(do))

    def look(self) -> Step:
        """Return what is to be seen of the manager and of the owners."""
        try:
            found = otpy.sys.get_state(self._manager, timeout=None)
            handlers: Any = [[form(kind), ident, state] for kind, ident, state in found]
        except otpy.CallError:
            handlers = "ended"
        log = list(self._world.log)
        self._world.log.clear()
        return {"log": log, "handlers": handlers, **{owner: self._heard(owner) for owner in OWNERS}}

    # -- owners

    def _owner(self, name: str) -> otpy.Pid:
        if name not in self._owners:
            self._owners[name] = otpy.spawn(_own)
        return self._owners[name]

    def _end(self, owner: str, reason: Any) -> None:
        monitor = otpy.monitor(self._owner(owner))
        otpy.send(self._owners.pop(owner), ("end", reason))
        otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is monitor)

    def _heard(self, owner: str) -> Any:
        pid = self._owners.get(owner)
        if pid is None or not otpy.is_alive(pid):
            return None
        heard: list[otpy.GenEventExit] = _asked(pid, _take)
        names = {each: name for name, each in self._owners.items()}
        return [[form(each.handler), _named(told(each.reason), names)] for each in heard]


def _named(reason: Any, names: dict[otpy.Pid, str]) -> Any:
    match reason:
        case ["swapped", handler, otpy.Pid() as owner]:
            return ["swapped", handler, names.get(owner, "none")]
        case _:
            return reason


def _own() -> None:
    heard: list[Any] = []
    while True:
        match otpy.receive():
            case ("do", pid, do):
                otpy.send(pid, ("done", do(heard)))
            case ("end", reason):
                raise otpy.ExitProcess(reason)
            case message:
                heard.append(message)


def _asked(owner: otpy.Pid, do: Callable[[list[Any]], Any]) -> Any:
    """Have *owner* do something with what it has heard, and return what came of it."""
    otpy.send(owner, ("do", otpy.self_pid(), do))
    return otpy.receive(_is_answer)[1]


def _is_answer(message: Any) -> bool:
    match message:
        case ("done", _):
            return True
        case _:
            return False


def _take(heard: list[Any]) -> list[Any]:
    taken = list(heard)
    heard.clear()
    return taken


# -- answers ---------------------------------------------------------------------------------------


def _answer(do: Callable[[], Any]) -> Any:
    try:
        answer = do()
    except otpy.HandlerNotFound:
        return "not_found"
    except (otpy.HandlerCrashed, otpy.HandlerNotAdded) as error:
        return form(error.reason)
    except otpy.CallError:
        return "noproc"
    return "ok" if answer is None else form(answer)
