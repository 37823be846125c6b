"""Which way a state is converted: decided from facts alone, so that a plan, a rehearsal and the upgrade itself agree.

| way | when | the user's part |
| --- | --- | --- |
| preserve | `state="preserve"` | none, and nothing automatic: the state stays the object that it is |
| reset | `state="reset"` | `init` of the new class, with what the process was started with; the old state is lost |
| callable | `state=function` | `function(old_vsn, copy)` |
| steps | steps lead from the old version to the new | they, one after the other |
| code_change | the class has one | it |
| handlers | it is an event manager | that of each of its handlers, see handlers.py |
| automatic | else, or if the version is the same: no step runs twice | none |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, final

import msgspec

from otpy.behaviours.behaviour import Behaviour, has_code_change
from otpy.behaviours.migrations.steps import Namespaces, Step, no_way, shortest, steps_of
from otpy.behaviours.vsn import PRESERVE, RESET
from otpy.upgrade.options import StateMode

WayKind: TypeAlias = Literal["preserve", "reset", "callable", "steps", "code_change", "handlers", "automatic"]

UNCHANGED: Final[Any] = object()
"""The version of a state that is from no other version than it shall be."""


class Way(msgspec.Struct, frozen=True):
    """How a state is converted, before what is automatic."""

    kind: WayKind
    steps: tuple[Step, ...] = ()
    function: Callable[[Any, Any], Any] | None = None

    @property
    def runs_code(self) -> bool:
        """Whether a user's code runs, which it has to do inside the process."""
        return self.kind in {"reset", "callable", "steps", "code_change", "handlers"}

    def __str__(self) -> str:
        """Return it in words, for plans."""
        if self.kind == "steps":
            return f"steps {' → '.join([str(self.steps[0].old), *(str(step.new) for step in self.steps)])}"
        return self.kind


def way_of(
    converter: type,
    *,
    old_vsn: Any,
    new_vsn: Any,
    mode: StateMode = "auto",
    namespaces: Namespaces | None = None,
) -> Way:
    """Decide how states of version *old_vsn* go over to *new_vsn*; *converter* is the class whose code may run.

    *old_vsn* is UNCHANGED where the version stays. *namespaces*: what modules will have that are not installed yet.
    Raises: MigrationFailed, if steps lead away from *old_vsn*, none lead to *new_vsn*, and there is no code_change.
    """
    if getattr(converter, "supervises", False):
        return Way("code_change")  # its state is its children, and its code_change asks `init`
    if mode == PRESERVE:
        return Way("preserve")
    if old_vsn is UNCHANGED:
        return Way("automatic")
    if mode == RESET:
        return Way("reset")
    if callable(mode):
        return Way("callable", function=mode)
    if not issubclass(converter, Behaviour):
        return Way("automatic")
    known = steps_of(converter, namespaces=namespaces)
    steps = shortest(known, old_vsn, new_vsn) if known else None
    if steps:
        return Way("steps", steps)
    if has_code_change(converter):
        return Way("code_change")
    if steps is None and any(step.old == old_vsn for step in known):
        # Without what they do, the state would stay what it was, and nobody would know.
        raise no_way(converter, known, old_vsn, new_vsn)
    return Way("automatic")


@final
class Ways:
    """What `way_of` decides, once for all processes of a class and a version. *mode_for* gives the mode of a class."""

    def __init__(self, mode_for: Callable[[type], StateMode], *, namespaces: Namespaces | None = None) -> None:
        self._mode_for = mode_for
        self._namespaces = namespaces
        self._decided: list[tuple[type, Any, Any, Way]] = []

    def of(self, converter: type, *, old_vsn: Any, new_vsn: Any) -> Way:
        """See `way_of`."""
        for kind, old, new, way in self._decided:
            if kind is converter and old == old_vsn and new == new_vsn:
                return way
        mode = self._mode_for(converter)
        way = way_of(converter, old_vsn=old_vsn, new_vsn=new_vsn, mode=mode, namespaces=self._namespaces)
        self._decided.append((converter, old_vsn, new_vsn, way))
        return way
