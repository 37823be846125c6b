"""Can an edit have made a way to something dangerous that it does not show itself?

An edited function may be called where it should not do what it does now; or it calls one, left alone, that does. To
find out, more of the module has to be read (edits.py). This tells when that is not necessary, which is nearly always.
It errs on the side of reading.
"""

from __future__ import annotations

from typing import Final

from otpy.safety import catalogue
from otpy.safety.classes import CALLBACKS
from otpy.safety.edits import Edit, Outline, Unit
from otpy.safety.opening import NAMES, SURELY_PATHS, writes
from otpy.safety.source import Source, Use

_WORLD: Final = (catalogue.SYSTEM, catalogue.FILES, catalogue.UNSUPERVISED, catalogue.SOCKETS)

_NAMES: Final = NAMES | frozenset(
    name
    for names in (
        catalogue.BLOCKING,
        catalogue.IMPORT_EFFECTS,
        *(danger.names for table in _WORLD for danger in table.exact.values()),
    )
    for name in (*names.exact, *(beginning.rstrip(".") for beginning in names.beginnings))
)
_OTPY: Final = catalogue.OTPY_EFFECTS.exact | {f"otpy.{start}" for start in catalogue.STARTS}


def leads_on(source: Source, edit: Edit, whole: Outline) -> bool:
    """Whether what calls the *edit*, or what it calls, has to be looked at.

    *source* is what was edited alone, *whole* all of it.
    """
    if any(_matters_to_callers(use) for use in source.uses):
        return True
    words = _words(_NAMES | _OTPY if _may_not_act(source) else _NAMES, whole) | SURELY_PATHS
    telling = words | _aliases(words, (*edit.edited, *edit.led_to))
    return any(not telling.isdisjoint(unit.words) for unit in edit.led_to if "def" in unit.binds.values())


def _words(names: frozenset[str], whole: Outline) -> frozenset[str]:
    """The last parts of those *names* whose module is spoken of in the source."""
    spoken = {"builtins"}.union(*(unit.words for unit in whole.units))
    return frozenset(name.rpartition(".")[2] for name in names if name.partition(".")[0] in spoken)


def _matters_to_callers(use: Use) -> bool:
    """Whether it is a function of its own, not a callback, that does what not every caller may do."""
    if use.place.at_import or use.how != "call" or use.place.qualname.rpartition(".")[2] in CALLBACKS:
        return False
    if use.attribute in catalogue.STARTS or "builtins.open" in use.names or writes(use) is not None:
        return True
    known = (catalogue.BLOCKING, catalogue.IMPORT_EFFECTS, catalogue.OTPY_EFFECTS)
    return any(names.first(use.names) for names in known) or any(table.find(use.names) for table in _WORLD)


def _may_not_act(source: Source) -> bool:
    """Whether there is edited code that may not even use otpy: at import, or in a supervisor."""
    return any(
        use.place.at_import or (use.place.owner is not None and use.place.owner.kind == "supervisor")
        for use in source.uses
        if use.how in ("call", "decorate")
    )


def _aliases(words: frozenset[str], units: tuple[Unit, ...]) -> frozenset[str]:
    """The names under which statements at the top level make known what is called by one of *words*."""
    return frozenset(
        name
        for unit in units
        if "def" not in unit.binds.values() and not words.isdisjoint(unit.words)
        for name in unit.binds
    )
