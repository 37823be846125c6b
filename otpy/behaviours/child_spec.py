"""Child specs and supervisor flags: the values, what is accepted, and how two lists of specs differ.

In come what a supervisor's `init` or a caller of `start_child` wrote; out come checked values with every default
filled in, or the refusal, also as a value, with OTP's word for it and a message that says what to do. Pure.

The order of the tests is OTP's, so that a spec with several faults is refused for the same one.

Source: OTP supervisor.erl, check_flags/1, check_childspec/2, check_startspec/2.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from otpy.behaviours.children_start import MFA, Fun, Start, as_start, module_of, same_start, without_args
from otpy.behaviours.results import UNSET, Unset
from otpy.errors import BadChildSpec, BadSupFlags
from otpy.kernel.pid import Pid

__all__ = [
    "MFA",
    "UNSET",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "Fun",
    "SupFlags",
    "check_flags",
    "check_spec",
    "check_specs",
    "compare",
    "diff",
    "diff_flags",
]

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
Restart: TypeAlias = Literal["permanent", "transient", "temporary"]
ChildType: TypeAlias = Literal["worker", "supervisor"]
Shutdown: TypeAlias = float | Literal["brutal_kill", "infinity"]
Modules: TypeAlias = Sequence[str] | Literal["dynamic"]

STRATEGIES: Final = get_args(Strategy)
AUTO_SHUTDOWNS: Final = get_args(AutoShutdown)
RESTARTS: Final = get_args(Restart)
CHILD_TYPES: Final = get_args(ChildType)
WORKER_SHUTDOWN: Final = 5.0
"""Seconds that a worker has to stop, if its spec does not say."""


class ChildSpec(msgspec.Struct, frozen=True):
    """How a child is started, restarted and ended.

    - `id`: its name in the supervisor; any hashable value.
    - `start`: an `MFA`, a `Fun`, a function without arguments, or a behaviour class (its `start_link`). It returns a
      Pid, or `(Pid, info)`; raising StartIgnored means that the child is not wanted, and is no failure.
    - `restart`: "permanent" (always), "transient" (unless it ended with Normal() or Shutdown(…)), "temporary" (never).
    - `significant`: whether its end counts for the supervisor's `auto_shutdown`.
    - `shutdown`: seconds that it has to stop before it is killed; "brutal_kill" or "infinity". Unset: 5.0 for a
      worker, "infinity" for a supervisor.
    - `type`: "worker" or "supervisor".
    - `modules`: the modules its code lives in, or "dynamic". Unset: the module of the start function.
    """

    id: Hashable
    start: Start
    restart: Restart = "permanent"
    significant: bool = False
    shutdown: Shutdown | Unset = UNSET
    type: ChildType = "worker"
    modules: Modules | Unset = UNSET


class SupFlags(msgspec.Struct, frozen=True):
    """How a supervisor treats its children.

    More than `intensity` restarts within `period` seconds end the supervisor. With `auto_shutdown`, so does the end
    of any significant child, or of the last one.
    """

    strategy: Strategy = "one_for_one"
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"


class ChildInfo(msgspec.Struct, frozen=True):
    """One child in a listing. `child` is None while it does not run; `id` is None for dynamic children."""

    id: Hashable
    child: Pid | Literal["restarting"] | None
    type: ChildType
    modules: Modules


class ChildCounts(msgspec.Struct, frozen=True):
    """How many specs there are, how many of them run, and how many are of which type."""

    specs: int
    active: int
    supervisors: int
    workers: int


# -- flags -----------------------------------------------------------------------------------------


def check_flags(flags: object) -> SupFlags | BadSupFlags:
    """Return *flags* (a SupFlags, or a mapping of its fields), or the refusal.

    Its reason is ("invalid_type", flags), or "invalid_strategy", "invalid_intensity", "invalid_period" or
    "invalid_auto_shutdown" with the value, or ("bad_combination", …): simple_one_for_one has no auto_shutdown.
    """
    if isinstance(flags, Mapping):
        flags = SupFlags(**_fields(flags, SupFlags))
    if not isinstance(flags, SupFlags):
        return _bad_flags("type", flags, "a SupFlags, or a dict of its fields")
    if not _one_of(STRATEGIES, flags.strategy):
        return _bad_flags("strategy", flags.strategy, _either(STRATEGIES))
    if not _is_count(flags.intensity):
        return _bad_flags("intensity", flags.intensity, "a whole number, 0 or more")
    if not _is_seconds(flags.period) or flags.period <= 0:
        return _bad_flags("period", flags.period, "seconds, more than 0")
    if not _one_of(AUTO_SHUTDOWNS, flags.auto_shutdown):
        return _bad_flags("auto_shutdown", flags.auto_shutdown, _either(AUTO_SHUTDOWNS))
    if flags.strategy == "simple_one_for_one" and flags.auto_shutdown != "never":
        reason = [("auto_shutdown", flags.auto_shutdown), ("strategy", flags.strategy)]
        message = (
            f'SupFlags: auto_shutdown is {flags.auto_shutdown!r}, which simple_one_for_one cannot have; give "never"'
        )
        return BadSupFlags(("bad_combination", reason), message)
    return flags


def _bad_flags(what: str, given: object, accepted: str) -> BadSupFlags:
    return BadSupFlags((f"invalid_{what}", given), f"SupFlags: {what} is {given!r}; give {accepted}")


# -- specs -----------------------------------------------------------------------------------------


AnyChildSpec: TypeAlias = ChildSpec | Mapping[str, Any] | type
"""What stands for a child spec: itself, its fields, or a class whose `child_spec()` it is."""


def check_specs(specs: object, flags: SupFlags | None = None) -> list[ChildSpec] | BadChildSpec:
    """Return the checked specs in order, or the refusal of the first bad one.

    *flags* are those of the supervisor, None if they are not known. Beyond those of `check_spec` the reasons are
    ("duplicate_child_name", id), and ("bad_start_spec", specs) for what is no list, or not the one template that a
    simple_one_for_one supervisor has.
    """
    if not isinstance(specs, Iterable) or isinstance(specs, str | bytes | Mapping):
        return BadChildSpec(("bad_start_spec", specs), f"child specs are a list of ChildSpec, not {specs!r}")
    specs = list(specs)
    if flags is not None and flags.strategy == "simple_one_for_one" and len(specs) != 1:
        message = f"a simple_one_for_one supervisor has one child spec, its template, and not {len(specs)}"
        return BadChildSpec(("bad_start_spec", specs), message)
    auto_shutdown = None if flags is None else flags.auto_shutdown
    checked: dict[Hashable, ChildSpec] = {}
    for spec in specs:
        found = check_spec(spec, auto_shutdown)
        if isinstance(found, BadChildSpec):
            return found
        if found.id in checked:
            message = f"two children have the id {found.id!r}; give each its own, as in child_spec(…, id=…)"
            return BadChildSpec(("duplicate_child_name", found.id), message)
        checked[found.id] = found
    return list(checked.values())


def check_spec(spec: object, auto_shutdown: AutoShutdown | None = None) -> ChildSpec | BadChildSpec:
    """Return *spec* with its defaults filled in, or the refusal.

    *spec* is a ChildSpec, a mapping of its fields, or a behaviour class (its `child_spec()`). The reasons, each with
    the value: "invalid_child_spec", "invalid_id", "invalid_mfa", "invalid_restart_type", "bad_combination",
    "invalid_significant", "invalid_child_type", "invalid_shutdown", "invalid_modules", "invalid_module"; and
    ("missing_id",) and ("missing_start",) alone.
    """
    if type(spec) is not ChildSpec:
        found = _as_spec(spec)
        if isinstance(found, BadChildSpec):
            return found
        spec = found
    start = as_start(spec.start)
    if start is None:
        return _bad_spec(spec, "invalid_mfa", spec.start, 'an MFA("module", "function", args), a function or a class')
    return _fault(spec, auto_shutdown) or _complete(spec, start)


def _as_spec(spec: object) -> ChildSpec | BadChildSpec:
    """Return the ChildSpec that *spec* stands for, unchecked."""
    if isinstance(spec, type):
        make = getattr(spec, "child_spec", None)
        spec = make() if callable(make) else spec
    if isinstance(spec, Mapping):
        fields = _fields(spec, ChildSpec)
        for needed in ("id", "start"):
            if needed not in fields:
                return BadChildSpec((f"missing_{needed}",), f"the child spec {dict(spec)!r} has no {needed!r}")
        return ChildSpec(**fields)
    if isinstance(spec, ChildSpec):
        return spec
    message = f"{spec!r} is no child spec; give a ChildSpec, such as the one that child_spec(…) of a behaviour returns"
    return BadChildSpec(("invalid_child_spec", spec), message)


def _fault(spec: ChildSpec, auto_shutdown: AutoShutdown | None) -> BadChildSpec | None:
    """Return the first fault of *spec* but for its start."""
    if not isinstance(spec.id, Hashable):
        return _bad_spec(spec, "invalid_id", spec.id, "a value that can be a dict key")
    if not _one_of(RESTARTS, spec.restart):
        return _bad_spec(spec, "invalid_restart_type", spec.restart, _either(RESTARTS))
    if spec.significant is not False:
        bad = _significance_fault(spec, auto_shutdown)
        if bad is not None:
            return bad
    if not _one_of(CHILD_TYPES, spec.type):
        return _bad_spec(spec, "invalid_child_type", spec.type, _either(CHILD_TYPES))
    if not _is_shutdown(spec.shutdown):
        return _bad_spec(spec, "invalid_shutdown", spec.shutdown, 'seconds (0 or more), "brutal_kill" or "infinity"')
    return None if isinstance(spec.modules, Unset) else _modules_fault(spec, spec.modules)


def _significance_fault(spec: ChildSpec, auto_shutdown: AutoShutdown | None) -> BadChildSpec | None:
    """A significant child needs a supervisor that looks at it, and an end that is final."""
    if spec.significant is not True:
        return _bad_spec(spec, "invalid_significant", spec.significant, "True or False")
    if auto_shutdown == "never":
        why = 'is significant, but the supervisor has auto_shutdown="never"; choose another auto_shutdown in SupFlags'
        return _bad_combination(spec, ("auto_shutdown", "never"), why)
    if spec.restart == "permanent":
        why = 'is significant and permanent, so it would never end for good; make it "transient" or "temporary"'
        return _bad_combination(spec, ("restart", "permanent"), why)
    return None


def _bad_combination(spec: ChildSpec, other: tuple[str, str], why: str) -> BadChildSpec:
    return BadChildSpec(("bad_combination", [other, ("significant", True)]), f"child {spec.id!r} {why}")


def _modules_fault(spec: ChildSpec, modules: object) -> BadChildSpec | None:
    if modules == "dynamic":
        return None
    if not isinstance(modules, Sequence) or isinstance(modules, str | bytes):
        return _bad_spec(spec, "invalid_modules", modules, 'a list of module names, or "dynamic"')
    for module in modules:
        if not isinstance(module, str):
            return _bad_spec(spec, "invalid_module", module, "the module's name")
    return None


def _bad_spec(spec: ChildSpec, tag: str, given: object, accepted: str) -> BadChildSpec:
    what = tag.removeprefix("invalid_")
    return BadChildSpec((tag, given), f"child {spec.id!r}: {what} is {given!r}; give {accepted}")


def _complete(spec: ChildSpec, start: MFA | Fun) -> ChildSpec:
    """Fill in what depends on other fields."""
    shutdown, modules = spec.shutdown, spec.modules
    if isinstance(shutdown, Unset):
        shutdown = WORKER_SHUTDOWN if spec.type == "worker" else "infinity"
    if isinstance(modules, Unset):
        modules = (start.module if isinstance(start, MFA) else module_of(start.function),)
    elif modules != "dynamic":
        modules = tuple(modules)
    return ChildSpec(spec.id, start, spec.restart, spec.significant, shutdown, spec.type, modules)


def _fields(given: Mapping[Any, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the entries of *given* that are fields of *kind*; others are ignored, as OTP does."""
    return {name: given[name] for name in kind.__struct_fields__ if name in given}


