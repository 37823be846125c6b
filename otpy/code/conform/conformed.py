"""Conform live objects to their ghosts: decide everything beforehand, then do it in quick steps under a journal."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, MappingProxyType
from typing import Any, Final, final

from otpy.code.become import Places, plan_places
from otpy.code.conform import models
from otpy.code.conform.abstract import abstract_steps, check_steps, registered_steps
from otpy.code.conform.alike import alike
from otpy.code.conform.classes import class_steps, member_steps
from otpy.code.conform.functions import forward_steps, function_steps, same_kind
from otpy.code.conform.ghosts import banishing_step, moves, moving_steps
from otpy.code.conform.layout import descendants, obstacle
from otpy.code.conform.matching import Matches, Pair, match
from otpy.code.conform.notes import Note
from otpy.code.conform.shapes import copied_fields, fields_of, has_other_fields
from otpy.code.conform.steps import EMPTY, Step, contents, refill, set_cell, take
from otpy.code.exchanges import Exchanges
from otpy.code.journal import Journal

FROZEN_AT_START: Final = gc.get_freeze_count()
"""What Python 3.12 has frozen itself."""
NOTHING: Final[Mapping[type, Collection[str]]] = MappingProxyType({})


@final
@dataclass(slots=True)
class Conformed:
    """What was decided; by itself, that nothing is to be done. `apply` does it, once."""

    live: Mapping[int, object] = field(default_factory=dict)
    """By the id of what was made in a scratch namespace: what takes its place. What is not in it stays itself."""
    replaced: Mapping[type, type] = field(default_factory=dict)
    """Live classes that cannot be edited, each with the new class."""
    reshaped: Mapping[type, type] = field(default_factory=dict)
    """Live classes that are edited in place and whose instances have other fields then, each with its ghost."""
    notes: tuple[Note, ...] = ()
    steps: list[Step] = field(default_factory=list, repr=False)

    def apply(self, journal: Journal) -> None:
        """Edit the live objects. Every step is written to *journal* first; afterwards nothing holds a ghost.

        Raises: what pydantic raises when a model cannot be built again; undo the journal then.
        """
        take(self.steps, journal)
        self.steps = []


def conform(
    pairs: Iterable[tuple[str, object, object]],
    *,
    twins: Iterable[tuple[object, object]] = (),
    kept: Mapping[type, Collection[str]] = NOTHING,
    not_in: Iterable[object] = (),
    known: Iterable[dict[str, Any]] = (),
) -> Conformed:
    """Decide how each live object becomes what its ghost is.

    *pairs*: qualified name, live object, ghost: functions, classes, and what decorators make of them. They may come
    from several modules, and may refer to each other. *twins*: objects that were made in a scratch namespace, each
    with what is to be held in its place unless a live object is: a function with the globals of the live module, the
    live module for what stood for it. *kept*: for a live class, the names of members that stay as they are, since
    their definitions did not change or since they were set at run time. *not_in*: holders that are none of the
    program's, such as the caller's own lists. *known*: the scratch namespaces; what only they hold is not searched for.

    Nothing that a program can see changes before `Conformed.apply`.
    """
    given = list(pairs)
    spare = list(twins)
    with moves() as moved:
        matches = match([Pair(*each) for each in given], spare, kept=kept, moved=moved)
        ghosts = [pair.ghost for pair in matches.classes]
        compiled = [cls for pair in matches.classes for cls in (pair.live, pair.ghost) if models.is_model(cls)]
        users = models.users_of(compiled)
        ignored = [given, *given, spare, *spare, *not_in, ghosts, compiled, users]
        ignored += models.compiled_parts([*ghosts, *users])
        exchanges = plan_places(matches.places, not_in=[*ignored, *matches.notes_of_pairs()], known=known)
        steps = [*moving_steps(moved), *steps_for(matches, exchanges, kept, users)]
    return Conformed(
        live=matches.places.by_id(),
        replaced={pair.live: pair.ghost for pair in matches.replaced},
        reshaped={p.live: p.ghost for p in matches.classes if has_other_fields(p.live, p.ghost)},
        notes=(*matches.notes, *orphan_notes(matches), *copier_notes(matches), *stuck_notes(exchanges)),
        steps=steps,
    )


def keeps_identity(live: object, ghost: object, settled: Iterable[tuple[object, object]] = ()) -> str:
    """The empty string if *live* can become what *ghost* is, else why there has to be a new object.

    *settled*: ghosts of bases and metaclasses that keep their identity, each with its live object. Changes nothing.
    """
    match live, ghost:
        case type(), type():
            return obstacle(live, ghost, Places(settled)) or ""
        case FunctionType(), FunctionType():
            same = same_kind(live.__code__, ghost.__code__)
            return (
                "" if same else "it has other free variables, or has become (or ceased to be) a generator or coroutine"
            )
        case _:
            same = type(live) is type(ghost)
            return "" if same else f"it was a {type(live).__name__} and is a {type(ghost).__name__}"


def orphan_notes(matches: Matches) -> Iterator[Note]:
    """Subclasses elsewhere of a class that is replaced."""
    known = {id(thing) for pair in (*matches.classes, *matches.replaced) for thing in (pair.live, pair.ghost)}
    for pair in matches.replaced:
        for cls in descendants(pair.live):
            if id(cls) not in known:
                name = f"{cls.__module__}.{cls.__qualname__}"
                yield Note(name, "stray", f"is derived from the old {pair.name}, until it is defined again")


def copier_notes(matches: Matches) -> Iterator[Note]:
    """Subclasses made at run time, such as `Box[int]` of pydantic, which do not see fields that their base gets."""
    known = {id(thing) for pair in (*matches.classes, *matches.replaced) for thing in (pair.live, pair.ghost)}
    for pair in matches.classes:
        come = fields_of(pair.ghost) - fields_of(pair.live)
        for cls in descendants(pair.live) if come else ():
            copied = copied_fields(cls)
            if id(cls) not in known and copied is not None and not come <= copied:
                name = f"{cls.__module__}.{cls.__qualname__}"
                yield Note(name, "stray", f"has copied the fields of {pair.name}, and does not get its new ones")


def stuck_notes(exchanges: Exchanges) -> Iterator[Note]:
    """Who holds what was made and does not let it go."""
    for holder in sorted(set(exchanges.stuck)):
        yield Note(holder, "stuck", "holds new code and does not let it go: it will not see later changes")
    if gc.get_freeze_count() > FROZEN_AT_START:
        yield Note("gc.freeze", "stuck", "what was frozen is not searched: it may go on holding new code of its own")


def steps_for(
    matches: Matches, exchanges: Exchanges, kept: Mapping[type, Collection[str]], users: list[Any]
) -> Iterator[Step]:
    """All that is to be done, in order: who holds ghosts, functions, classes, and what is derived from classes.

    *users*: what pydantic has compiled from classes that are edited.
    """
    yield from (Step(*step) for step in exchanges.steps)
    yield from cell_steps(matches)
    for pair in matches.functions:
        yield from function_steps(pair.live, pair.source, matches.places.of)
    for pair in matches.forwards:
        yield from forward_steps(pair.live, matches.places.of(pair.ghost))
    for pair in matches.wrappers:
        attributes = {key: matches.places.of(value) for key, value in pair.ghost.__dict__.items()}
        if not alike(pair.live.__dict__, attributes, matches.places.of):
            yield refill(f"attributes of {pair.name}", pair.live.__dict__, attributes)
    for pair in matches.members:
        yield from member_steps(pair.live, pair.ghost, matches.places.of)
    edited = yield from class_edits(matches, kept)
    for pair in matches.classes:
        yield from registered_steps(pair.live, pair.ghost, matches.places.of)
        yield from check_steps(pair.live)
    edited_models = [live for live in edited if models.is_model(live)]
    yield from models.model_steps(edited_models, users if edited_models else ())
    for pair in matches.classes:
        yield banishing_step(pair.ghost)
    for wrapper in matches.caches:
        yield Step(f"cache of {wrapper.__qualname__}", wrapper.cache_clear, wrapper.cache_clear)


def class_edits(matches: Matches, kept: Mapping[type, Collection[str]]) -> Generator[Step, None, list[type]]:
    """What is to be done for classes, bases first. Returns those for which there was something to do."""
    edited: list[type] = []
    for pair in matches.classes:
        steps = list(class_steps(pair.live, pair.ghost, matches.places.of, kept.get(pair.live, ())))
        if steps:
            edited.append(pair.live)
            yield from steps
            yield from abstract_steps(pair.live)
    return edited


def cell_steps(matches: Matches) -> Iterator[Step]:
    """What is in the cells of live closures: what the new ones have, unless it is state of the running program."""
    for pair in matches.cells.values():
        was, new = contents(pair.live), contents(pair.ghost)
        new = EMPTY if new is EMPTY else matches.places.of(new)
        if not pair.is_state and not alike(was, new, matches.places.of):
            yield set_cell(f"variable {pair.name}", pair.live, new)
