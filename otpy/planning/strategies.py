"""Which changes may be rolled out process by process: those that each process takes over for itself. Pure.

`atomic` holds all together, and takes any change. With `rolling` and `canary` old and new run side by side for a while,
which is only true of what belongs to a process: its behaviour class, and the classes of its declared state. A function
of the module, or a constant, is changed for everybody at once, so it is refused for them, by name.

Source: UPGRADE.md, strategies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from otpy.code.verdicts import DefinitionChange
from otpy.planning.options import Strategy
from otpy.planning.plan import Refusal

_NOTICED_BY_NOBODY: Final = frozenset({"unchanged", "documented", "added", "kept", "cannot"})
"""Verdicts that nobody notices, or that are refused anyway."""


def refusals_of(strategy: Strategy, changes: Iterable[DefinitionChange], own: Collection[str]) -> Iterator[Refusal]:
    """Yield a refusal for each change that *strategy* cannot roll out.

    *own*: the classes that belong to processes, behaviours and their states, as "module.Qualified.Name".
    """
    if strategy == "atomic":
        return
    for change in changes:
        name = f"{change.module}.{change.name}"
        if change.verdict in _NOTICED_BY_NOBODY or change.name == "__vsn__" or _is_own(name, own):
            continue
        yield Refusal(
            name,
            f"is changed for everybody at once ({change.verdict}), and {strategy} keeps old code running beside it",
            'use strategy="atomic", or bring this definition in an upgrade of its own first',
            (change.module,),
        )


def _is_own(name: str, own: Collection[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in own)
