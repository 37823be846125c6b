"""New bodies for living functions: `function.__code__` is replaced, and whoever holds the function runs the new text.

Nothing is executed for it. The code objects come out of the compiled module, and each live function is known by the
one that it has now. A definition that only moved gets its new lines in the same way. What cannot take the new code
(a closure whose free variables are others now) goes on with the old, under the file name of the version that it is
from, so that tracebacks show its own text; and it is told.
"""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple, TypeAlias

from otpy.code.baseline import every_code
from otpy.code.definitions import Definition
from otpy.code.journal import Journal
from otpy.code.parsed import UNFILED
from otpy.code.sources import refiled
from otpy.code.version import Version

KINDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
HAS_DOCSTRING: Final = getattr(inspect, "CO_HAS_DOCSTRING", 0)
"""From Python 3.13 on; before, the first constant is the docstring or None."""

CodeKey: TypeAlias = tuple[str, CodeType]
"""Qualified name and code. Code objects are equal when name, lines and instructions are, whatever their file name."""

Table: TypeAlias = Mapping[CodeKey, CodeType]
"""What each code of the old version becomes."""


class Patch(NamedTuple):
    """A function, the code that it has, and the code that it gets."""

    function: Any  # a FunctionType, which type checkers take for a method when it is an attribute
    old: CodeType
    new: CodeType
    is_edit: bool
    """It does something else afterwards, or is documented otherwise; else it only has other lines."""


@dataclass(slots=True)
class Patches:
    """What is done to the living functions of one module."""

    patches: list[Patch] = field(default_factory=list)
    left: list[Patch] = field(default_factory=list)
    """Those whose code is not in the new version any more: they get a file name that shows their own text."""
    stuck: list[str] = field(default_factory=list)
    """Qualified names of closures that cannot take their new code."""

    @classmethod
    def moving(cls, moves: Iterable[tuple[FunctionType, CodeType, CodeType]]) -> Patches:
        """Functions that get the same code under another file name: each, the code that it has, that it gets."""
        return cls([Patch(*move, is_edit=False) for move in moves])

    def apply(self, journal: Journal) -> None:
        """Give every function its code, in one step."""
        if self.patches:
            patches = self.patches
            journal.write(f"code of {len(patches)} functions", lambda: take_back(patches))
            for function, _, new, _ in patches:
                function.__code__ = new
            for function, doc in docs_after(patches):
                journal.set_attribute(function, "__doc__", doc, f"docstring of {function.__qualname__}")

    def refile_the_rest(self, journal: Journal) -> None:
        """To be called last: functions that have been given other code meanwhile are not concerned any more."""
        for function, old, new, _ in self.left:
            if function.__code__ is old:
                journal.set_attribute(function, "__code__", new, f"file of {function.__qualname__}")


def take_back(patches: Iterable[Patch]) -> None:
    """Give functions the code that they had."""
    for function, old, _, _ in patches:
        function.__code__ = old


def docs_after(patches: Iterable[Patch]) -> Iterator[tuple[FunctionType, str | None]]:
    """The docstrings that functions get with their code; one that was set at run time stays."""
    for function, old, new, is_edit in patches:
        if is_edit:
            before, after = doc_of(old), doc_of(new)
            if before != after and function.__doc__ == before:
                yield function, after


def doc_of(code: CodeType) -> str | None:
    """The docstring in the code of a function."""
    if HAS_DOCSTRING and not code.co_flags & HAS_DOCSTRING:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


def plan_patches(
    functions: Iterable[FunctionType], table: Table, old: Version, new: Version, home: str | None
) -> Patches:
    """What the live *functions* of *old* get when *new* is installed under the path *home*, None for text alone."""
    current = home or new.filename
    found = Patches()
    for function in functions:
        code = function.__code__
        if code.co_filename not in (home, old.filename):
            continue
        after = table.get((code.co_qualname, code))
        if after is not None and is_patchable(code, after):
            filed = refiled(after, current, only=UNFILED)
            if filed == code and filed.co_filename == code.co_filename:
                continue
            found.patches.append(Patch(function, code, filed, is_edit=not same_text(code, after)))
            continue
        if after is not None:
            found.stuck.append(function.__qualname__)
        if home is not None and code.co_filename == home:
            found.left.append(Patch(function, code, refiled(code, old.filename, only=home), is_edit=False))
    # What a definition that has run leaves as it is has its text in the new version, and gets its next body from there.
    still_there = set(every_code(new.code)) if found.left else ()
    found.left = [patch for patch in found.left if patch.old not in still_there]
    return found