def _one_of(accepted: tuple[str, ...], value: object) -> bool:
    return isinstance(value, str) and value in accepted


def _either(accepted: tuple[str, ...]) -> str:
    return " or ".join(f'"{each}"' for each in accepted)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_shutdown(value: object) -> bool:
    if isinstance(value, str):
        return value in ("brutal_kill", "infinity")
    return isinstance(value, Unset) or (isinstance(value, int | float) and _is_seconds(value) and value >= 0)


def forget_args(spec: ChildSpec) -> ChildSpec:
    """Return *spec* without the arguments of its start, which nobody needs again if the child is temporary."""
    start = spec.start
    if not isinstance(start, MFA | Fun) or not (start.args or start.kwargs):
        return spec
    bare = without_args(start)
    return ChildSpec(spec.id, bare, spec.restart, spec.significant, spec.shutdown, spec.type, spec.modules)


# -- differences -----------------------------------------------------------------------------------


class SpecChange(msgspec.Struct, frozen=True):
    """A child whose spec differs; `fields` names what does."""

    old: ChildSpec
    new: ChildSpec
    fields: tuple[str, ...]

    @property
    def start_changed(self) -> bool:
        """Whether it would be started otherwise; if not, the new spec can be put in place under the running child."""
        return "start" in self.fields


