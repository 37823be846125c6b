"""The scripted supervisor, the function that starts it, and how its flags and child specs are made from a recording."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

import otpy
from tests.oracle.forms import Form, Raised, to_value
from tests.oracle.journal import Incarnation
from tests.oracle.supervisors import worker
from tests.oracle.supervisors.cast import SupervisorScript, WorkerScript, World, label_of
from tests.oracle.supervisors.scenario import Flags, Spec


def start(script: SupervisorScript) -> otpy.Pid:
    """Start a supervisor, linked; the start function of its child spec. Runs in the parent."""
    world, label, sup = script
    incarnation = world.incarnation(label)
    world.flags[label] = sup.flags
    dynamic = sup.flags.dynamic
    try:
        pid = _start_dynamic(script, incarnation) if dynamic else ScriptedSupervisor.start_link((script, incarnation))
    except otpy.StartError:
        world.journal.decide(incarnation, started=False)
        raise
    world.journal.decide(incarnation, started=True)
    return pid


def _start_dynamic(script: SupervisorScript, incarnation: Incarnation) -> otpy.Pid:
    """Start Elixir's supervisor. Its init gets the flags, so the script comes with a class of its own."""

    class ScriptedDynamicSupervisor(otpy.DynamicSupervisor):
        def init(self, flags: Any) -> Any:
            return _begin(script, incarnation, flags)

    flags = script.sup.flags
    options = {"max_restarts": flags.intensity, "max_seconds": flags.period, "max_children": flags.max_children}
    given = {name: to_value(form) for name, form in options.items() if form is not UNSET}
    return ScriptedDynamicSupervisor.start_link(**given)


class ScriptedSupervisor(otpy.Supervisor):
    """Starts the children of its script."""

    def init(self, arg: tuple[SupervisorScript, Incarnation]) -> Any:
        """Begin as the script says."""
        script, incarnation = arg
        world, label, sup = script
        specs = [spec_of(world, label, spec) for spec in sup.children]
        return _begin(script, incarnation, (flags_of(sup.flags), specs))


def _begin(script: SupervisorScript, incarnation: Incarnation, ok: Any) -> Any:
    """Do what the init of *script* does: return *ok* if all is well."""
    journal, outcome = script.world.journal, script.sup.init
    journal.bind(incarnation, otpy.self_pid())
    journal.write("init", *incarnation.fields, outcome)
    match outcome:
        case "ok":
            return ok
        case "ignore":
            return otpy.Ignore()
        case ["crash", why]:
            raise Raised(to_value(why))
        case ["bad_return", junk]:
            return to_value(junk)
        case _:
            msg = f"no such outcome of init: {outcome!r}"
            raise ValueError(msg)


def flags_of(flags: Flags) -> Any:
    """Return the supervisor flags that a recording gives, junk included."""
    if flags.raw is not UNSET:
        return to_value(flags.raw)
    return otpy.SupFlags(**_given(flags, ("strategy", "intensity", "period", "auto_shutdown")))


def spec_of(world: World, parent: str, spec: Spec) -> Any:
    """Return the child spec that a recording gives, junk included; one that lacks a field has to be a mapping."""
    if spec.raw is not UNSET:
        return to_value(spec.raw)
    fields = _given(spec, ("id", "restart", "significant", "shutdown", "type", "modules"))
    if "shutdown" in fields:
        fields["shutdown"] = _shutdown(fields["shutdown"])
    if spec.start != "missing":
        fields["start"] = _start_of(world, parent, spec)
    return otpy.ChildSpec(**fields) if "id" in fields and "start" in fields else fields


def _given(source: Flags | Spec, names: tuple[str, ...]) -> dict[str, Any]:
    fields = {name: getattr(source, name) for name in names}
    return {name: to_value(form) for name, form in fields.items() if form is not UNSET}


def _shutdown(given: Any) -> Any:
    """Return seconds for milliseconds; what is no time stays as it is, so that it is refused in the recorded words."""
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given / 1000
    return given


def _start_of(world: World, parent: str, spec: Spec) -> Any:
    if spec.start is not UNSET:
        return to_value(spec.start)
    name: Form = "" if spec.id is UNSET else spec.id
    if isinstance(spec.sup, UnsetType):
        return otpy.MFA(worker.__name__, "start", (WorkerScript(world, parent, name, spec.behaviour),))
    return otpy.MFA(__name__, "start", (SupervisorScript(world, label_of(parent, name), spec.sup),))