def is_patchable(old: CodeType, new: CodeType) -> bool:
    """Whether a function with the code *old* can have *new*: the same free variables, and the same kind of function."""
    return old.co_freevars == new.co_freevars and (old.co_flags ^ new.co_flags) & KINDS == 0


def same_text(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects differ in nothing but their lines."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return same_text(one, other)
    return type(one) is type(other) and repr(one) == repr(other)


# -- which code becomes which ----------------------------------------------------------------------


def table_of(
    pairs: Iterable[tuple[Definition, Definition]], before: CodeIndex, after: CodeIndex
) -> dict[CodeKey, CodeType]:
    """What the code of the old definitions becomes in the new ones; *pairs* of definitions of the two versions."""
    table: dict[CodeKey, CodeType] = {}
    for was, now in pairs:
        for one, other in paired(before.of(was), after.of(now)):
            table.setdefault((one.co_qualname, one), other)
    return table


class CodeIndex:
    """Finds the code of a definition among that of its whole module, by its lines."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.codes = inner(version.code)
        placed = [d for d in version.definitions if d.kind != "annotations"]
        self.lines = [d.line for d in placed]
        self.shared = {d.line for one, two in pairwise(placed) if one.end_line >= two.line for d in (one, two)}
        self.by_line: dict[int, list[CodeType]] = {}
        for code in self.codes:
            index = bisect_right(self.lines, code.co_firstlineno) - 1
            if index >= 0:
                self.by_line.setdefault(self.lines[index], []).append(code)

    def of(self, definition: Definition) -> list[CodeType]:
        """The code objects directly in *definition*."""
        if definition.line in self.shared:
            # Two statements on one line: their code cannot be told apart by lines.
            return inner(self.version.compiled(definition, UNFILED))
        return self.by_line.get(definition.line, [])


def inner(code: CodeType) -> list[CodeType]:
    """The code objects directly in *code*."""
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def paired(olds: Sequence[CodeType], news: Sequence[CodeType]) -> Iterator[tuple[CodeType, CodeType]]:
    """Code objects of two versions of one thing, in pairs: by qualified name, then by text, then by order."""
    if len(olds) == 1 and len(news) == 1:  # as most have it
        if olds[0].co_qualname == news[0].co_qualname:
            yield olds[0], news[0]
            yield from paired(inner(olds[0]), inner(news[0]))
        return
    if not olds or not news:
        return
    by_name: dict[str, list[CodeType]] = {}
    for code in news:
        by_name.setdefault(code.co_qualname, []).append(code)
    groups: dict[str, list[CodeType]] = {}
    for code in olds:
        groups.setdefault(code.co_qualname, []).append(code)
    for name, ones in groups.items():
        for one, other in _matched(ones, by_name.get(name, [])):
            yield one, other
            yield from paired(inner(one), inner(other))


def _matched(ones: list[CodeType], others: list[CodeType]) -> Iterator[tuple[CodeType, CodeType]]:
    """Several lambdas have one name: if one was added or removed, only those with the same text are matched."""
    if len(ones) == len(others):
        yield from zip(ones, others, strict=True)
        return
    left = list(others)
    for one in ones:
        same = next((other for other in left if same_text(one, other)), None)
        if same is not None:
            left.remove(same)
            yield one, same


def fits(was: Definition, now: Definition, old: CodeIndex, new: CodeIndex) -> bool:
    """Whether all functions that *was* made when it ran can take their code from *now*."""
    return _all_fit(old.of(was), new.of(now))


def _all_fit(olds: Sequence[CodeType], news: Sequence[CodeType]) -> bool:
    """Functions made inside functions may stay behind; what a class body makes may not."""
    found = dict[str, list[CodeType]]()
    for code in news:
        found.setdefault(code.co_qualname, []).append(code)
    for one in olds:
        others = found.get(one.co_qualname, [])
        if not others:
            return False
        other = others.pop(0)
        if not is_patchable(one, other):
            return False
        if not one.co_flags & inspect.CO_OPTIMIZED and not _all_fit(inner(one), inner(other)):
            return False
    return not any(found.values())
