"""What an author wants to say by hand about an upgrade, as values: OTP's appup, as far as it makes sense here.

otpy computes what OTP's authors write: which modules are loaded in which order, who is suspended, whose state is
converted. What is left to say, and takes precedence over what is computed:

| OTP | here |
| --- | --- |
| `{update, M, {advanced, Extra}, [Deps]}` with timeout and purge | `Update("m", extra=…, after=("deps",), …)` |
| `{update, M, supervisor}` | nothing to say: `init` runs again by itself |
| `{load_module, M}`, `{add_module, M}` | nothing to say: who has to pause is known from the change |
| `supervisor:terminate_child`, `restart_child` by `apply` | `Restart("shop", "logger")` |
| `{apply, {M, F, A}}` | `Apply("shop.steps:warm_up", when="after")` |
| `restart_application`, `restart_new_emulator` | none: an upgrade keeps processes |

`constrained(plan, instructions)` puts them into a plan. They are kept as TOML beside the sources, see `appup.py`.

Source: OTP appup(4), systools_rc.erl.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from otpy.analysis.units import Units
from otpy.errors import BadPlan
from otpy.planning.options import is_plain
from otpy.planning.plan import ApplyPlan, BehaviourPlan, ChildPlan, ModulePlan, Plan, SupervisorPlan


class Update(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one module is brought to its new version.

    - `behaviour`: a class in it ("Cart"), if `extra`, `state` and `suspend_timeout` are for its processes alone.
    - `extra`: what code_change gets; plain JSON data.
    - `state`: "preserve" leaves the states alone, "reset" has `init` make them anew; "auto" converts them.
    - `after`: modules that are loaded before it.
    - `suspend_timeout`: seconds that its processes have to come to rest.
    - `purge`: whether who still runs the old code may finish ("soft"), or is ended ("brutal").
    """

    module: str
    behaviour: str = ""
    extra: Any = None
    state: Literal["auto", "preserve", "reset"] = "auto"
    after: tuple[str, ...] = ()
    suspend_timeout: float | None = None
    purge: Literal["soft", "brutal"] = "soft"


class Restart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The *child* of a *supervisor* (its registered name) is started anew on the new code, and not migrated."""

    supervisor: str
    child: str


class Apply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Call *function* ("module:name") with *args*: before anybody is suspended, or after all go on."""

    function: str
    args: tuple[Any, ...] = ()
    when: Literal["before", "after"] = "after"


