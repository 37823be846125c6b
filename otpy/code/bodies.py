"""New bodies for living functions: `function.__code__` is replaced, and whoever holds the function runs the new text.

Nothing is executed for it. The code objects come out of the compiled module, and each live function is known by the
one that it has now. A definition that only moved gets its new lines in the same way. What cannot take the new code
(a closure whose free variables are others now) goes on with the old, under the file name of the version that it is
from, so that tracebacks show its own text; and it is told.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple, final

from otpy.code.codes import Codes, inner
from otpy.code.definitions import Definition
from otpy.code.journal import Journal
from otpy.code.parsed import Parsed
from otpy.code.sources import refiled
from otpy.code.version import Version

KINDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
HAS_DOCSTRING: Final = getattr(inspect, "CO_HAS_DOCSTRING", 0)
"""From Python 3.13 on; before, the first constant is the docstring or None."""


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
    functions: Iterable[FunctionType], successors: Successors, old: Version, new: Version, home: str | None
) -> Patches:
    """What the live *functions* of *old* get when *new* is installed under the path *home*, None for text alone."""
    current = home or new.filename
    found = Patches()
    for function in functions:
        code = function.__code__
        if code.co_filename not in (home, old.filename):
            continue
        after = successors.of(code)
        if after is UNTOUCHED:
            if code.co_filename == current:
                continue
            after = code
        if after is not None and is_patchable(code, after):
            filed = refiled(after, current, only=after.co_filename)
            if filed == code and filed.co_filename == code.co_filename:
                continue
            found.patches.append(Patch(function, code, filed, is_edit=not same_text(code, after)))
            continue
        if after is not None:
            found.stuck.append(function.__qualname__)
        if home is not None and code.co_filename == home:
            found.left.append(Patch(function, code, refiled(code, old.filename, only=home), is_edit=False))
    # What a definition that has run leaves as it is has its text in the new version, and gets its next body from there.
    codes = new.parsed.codes
    found.left = [patch for patch in found.left if codes.find(patch.old) is None]
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


@final
class Successors:
    """What each code of an old version becomes in a new one."""

    def __init__(self, pairs: Iterable[tuple[Definition, Definition]], old: Version, new: Version) -> None:
        """*pairs*: definitions of the two versions, those that have run and those that are gone left out."""
        self._before, after = old.parsed.codes, new.parsed.codes
        self._untouched: set[int] = set()
        self._others: dict[int, CodeType] = {}
        for was, now in pairs:
            if is_untouched(was, now, old.parsed, new.parsed):
                self._untouched.add(was.line)
                continue
            for one, other in paired(self._before.of(was), after.of(now)):
                self._others.setdefault(id(one), other)

    def of(self, code: CodeType) -> CodeType | Untouched | None:
        """What *code* becomes; None if it is not from the old version, or has no successor."""
        known = self._before.known.get((code.co_qualname, code))
        if known is None:
            return None
        return UNTOUCHED if known.line in self._untouched else self._others.get(id(known.code))


class Untouched(Enum):
    """That a code is in the new version as it is, down to its lines."""

    YES = auto()


UNTOUCHED: Final = Untouched.YES


def is_untouched(was: Definition, now: Definition, old: Parsed, new: Parsed) -> bool:
    """Whether a definition has the very same text on the very same lines, so that its code is the same too."""
    return (
        was.line == now.line
        and old.flags == new.flags
        and not old.codes.is_shared(was.line)
        and not new.codes.is_shared(was.line)
        and old.lines[was.line - 1 : was.end_line] == new.lines[now.line - 1 : now.end_line]
    )


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


def fits(was: Definition, now: Definition, old: Codes, new: Codes) -> bool:
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
