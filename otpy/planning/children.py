"""What a plan says of the children of a supervisor: made from what the new `init` asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from otpy.analysis.processes import ProcessFacts
from otpy.behaviours.child_spec import MFA, ChildSpec, Fun, SpecChange
from otpy.planning.plan import ChildPlan, SupervisorPlan


class ChildrenChange(Protocol):
    """What becomes of the children of one supervisor, as `otpy/behaviours/children_plan.py` finds it."""

    @property
    def added(self) -> Sequence[ChildSpec]:
        """Started, in this order."""
        ...

    @property
    def removed(self) -> Sequence[ChildSpec]:
        """Ended, in the reverse of this order."""
        ...

    @property
    def changed(self) -> Sequence[SpecChange]:
        """Treated otherwise, while the process stays."""
        ...

    @property
    def replaced(self) -> Sequence[SpecChange]:
        """Started otherwise: another process takes its place."""
        ...

    @property
    def irreversible(self) -> Mapping[Any, str]:
        """The ids of those that are started after the point of no return, each with the reason."""
        ...

    @property
    def reordered(self) -> bool:
        """Whether those that stay come in another order."""
        ...

    @property
    def flags(self) -> Mapping[str, tuple[object, object]]:
        """The flags that differ, each with its old and new value."""
        ...


def supervisor_plan(supervisor: ProcessFacts, change: ChildrenChange) -> SupervisorPlan | None:
    """Return what a plan says of *change* among the children of *supervisor*; None if nothing changes."""
    plan = SupervisorPlan(
        supervisor=supervisor.name or supervisor.label or supervisor.behaviour.name,
        number=supervisor.number,
        behaviour=supervisor.behaviour.name,
        children=tuple(_children(change)),
        flags=tuple((name, repr(old), repr(new)) for name, (old, new) in change.flags.items()),
        reordered=change.reordered,
    )
    return plan if plan.children or plan.flags or plan.reordered else None


def _children(change: ChildrenChange) -> Iterator[ChildPlan]:
    """Yield them in the order in which they are dealt with."""
    late = change.irreversible
    for spec in change.added:
        yield ChildPlan(id=_text(spec.id), action="add", start=_start(spec), irreversible=late.get(spec.id, ""))
    for each in change.changed:
        yield ChildPlan(id=_text(each.new.id), action="update", fields=each.fields)
    for each in change.replaced:
        irreversible = late.get(each.new.id, "")
        start = _start(each.new)
        yield ChildPlan(
            id=_text(each.new.id), action="replace", fields=each.fields, start=start, irreversible=irreversible
        )
    for spec in reversed(change.removed):
        yield ChildPlan(id=_text(spec.id), action="remove")


def _text(ident: object) -> str:
    return ident if isinstance(ident, str) else repr(ident)


def _start(spec: ChildSpec) -> str:
    match spec.start:
        case MFA(module, function):
            return f"{module}.{function}"
        case Fun(function):
            return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
        case _:
            return str(spec.start)
