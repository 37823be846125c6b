"""What an edit means for each definition: a value that people read and the engine follows. Pure and static.

Two versions go in, one `DefinitionChange` for each definition and each edited member of a class comes out, in the order
of the new source. What can only be seen when the edit is run (that state is kept, that a value came out as before) is
told by the loader, which refines this.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, cast, final

from otpy.code.agenda import Agenda
from otpy.code.definitions import Definition
from otpy.code.differences import (
    Difference,
    class_differences,
    function_difference,
    is_lambda_edit,
    outer_differs,
    value_text,
)
from otpy.code.edits import Edits
from otpy.code.names import FunctionNode
from otpy.code.parsed import Parsed
from otpy.code.styles import Style, import_origins, style_of
from otpy.code.version import Version

Verdict: TypeAlias = Literal[
    "unchanged",
    "documented",
    "body",
    "added",
    "removed",
    "attribute",
    "signature",
    "decorator",
    "property",
    "value",
    "derived",
    "kept",
    "shape",
    "behaviour",
    "cannot",
]

HARMLESS: Final = frozenset({"unchanged", "documented", "body"})
"""Verdicts for which no code has to run."""

REPLACING: Final = frozenset({"added", "value", "shape", "decorator", "property"})
"""Verdicts of a definition after which its name may stand for another object."""


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """What is done with one definition, or one member of a class.

    `name` is qualified (`Cart.add`), `line` counts from 1 in the new source, for what was removed in the old one.
    `detail` says what differs; `advice`, for "cannot", what to do instead.
    """

    module: str
    name: str
    verdict: Verdict
    line: int
    detail: str = ""
    advice: str = ""

    def __str__(self) -> str:
        """One line: `shop.cart.Cart.add: signature (self) -> (self, n=1)`."""
        told = self.detail if self.detail.startswith(self.verdict) else f"{self.verdict} {self.detail}".rstrip()
        return f"{self.module}.{self.name}: {told}" + (f" ({self.advice})" if self.advice else "")


def verdicts(old: Version | None, new: Version) -> tuple[DefinitionChange, ...]:
    """What becomes of each definition when *new* takes the place of *old*; None: nothing is known of what ran before.

    Every top-level definition of *new* is there, the unchanged ones too; members of classes only if they differ.
    Those that were removed come last.
    """
    return compare(old, new)[0]


def compare(old: Version | None, new: Version) -> tuple[tuple[DefinitionChange, ...], Agenda]:
    """As `verdicts`; with what has to run, as far as the texts tell. Cheap when the same two were compared before."""
    key = new.name, id(old.parsed) if old else 0, id(new.parsed)
    known = _known.get(key)
    if known is None:
        comparison = Comparison(old.definitions if old else (), new)
        known = Compared(tuple(comparison.run()), comparison.agenda, (old.parsed if old else None, new.parsed))
        while len(_known) >= MAX_KNOWN:
            _known.pop(next(iter(_known)), None)
        _known[key] = known
    return known.changes, known.agenda


class Compared(NamedTuple):
    """What came of a comparison; it holds the texts, so that their ids stay theirs."""

    changes: tuple[DefinitionChange, ...]
    agenda: Agenda
    texts: tuple[Parsed | None, Parsed]


_known: Final[dict[tuple[str, int, int], Compared]] = {}
MAX_KNOWN: Final = 256


@final
class Comparison:
    """One comparison, definition by definition, in the order in which they run."""

    def __init__(self, old: Sequence[Definition], new: Version) -> None:
        self.module = new.name
        self.old = old
        self.new = new.definitions
        self.agenda = Agenda(self.new, old)
        self.partners = self.agenda.partners
        self.edited = {index: self.agenda.edited_from(index) for index in self.agenda.edited}
        taken = {partner for partner in self.partners if partner is not None}
        self.left = {d.name: d for index, d in enumerate(old) if index not in taken}
        """Definitions of the old version whose text is not in the new one, and that have found no successor yet."""
        for was in filter(None, self.edited.values()):
            del self.left[was.name]
        still_bound = {name for definition in self.new for name in definition.binds}
        self.edits = Edits({name for d in self.left.values() for name in d.binds} - still_bound)

    def run(self) -> Iterator[DefinitionChange]:
        """Tell all."""
        for index, (definition, partner) in enumerate(zip(self.new, self.partners, strict=True)):
            was = self.old[partner] if partner is not None else self._predecessor(index, definition)
            found = self._other(was, definition) if partner is None else self._same_text(index, self.old[partner])
            told = [self._tell(each) for each in found]
            self._note(definition, was, told)
            yield from told
        for was in self.left.values():
            effect = "" if was.binds else "it is not run any more; what it did stays"
            yield self._tell(Difference(was.name, "removed", was.line, effect))

    def _tell(self, difference: Difference) -> DefinitionChange:
        name, verdict, line, detail = difference
        return DefinitionChange(self.module, name, cast("Verdict", verdict), line, detail)

    def _same_text(self, index: int, was: Definition) -> Iterator[Difference]:
        definition = self.new[index]
        causes = self.edits.causes(definition)
        if causes:
            yield Difference(definition.name, "derived", definition.line, f"uses {', '.join(sorted(causes))}")
        elif index in self.agenda.rewired or index in self.agenda.needed:
            yield Difference(definition.name, "derived", definition.line, "stands in another order")
        elif definition.docs != was.docs:
            yield from self._other(was, definition)
        else:
            yield Difference(definition.name, "unchanged", definition.line, "")

    def _other(self, was: Definition | None, definition: Definition) -> Iterator[Difference]:
        """A definition whose text is not in the old version: it is new, or *was* edited."""
        if was is None:
            yield Difference(definition.name, "added", definition.line, "")
            return
        before, after = was.nodes[0], definition.nodes[0]
        if isinstance(before, FunctionNode) and isinstance(after, FunctionNode):
            verdict, detail = function_difference(before, after)
            yield Difference(definition.name, verdict, definition.line, detail)
        elif isinstance(before, ast.ClassDef) and isinstance(after, ast.ClassDef):
            styles = self._style(self.old, before), self._style(self.new, after)
            yield from class_differences(before, after, definition.name, styles)
        elif is_lambda_edit(before, after):
            yield Difference(definition.name, "body", definition.line, "")
        elif was.kind != definition.kind:
            yield Difference(definition.name, "value", definition.line, f"{was.kind} -> {definition.kind}")
        elif definition.kind in ("import", "annotations"):
            yield Difference(definition.name, "value", definition.line, "")
        else:
            detail = f"{value_text(before)} -> {value_text(after)}" if definition.kind == "assignment" else ""
            yield Difference(definition.name, "value", definition.line, detail)

    def _predecessor(self, index: int, definition: Definition) -> Definition | None:
        was = self.edited[index] or self.left.pop(definition.name, None)
        if was is None and definition.binds:
            was = next((d for d in self.left.values() if d.binds == definition.binds), None)
            if was is not None:
                del self.left[was.name]
        return was

    def _style(self, definitions: Sequence[Definition], node: ast.ClassDef) -> Style:
        nodes = [d.nodes[0] for d in definitions if d.kind in ("class", "import")]
        return style_of(node, {n.name: n for n in nodes if isinstance(n, ast.ClassDef)}, import_origins(nodes))

    def _note(self, definition: Definition, was: Definition | None, told: Sequence[DefinitionChange]) -> None:
        """What the names that *definition* binds mean to those after it."""
        every = {change.verdict for change in told}
        own = {change.verdict for change in told if change.name == definition.name}
        if every <= {"unchanged", "documented"}:
            return
        if own & REPLACING or (own & {"derived"} and definition.kind != "function"):
            self.edits.replaced.update(definition.binds)
        elif every <= HARMLESS:
            self.edits.bodies.update(definition.binds)
            if was is not None and outer_differs(was.nodes[0], definition.nodes[0]):
                self.edits.edited.update(definition.binds)
        else:
            self.edits.edited.update(definition.binds)
