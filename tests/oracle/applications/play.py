"""Playing a scenario of applications on otpy, from outside: the runtime may end in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, final

import otpy
from otpy import application
from otpy.kernel.runtime import Runtime
from tests.oracle.applications.scenario import Action, ApplicationScenario, Script, Step
from tests.support import eventually_outside

Classes: TypeAlias = Mapping[str, type[otpy.Application[Any]]]

REASONS: Mapping[str, Any] = {
    "normal": otpy.Normal(),
    "shutdown": otpy.Shutdown(),
    "boom": "boom",
    "kill": otpy.Kill(),
}


def play(scenario: ApplicationScenario) -> Iterator[Step]:
    """Play *scenario*, and yield what is seen after each action."""
    log: list[Any] = []
    classes: dict[str, type[otpy.Application[Any]]] = {}
    for name, script in scenario.applications.items():
        classes[name] = _application(name, script, log, classes)
    with otpy.runtime() as runtime:
        for action in scenario.actions:
            answer = _answered(action, classes)
            _settle(runtime, action)
            seen, log[:] = list(log), []
            if runtime.stopped:
                yield Step(seen)
                return
            known = [each.name for each in application.loaded_applications()]
            yield Step(
                log=seen,
                answer=answer,
                running=[each.name for each in application.which_applications()],
                loaded=sorted(known),
                env={name: application.get_all_env(name) for name in classes},
            )


def _settle(runtime: Runtime, action: Action) -> None:
    """Wait until what *action* has begun is over: an application that ends, or the runtime that stops."""
    if action[0] == "stop_node":
        runtime.stop()
    if action[0] == "end":
        name = action[1]
        eventually_outside(lambda: runtime.halted is not None or not _is_up(runtime, name))
    with suppress(otpy.OtpyError):  # what it has decided is done by then, unless the runtime has stopped
        otpy.sys.get_state("application_controller", timeout=None)
    if runtime.halted is not None:
        eventually_outside(lambda: runtime.stopped)


def _is_up(runtime: Runtime, name: str) -> bool:
    """Whether the controller still has *name* as running though its tree has ended, or the tree is there."""
    controller: Any = runtime.names.get("application_controller")
    return name in runtime.names or (controller is not None and name in controller.state.running)


def _answered(action: Action, classes: Classes) -> Any:
    try:
        return _act(action, classes)
    except otpy.OtpyError as error:
        return _refusal(error, ensured=action[0] == "ensure")


def _act(action: Action, classes: Classes) -> Any:
    match action:
        case ["ensure", name, kind]:
            return ["ok", application.ensure_all_started(classes[name], kind)]
        case ["start", name, kind]:
            application.start(classes[name], kind)
        case ["load" | "unload" | "stop" as verb, name]:
            verbs: dict[str, Callable[[Any], object]]
            verbs = {"load": application.load, "unload": application.unload, "stop": application.stop}
            verbs[verb](classes[name])
        case ["end", name, reason]:
            if otpy.whereis(name) is None:
                return "none"
            _end(name, REASONS[reason])
        case ["set_env", name, key, value, persistent]:
            application.set_env(name, key, value, persistent=persistent)
        case ["unset_env", name, key]:
            application.unset_env(name, key)
        case ["configure", config]:
            application.configure(config)
        case _:
            assert action == ["stop_node"]
    return "ok"


def _end(name: str, reason: Any) -> None:
    if isinstance(reason, otpy.Kill):
        pid = otpy.whereis(name)
        assert pid is not None
        otpy.exit(pid, reason)
    else:
        otpy.send(name, reason)


def _refusal(error: otpy.OtpyError, *, ensured: bool) -> Any:
    """Return what Erlang answers; `ensure_all_started` names the application whose start has failed."""
    words: dict[type[otpy.OtpyError], str] = {
        otpy.ApplicationAlreadyLoaded: "already_loaded",
        otpy.ApplicationAlreadyStarted: "already_started",
        otpy.ApplicationNotLoaded: "not_loaded",
        otpy.ApplicationNotRunning: "not_running",
        otpy.ApplicationNotStarted: "not_started",
        otpy.ApplicationRunning: "running",
    }
    assert isinstance(error, otpy.ApplicationError | otpy.NotRunning), error
    if isinstance(error, otpy.ApplicationStartFailed):
        return [error.application, _word(error.reason)] if ensured else _word(error.reason)
    if isinstance(error, otpy.ApplicationNotFound):
        return [error.application, "no_file"]
    return [words[type(error)], error.application] if isinstance(error, otpy.ApplicationError) else None


def _word(reason: Any) -> Any:
    match reason:
        case otpy.Normal():
            return "exit_normal"
        case otpy.BadReturn():
            return reason.value
        case otpy.Crash():
            return "crash"
        case _:
            return reason


# -- the application -------------------------------------------------------------------------------


def _application(name: str, script: Script, log: list[Any], classes: Classes) -> type[otpy.Application[Any]]:
    world = _Scripted(name, script, log)

    class App(otpy.Application[Any]):
        def start(self, type_: str, args: Any) -> Any:
            return world.start()

        def start_phase(self, phase: str, start_type: str, args: Any) -> None:
            log.append([name, "phase", phase, args])

        def prep_stop(self, state: Any) -> Any:
            return world.prep_stop(state)

        def stop(self, state: Any) -> None:
            world.stop(state)

        def config_change(self, changed: Mapping[str, Any], new: Mapping[str, Any], removed: Sequence[str]) -> None:
            world.config_change(changed, new, removed)

    dependencies = [classes.get(each, each) for each in script.applications]
    spec = {"name": name, "env": script.env, "applications": dependencies, "start_phases": script.phases}
    return type(f"App_{name}", (App,), spec)


@final
class _Scripted:
    """What the callbacks of one application do."""

    def __init__(self, name: str, script: Script, log: list[Any]) -> None:
        self._name = name
        self._script = script
        self._log = log

    def start(self) -> Any:
        self._log.append([self._name, "start"])
        match self._script.start:
            case "ok":
                return self._top()
            case "ok_state":
                return self._top(), "state"
            case "error":
                raise otpy.InitStopped("boom")
            case "crash":
                raise ValueError("boom")
            case "exit_normal":
                raise otpy.ExitProcess(otpy.Normal())
            case "junk":
                return "junk"

    def prep_stop(self, state: Any) -> Any:
        self._log.append([self._name, "prep_stop", state or "none", self._is_up()])
        if self._script.prep_stop == "crash":
            raise ValueError("boom")
        return "prepared"

    def stop(self, state: Any) -> None:
        self._log.append([self._name, "stop", state or "none", self._is_up()])
        if self._script.stop == "crash":
            raise ValueError("boom")

    def config_change(self, changed: Mapping[str, Any], new: Mapping[str, Any], removed: Sequence[str]) -> None:
        told = ([list(pair) for pair in sorted(values.items())] for values in (changed, new))
        self._log.append([self._name, "config", *told, sorted(removed)])

    def _is_up(self) -> bool:
        return otpy.whereis(self._name) is not None

    def _top(self) -> otpy.Pid:
        starter = otpy.self_pid()
        pid = otpy.spawn_link(self._run, starter)
        otpy.receive(lambda message: message == (pid, "up"))
        return pid

    def _run(self, starter: otpy.Pid) -> None:
        otpy.trap_exit(flag=True)
        otpy.register(self._name, otpy.self_pid())
        otpy.send(starter, (otpy.self_pid(), "up"))
        match otpy.receive():
            case otpy.Exit() as signal:
                self._log.append([self._name, "down", _down(signal.reason)])
                raise otpy.ExitProcess(signal.reason)
            case reason:
                raise otpy.ExitProcess(reason)


def _down(reason: Any) -> str:
    return next((word for word, known in REASONS.items() if known == reason), str(reason))
