"""Ways between versions: the shortest chain of registered steps, or what else converts the states. Pure.

The same choice is made with live classes by `otpy/upgrade/ways.py`; here it is told from texts, for the plan.

Source: UPGRADE.md, the transaction, step 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from otpy.analysis.state_shape import ShapeChange
from otpy.behaviours.migrations.steps import Step, shortest

Converted: TypeAlias = Literal["none", "automatic", "code_change", "steps"]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How the states of one behaviour get from version `old` to `new`, and what is in the way."""

    behaviour: str
    old: str
    new: str
    by: Converted = "none"
    path: tuple[str, ...] = ()
    """With steps: all versions on the way, the first and the last too."""
    problems: tuple[str, ...] = ()
    """Why it cannot be, each with what to do."""
    doubts: tuple[str, ...] = ()
    """Why it may fail for some states; the rehearsal tells."""

    def __str__(self) -> str:
        chain = " -> ".join(self.path or (self.old, self.new))
        told = [
            f"{self.behaviour}: {chain}, {self.by.replace('none', 'nothing to convert')}",
            *self.problems,
            *self.doubts,
        ]
        return "; ".join(told)


def way_of(
    behaviour: str,
    old: str,
    new: str,
    *,
    steps: Sequence[tuple[str, str]] = (),
    has_code_change: bool = False,
    shapes: Iterable[ShapeChange] = (),
) -> Way:
    """Return how states of *behaviour* get from version *old* to *new*.

    *steps* are those registered for it, as (old, new); they go before a *code_change* of its own, and that before the
    automatic migration. *shapes*: how the classes of its declared state change.
    """
    changed = tuple(shapes)
    way = Way(behaviour=behaviour, old=old, new=new, by="automatic" if changed else "none")
    if old == new:
        return _judged(way, [(shape, _same_version(shape, behaviour, new)) for shape in changed])
    path = _path(behaviour, steps, old, new)
    if path is not None:
        return msgspec.structs.replace(way, by="steps", path=path)
    if has_code_change:
        return msgspec.structs.replace(way, by="code_change")
    if steps:
        ends = ", ".join(f"{a} to {b}" for a, b in steps)
        stray = f"the registered steps lead from {ends}, but not from {old} to {new}; register what is missing"
        return msgspec.structs.replace(way, problems=(stray,))
    return _judged(way, [(shape, _needs(shape, behaviour)) for shape in changed if shape.required])


def _path(behaviour: str, steps: Iterable[tuple[str, str]], old: str, new: str) -> tuple[str, ...] | None:
    """Return the versions on the way, found as the upgrade itself will find it; None if no steps lead there."""
    known = tuple(
        Step(behaviour, a, b, _path) for a, b in steps
    )  # the function does not matter: only versions are told
    found = shortest(known, old, new)
    return (old, *(step.new for step in found)) if found else None


def _judged(way: Way, told: Iterable[tuple[ShapeChange, str]]) -> Way:
    """Return *way* with what stands in it: for shapes that every state has a problem, for others a doubt."""
    found = tuple(told)
    problems = tuple(sentence for shape, sentence in found if shape.always)
    doubts = tuple(sentence for shape, sentence in found if not shape.always)
    return msgspec.structs.replace(way, problems=problems, doubts=doubts)


def _same_version(shape: ShapeChange, behaviour: str, vsn: str) -> str:
    return f"{shape}, but the version of {behaviour} is {vsn} as before; give its module a new __vsn__"


def _needs(shape: ShapeChange, behaviour: str) -> str:
    fields = ", ".join(shape.required)
    what = "which has no default" if len(shape.required) == 1 else "which have no defaults"
    return f"{shape.type} needs {fields}, {what}; give one, or convert in {behaviour}.code_change"
