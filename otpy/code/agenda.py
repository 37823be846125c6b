"""Which statements of a new version have to run, as far as that can be told before any has run. Pure.

The live module has one value for each name: the one that the last statement to bind it gave. Most names are bound
once. For the others (`X = []` … `X += [1]`, overloads, functions called `_`) that value may only stand for the
statement that it came from, and whoever needs what an earlier one gave needs that one to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from otpy.code.definitions import Definition, binders, reaching


@final
class Agenda:
    """What is to be done with the definitions *new* where those of *old* have run. Definitions go by their index."""

    def __init__(self, new: Sequence[Definition], old: Sequence[Definition]) -> None:
        self.new = new
        self.old = old
        self.partners = match(new, old)
        self.edited = {index for index, partner in enumerate(self.partners) if partner is None}
        """Their text is not in the old version."""
        self.old_last = {name: index for index, definition in enumerate(old) for name in definition.binds}
        self.binders = binders(new)
        self.old_binders = binders(old)
        self.flow = reaching(new)
        self.rewired = set(self._find_rewired())
        """A name in them is given its value by another statement than before."""
        self.needed = self._find_needed()
        """Their value is needed, and it is not the one that the live module has."""

    def live_value_is_of(self, index: int, name: str) -> bool:
        """Whether the live value of *name* is the one that the definition *index* gives."""
        partner = self.partners[index]
        if partner is None:
            # An edited statement whose live value is kept as state, or a function.
            return self.edited_from(index) is not None
        return self.old_last[name] == partner

    def binds_alone(self, definition: Definition) -> bool:
        """Whether no other statement binds a name that *definition* binds, in either version."""
        return all(
            len(self.binders[name]) == 1 and len(self.old_binders.get(name, ())) <= 1 for name in definition.binds
        )

    def sole_old_binder(self, index: int) -> Definition | None:
        """The one statement that bound the one name that definition *index* binds, if it is so."""
        definition = self.new[index]
        if len(definition.binds) != 1 or not self.binds_alone(definition):
            return None
        found = self.old_binders.get(definition.binds[0], [])
        return found[0] if found and found[0].binds == definition.binds else None

    def only_binder_in_both(self, name: str) -> bool:
        """Whether one statement of the old version binds *name*, and one of the new version."""
        return len(self.binders.get(name, ())) == len(self.old_binders.get(name, ())) == 1

    def predecessor(self, index: int, name: str) -> Definition | None:
        """The definition of the old version that gave *name* the value that definition *index* gives it now."""
        if not self.live_value_is_of(index, name):
            return None
        partner = self.partners[index]
        return self.edited_from(index) if partner is None else self.old[partner]

    def edited_from(self, index: int) -> Definition | None:
        """The definition of the old version that was edited and is now definition *index*, as its name tells.

        Of several of one name, such as overloads, that is the last one, if it is a function without decorators: so
        nobody has it but by its name.
        """
        definition = self.new[index]
        sole = self.sole_old_binder(index)
        if sole is not None or len(definition.binds) != 1 or self.binders[definition.binds[0]][-1] is not definition:
            return sole
        last = self.old_last.get(definition.binds[0])
        if last is None or last in self.partners or not (is_bare(definition) and is_bare(self.old[last])):
            return None
        return self.old[last]

    def _find_rewired(self) -> list[int]:
        old_flow = reaching(self.old)
        found: list[int] = []
        for index, partner in enumerate(self.partners):
            if partner is None:
                continue
            now = {name: None if s is None else self.partners[s] for name, s in self.flow[index].items()}
            # An edited source has no partner: whether its value differs will be seen when it has run.
            edited = {name for name, s in self.flow[index].items() if s is not None and s in self.edited}
            before = old_flow[partner]
            if any(now.get(name) != before.get(name) for name in (now.keys() | before.keys()) - edited):
                found.append(index)
        return found

    def _find_needed(self) -> set[int]:
        """Follow from all that may run to the statements whose values it needs and the live module does not have."""
        last = {name: index for index, definition in enumerate(self.new) for name in definition.binds}
        needed = {i for name, i in last.items() if i not in self.edited and self.old_last[name] != self.partners[i]}
        todo = sorted(self._may_run() | needed)
        while todo:
            for name, source in self.flow[todo.pop()].items():
                if source is None or source in self.edited or source in needed:
                    continue
                if self.old_last[name] != self.partners[source]:
                    needed.add(source)
                    todo.append(source)
        return needed

    def _may_run(self) -> set[int]:
        """All that depends on what is edited, by whatever way."""
        found = self.edited | self.rewired
        for index, sources in enumerate(self.flow):
            if any(source in found for source in sources.values()):
                found = found | {index}
        return found


def is_bare(definition: Definition) -> bool:
    """Whether it is a function without decorators."""
    return definition.kind == "function" and not getattr(definition.nodes[0], "decorator_list", ())


def match(new: Sequence[Definition], old: Sequence[Definition]) -> list[int | None]:
    """For each definition of *new* the one of *old* with the same text: the first with the first, and so on."""
    places: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, definition in enumerate(old):
        places.setdefault((definition.own, definition.binds), []).append(index)
    partners: list[int | None] = []
    for definition in new:
        same = places.get((definition.own, definition.binds))
        partners.append(same.pop(0) if same else None)
    return partners
