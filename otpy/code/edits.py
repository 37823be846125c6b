"""Whom an edit concerns among the definitions of a module. Pure.

Whoever *uses* a name at definition time is concerned when the name will stand for something else. Whoever *reads* it
(calls it, looks into it) is concerned also when the same object will do something else. `table = [f]` has nothing to do
with the body of `f`, `n = f()` has; and a value may come out of calls of calls, so for it bodies are followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from otpy.code.definitions import Definition


@final
@dataclass(slots=True)
class Edits:
    """Names that are other than before, by degree."""

    replaced: set[str] = field(default_factory=set)
    """They stand for something else, or for nothing."""
    edited: set[str] = field(default_factory=set)
    """Their object stays, and is another when it is called or looked into."""
    bodies: set[str] = field(default_factory=set)
    """Nothing but bodies differs, and what a decorator of that name would make is as before."""

    def joined(self, other: Edits) -> Edits:
        """Both."""
        return Edits(self.replaced | other.replaced, self.edited | other.edited, self.bodies | other.bodies)

    def causes(self, definition: Definition) -> set[str]:
        """The names for whose sake *definition*, whose text is as before, has to be made again."""
        found = set(definition.triggers & self.replaced)
        return (found | self.read_by(definition)) - set(definition.binds)

    def read_by(self, definition: Definition) -> set[str]:
        """The names whose objects stay that *definition* calls or looks into."""
        if definition.kind == "assignment":
            return set(definition.called & (self.edited | self.bodies))
        if definition.kind == "statement" and not definition.binds:
            # It is run for what it does, such as registering; doing that twice helps nobody.
            return set()
        return set(definition.reads & self.edited)