class SpecDiff(msgspec.Struct, frozen=True):
    """What leads from one list of specs to another, each part in the order of the list it is from."""

    added: tuple[ChildSpec, ...] = ()
    removed: tuple[ChildSpec, ...] = ()
    changed: tuple[SpecChange, ...] = ()
    reordered: bool = False
    """Whether the children that stay come in another order."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reordered)


def diff(old: Iterable[ChildSpec], new: Iterable[ChildSpec]) -> SpecDiff:
    """Return the difference of two lists of checked specs. Children are the same if they have the same id."""
    before = {spec.id: spec for spec in old}
    after = {spec.id: spec for spec in new}
    changes = (compare(before[spec.id], spec) for spec in after.values() if spec.id in before)
    return SpecDiff(
        added=tuple(spec for spec in after.values() if spec.id not in before),
        removed=tuple(spec for spec in before.values() if spec.id not in after),
        changed=tuple(change for change in changes if change.fields),
        reordered=[name for name in before if name in after] != [name for name in after if name in before],
    )


def diff_flags(old: SupFlags, new: SupFlags) -> dict[str, tuple[object, object]]:
    """Return the flags that differ, each with its old and new value."""
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in SupFlags.__struct_fields__)
    return {name: (was, now) for name, was, now in pairs if was != now}


def compare(old: ChildSpec, new: ChildSpec) -> SpecChange:
    """Return how two checked specs of one child differ; `fields` is empty if they do not."""
    forgets = old.restart == "temporary"  # its arguments were forgotten when it was started: see forget_args
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in ChildSpec.__struct_fields__)
    return SpecChange(old, new, tuple(name for name, was, now in pairs if not _same(was, now, forgets)))


def _same(was: object, now: object, forgets: bool) -> bool:
    """Whether two fields say the same."""
    if isinstance(was, MFA | Fun) and isinstance(now, MFA | Fun):
        return same_start(without_args(was), without_args(now)) if forgets else same_start(was, now)
    return was == now