class Instructions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The instructions for one upgrade.

    `from_` and `to` say for which versions they are (as text, of every module that is updated by hand); empty: for any.
    `origin` is the file that they come from, for messages.
    """

    from_: tuple[str, ...] = msgspec.field(default=(), name="from")
    to: str = ""
    options: dict[str, Any] = {}
    """Options of the plan, such as `strategy`."""
    update: tuple[Update, ...] = ()
    restart: tuple[Restart, ...] = ()
    apply: tuple[Apply, ...] = ()
    origin: str = "instructions"

    def __bool__(self) -> bool:
        return bool(self.update or self.restart or self.apply or self.options)


def constrained(plan: Plan, instructions: Instructions, *, needs: Mapping[str, Iterable[str]] | None = None) -> Plan:
    """Return *plan* as *instructions* want it.

    *needs*: for each module of the plan those that it depends on when it is loaded, which come before it in any case.

    Raises: BadPlan, with each place of the instructions that does not fit the plan.
    """
    problems = tuple(_problems(plan, instructions))
    if problems:
        raise BadPlan([f"{instructions.origin}: {problem}" for problem in problems])
    with_options = plan.with_options(**instructions.options)
    return msgspec.structs.replace(
        with_options,
        modules=_ordered(with_options.modules, instructions, needs or {}),
        behaviours=tuple(_behaviour(each, instructions.update) for each in plan.behaviours),
        supervisors=_with_restarts(plan.supervisors, instructions.restart),
        applies=(
            *plan.applies,
            *(ApplyPlan(function=a.function, args=list(a.args), when=a.when) for a in instructions.apply),
        ),
    )


# -- what does not fit -------------------------------------------------------------------------------


def _problems(plan: Plan, instructions: Instructions) -> Iterator[str]:
    modules = {module.name: module for module in plan.modules}
    for number, update in enumerate(instructions.update):
        yield from (f"update[{number}].{problem}" for problem in _of_update(update, modules, plan, instructions))
    seen = [update.module for update in instructions.update if not update.behaviour]
    yield from (f"update has {name} twice; say it in one" for name in dict.fromkeys(seen) if seen.count(name) > 1)
    for number, apply in enumerate(instructions.apply):
        module, colon, function = apply.function.partition(":")
        if not colon or not all(part.isidentifier() for part in f"{module}.{function}".split(".")):
            yield f'apply[{number}].function is {apply.function!r}; give "module:function"'
        if not is_plain(list(apply.args)):
            yield f"apply[{number}].args is {list(apply.args)!r}; a plan keeps only what JSON has"


def _of_update(
    update: Update, modules: Mapping[str, ModulePlan], plan: Plan, instructions: Instructions
) -> Iterator[str]:
    module = modules.get(update.module)
    if module is None:
        yield f"module is {update.module!r}, which this upgrade does not change{_meant(update.module, modules)}"
        return
    if instructions.from_ and module.old_vsn not in instructions.from_:
        wanted = " or ".join(instructions.from_)
        yield f"module {update.module} is at version {module.old_vsn}; the instructions are for those at {wanted}"
    if instructions.to and module.new_vsn != instructions.to:
        yield f"module {update.module} goes to {module.new_vsn}; the instructions are for going to {instructions.to}"
    behaviours = [each.behaviour for each in plan.behaviours]
    if update.behaviour and f"{update.module}.{update.behaviour}" not in behaviours:
        yield f"behaviour is {update.behaviour!r}, of which no processes run{_meant(update.behaviour, behaviours)}"
    for position, name in enumerate(update.after):
        if name not in modules:
            yield f"after[{position}] is {name!r}, which this upgrade does not change{_meant(name, modules)}"
    if update.suspend_timeout is not None and not 0 < update.suspend_timeout < float("inf"):
        yield f"suspend_timeout is {update.suspend_timeout!r}; give seconds, more than 0"
    if not is_plain(update.extra):
        yield f"extra is {update.extra!r}; a plan keeps only what JSON has: text, numbers, lists, tables"


def _meant(name: str, known: Iterable[str]) -> str:
    every = list(known)
    close = get_close_matches(name, every, n=1) or get_close_matches(name, [k.rpartition(".")[2] for k in every], n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(every)}" if every else ""


# -- putting them in ---------------------------------------------------------------------------------


def _ordered(
    modules: Sequence[ModulePlan], instructions: Instructions, needs: Mapping[str, Iterable[str]]
) -> tuple[ModulePlan, ...]:
    """Return the modules in an order in which each comes after what it needs, and after what authors say."""
    by_name = {module.name: _purged(module, instructions.update) for module in modules}
    said: dict[str, set[str]] = {name: set() for name in by_name}
    for update in instructions.update:
        said[update.module].update(update.after)
    wanted = Units({name: sorted({*needs.get(name, ())} | said[name]) for name in by_name})
    rings = [ring for ring in wanted.rings() if any(said[name].intersection(ring) for name in ring)]
    if rings:
        contradictions = (
            f"{instructions.origin}: update.after cannot be kept: {', '.join(sorted(ring))} would each have to come "
            f"before the other ({_said(said, ring)}); take one of them out"
            for ring in rings
        )
        raise BadPlan(list(contradictions))
    return tuple(by_name[name] for unit in wanted.in_order(tuple(by_name)) for name in unit)


def _said(said: Mapping[str, set[str]], ring: Iterable[str]) -> str:
    within = set(ring)
    pairs = ((name, sorted(said[name] & within)) for name in sorted(within))
    return "; ".join(f"{name} after {', '.join(others)}" for name, others in pairs if others)


def _purged(module: ModulePlan, updates: Iterable[Update]) -> ModulePlan:
    said = next((update.purge for update in updates if update.module == module.name and not update.behaviour), None)
    return module if said is None else msgspec.structs.replace(module, purge=said)


def _behaviour(behaviour: BehaviourPlan, updates: Iterable[Update]) -> BehaviourPlan:
    """Return *behaviour* as the updates of its module, and then those of itself, want it."""
    ordered = sorted(updates, key=lambda update: bool(update.behaviour))
    for update in ordered:
        if update.behaviour:
            concerned = behaviour.behaviour == f"{update.module}.{update.behaviour}"
        else:
            concerned = behaviour.module == update.module
        if concerned:
            behaviour = msgspec.structs.replace(
                behaviour,
                extra=behaviour.extra if update.extra is None else update.extra,
                migration=behaviour.migration if update.state == "auto" else update.state,
                suspend_timeout=update.suspend_timeout or behaviour.suspend_timeout,
            )
    return behaviour


def _with_restarts(supervisors: Sequence[SupervisorPlan], restarts: Iterable[Restart]) -> tuple[SupervisorPlan, ...]:
    found = {each.supervisor: each for each in supervisors}
    for restart in restarts:
        plan = found.get(restart.supervisor) or SupervisorPlan(supervisor=restart.supervisor)
        others = tuple(child for child in plan.children if child.id != restart.child)
        again = ChildPlan(id=restart.child, action="restart")
        found[restart.supervisor] = msgspec.structs.replace(plan, children=(*others, again))
    return tuple(found.values())
