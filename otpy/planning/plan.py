"""A plan: everything that an upgrade would do, as an immutable value, made before anything is touched.

It is printed (`print(plan)`), compared (`plan.diff(other)`), kept as JSON (`plan.to_json()`, `Plan.from_json(text)`,
exact both ways), edited (`with_options`, `without`, or the JSON by hand, which is checked again), and refused when what
runs is no longer what it was made for (`staleness.stale`). It carries the new sources, so a plan that was reviewed is
what is installed.

Source: UPGRADE.md, the transaction, step 3; terraform's plan files; OTP's relup, which is such a value too.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal, TypeAlias

import msgspec

from otpy.analysis.pauses import PauseKind
from otpy.analysis.risk import RiskLevel
from otpy.analysis.state_shape import ShapeChange
from otpy.code.verdicts import DefinitionChange
from otpy.errors import BadPlan
from otpy.planning import checks, differences, printing
from otpy.planning.differences import PlanDiff
from otpy.planning.options import PlanOptions

Migration: TypeAlias = Literal["none", "automatic", "code_change", "steps", "preserve", "reset", "init", "restart"]
"""What becomes of the states of a behaviour: they stay, are converted (by the automatic migration, by the behaviour's
own code_change, or by registered steps), stay as they are on the author's word, are made anew; a supervisor runs `init`
again; or the child is restarted, as an instruction asked."""

ChildAction: TypeAlias = Literal["add", "remove", "update", "restart", "replace"]
"""A child is started; is ended after the commit; gets other rules while it runs; is started anew in its place; or is
ended and started by another start function."""


class ModulePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module that gets another text. `old_sha256` is empty for a module that is new in the program."""

    name: str
    source: str
    new_sha256: str
    old_sha256: str = ""
    new_vsn: str = ""
    old_vsn: str = ""
    path: str = ""
    """Where the text comes from, for messages."""
    purge: Literal["soft", "brutal"] = "soft"
    """What becomes of who still runs the version before: it may finish, or is ended."""


class BehaviourPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the processes of one behaviour go through. `because` has the changed modules on whose account."""

    behaviour: str
    """Module and name: "shop.cart.Cart"."""
    module: str
    processes: int
    because: tuple[str, ...] = ()
    pauses: bool = True
    migration: Migration = "none"
    path: tuple[str, ...] = ()
    """The versions from the present one to the new one, one step between two of them."""
    shapes: tuple[ShapeChange, ...] = ()
    """How the classes of its declared state change."""
    extra: Any = None
    """What its code_change gets; plain JSON data."""
    suspend_timeout: float | None = None
    """Seconds; None: as the options say."""


class ChildPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of one child. `irreversible` says why it cannot be taken back, and is then done last."""

    id: str
    action: ChildAction
    fields: tuple[str, ...] = ()
    """What differs in its spec."""
    start: str = ""
    """How it is started, for people."""
    irreversible: str = ""


class SupervisorPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes under one supervisor: its children in their order, and its flags as (name, old, new)."""

    supervisor: str
    """Its registered name, or what it runs."""
    number: int = 0
    """Of its process; 0 if only its name is known."""
    behaviour: str = ""
    children: tuple[ChildPlan, ...] = ()
    flags: tuple[tuple[str, str, str], ...] = ()
    reordered: bool = False


class ApplyPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A function ("module:name") that is called before anybody is suspended, or after all go on."""

    function: str
    args: list[Any] = []
    when: Literal["before", "after"] = "after"


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that cannot be done: where, why, and what to do instead."""

    where: str
    reason: str
    advice: str = ""
    modules: tuple[str, ...] = ()
    """On whose account; empty: of the whole."""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f"; {self.advice}" if self.advice else "")


class PlanFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What runs, as far as a plan depends on it.

    - `modules`: the sha256 of the running text of each changed module; "" for one that is not loaded.
    - `dependents`: the modules that use them.
    - `behaviours`: what the processes concerned run; how many there are may change without harm.
    - `children`: for each supervisor whose children change, by its name, a fingerprint of its child specs.
    """

    modules: dict[str, str] = {}
    dependents: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    children: dict[str, str] = {}

    @property
    def fingerprint(self) -> str:
        """A hash of all of it."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an upgrade would do. `print` shows it.

    - `modules`: those that get another text, in the order in which they are loaded.
    - `definitions`: the verdict on each of their definitions that does not stay as it is.
    - `behaviours`, `supervisors`: what processes and child specs go through.
    - `applies`: functions that its author wants to be called.
    - `refusals`: a plan that has some is not installed.
    - `expected_pause_s`: seconds.
    - `created_at`: UTC, ISO 8601.
    - `made_for`: what ran when it was made, and `fingerprint` its hash.
    """

    modules: tuple[ModulePlan, ...]
    definitions: tuple[DefinitionChange, ...] = ()
    dependents: tuple[str, ...] = ()
    behaviours: tuple[BehaviourPlan, ...] = ()
    supervisors: tuple[SupervisorPlan, ...] = ()
    applies: tuple[ApplyPlan, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    options: PlanOptions = PlanOptions()
    pause_kind: PauseKind = "nobody"
    expected_pause_s: float = 0.0
    risk: RiskLevel = "none"
    risk_reasons: tuple[str, ...] = ()
    created_at: str = ""
    made_for: PlanFacts = PlanFacts()
    fingerprint: str = ""
    format: Literal[1] = 1
    """The version of this layout."""

    def __post_init__(self) -> None:
        problems = tuple(checks.problems_of(self))
        if problems:
            raise BadPlan(problems)

    @property
    def refused(self) -> bool:
        """Whether there is something in it that cannot be done."""
        return bool(self.refusals)

    @property
    def pausing(self) -> int:
        """How many processes pause."""
        return sum(behaviour.processes for behaviour in self.behaviours if behaviour.pauses)

    @property
    def sources(self) -> dict[str, str]:
        """The new text of each module, in the order in which they are loaded."""
        return {module.name: module.source for module in self.modules}

    def __bool__(self) -> bool:
        """Whether it would change anything."""
        return bool(self.modules)

    def __str__(self) -> str:
        return printing.text(self)

    @property
    def summary(self) -> str:
        """The plan in one line."""
        return printing.summary(self)

    # -- editing -------------------------------------------------------------------------------------

    def with_options(self, **options: Any) -> Plan:
        """Return the plan with some of its options changed. Raises: BadPlan, also for an option that there is not."""
        unknown = sorted(options.keys() - set(PlanOptions.__struct_fields__))
        if unknown:
            known = ", ".join(PlanOptions.__struct_fields__)
            raise BadPlan([f"options.{name} is no option of a plan; there are {known}" for name in unknown])
        return msgspec.structs.replace(self, options=msgspec.structs.replace(self.options, **options))

    def without(self, *modules: str) -> Plan:
        """Return the plan without some of its *modules*, and without what it does on their account alone.

        What was expected of the whole (pause, risk) is kept: it is not more than that. Raises: BadPlan, if a module is
        not in it.
        """
        unknown = [name for name in modules if name not in self.sources]
        if unknown:
            raise BadPlan([f"{name} is not in the plan; there are {', '.join(self.sources)}" for name in unknown])
        rest = {name for name in self.sources if name not in modules}
        behaviours = tuple(
            msgspec.structs.replace(each, because=tuple(m for m in each.because if m in rest))
            for each in self.behaviours
            if not each.because or rest.intersection(each.because)
        )
        left = {behaviour.behaviour for behaviour in behaviours}
        facts = msgspec.structs.replace(
            self.made_for,
            modules={name: sha for name, sha in self.made_for.modules.items() if name in rest},
            behaviours=tuple(name for name in self.made_for.behaviours if name in left),
        )
        return msgspec.structs.replace(
            self,
            modules=tuple(module for module in self.modules if module.name in rest),
            definitions=tuple(change for change in self.definitions if change.module in rest),
            behaviours=behaviours,
            supervisors=tuple(each for each in self.supervisors if not each.behaviour or each.behaviour in left),
            refusals=tuple(each for each in self.refusals if not each.modules or rest.intersection(each.modules)),
            made_for=facts,
            fingerprint=facts.fingerprint,
        )

    def diff(self, other: Plan) -> PlanDiff:
        """Return what leads from this plan to *other*; `apply` of it does."""
        return differences.diff(self.to_data(), other.to_data())

    def apply(self, change: PlanDiff) -> Plan:
        """Return the plan that *change* leads to. Raises: BadPlan, if it is the difference of another plan."""
        return Plan.from_data(differences.apply(self.to_data(), change))

    # -- keeping -------------------------------------------------------------------------------------

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data: dicts, lists, text and numbers."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    def to_json(self) -> str:
        """Return it as JSON, indented, to be kept in git and edited."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    @classmethod
    def from_data(cls, data: object) -> Plan:
        """Return the plan that `to_data` gave. Raises: BadPlan, with every place that is wrong."""
        return checks.read(lambda: msgspec.convert(data, cls, strict=True))

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Return the plan that `to_json` gave, perhaps edited. Raises: BadPlan, with every place that is wrong."""
        return checks.read(lambda: msgspec.json.decode(text, type=cls, strict=True))
