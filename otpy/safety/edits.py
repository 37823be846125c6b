"""What of a module an edit touches, so that only that has to be read: its units, told apart by their text.

A unit is a statement at the top level, a function there, or what stands in a class at the top level: its head, its
methods, its other statements. A unit is *edited* if its text is not in the running source, or if a name in it is bound
otherwise than there. What an edited unit is called by, and what it calls, is *concerned*: a harmless line may have
become the way to a dangerous one.

All this errs on the side of too much: a name that occurs in a unit is taken for a use of it.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

from otpy.code.compiler import parse

_KEPT: Final = 64
_DEEP: Final = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match),
)
_WORD: Final = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A piece of a module: its *nodes*, its lines from *first* to *last*, its *text*, and all *words* in that.

    *binds* has the names that it binds, each with how it does.
    """

    nodes: tuple[ast.AST, ...]
    first: int
    last: int
    text: str
    words: frozenset[str]
    binds: Mapping[str, str]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The text of a module, its tree, and its units from top to bottom."""

    text: str
    tree: ast.Module
    units: tuple[Unit, ...]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """What of a new source is otherwise than in the running one: the *edited* units, and the *lines* that they are on.

    *leading* are the units that use those, *led_to* those that they use, each as far as it goes, without the edited.
    """

    edited: tuple[Unit, ...]
    leading: tuple[Unit, ...]
    led_to: tuple[Unit, ...]
    lines: frozenset[int]


def entries(*units: Unit) -> frozenset[int]:
    """The ids of the nodes by which a reader goes into *units*: what they hold, and all that is in a block."""
    found: set[int] = set()
    for node in (node for unit in units for node in unit.nodes):
        found.add(id(node))
        if isinstance(node, _DEEP):
            found.update(id(inner) for inner in ast.walk(node))
    return frozenset(found)


def outline(text: str, shown: str, tree: ast.Module | None = None) -> Outline:
    """The outline of *text*, kept for some time; errors name the file *shown*. *tree* is its tree, if there is one.

    Raises: CompilationFailed.
    """
    known = _outlines.get(text)
    if known is None:
        known = _outline(text, tree or parse(text, shown))
        while len(_outlines) >= _KEPT:
            _outlines.pop(next(iter(_outlines)), None)
        _outlines[text] = known
    return known


_outlines: Final[dict[str, Outline]] = {}


def _outline(text: str, tree: ast.Module) -> Outline:
    plain = io.StringIO(text, newline=None).read()  # lines as Python counts them
    lines = ["", *plain.split("\n")]
    return Outline(plain, tree, tuple(unit for node in tree.body for unit in _units(node, lines)))


@lru_cache(maxsize=_KEPT)
def edit_of(new: Outline, running: Outline) -> Edit:
    """What of *new* is not as it is in *running*."""
    rebound = _bound_otherwise(new, running)
    known = f"\n{running.text}\n"
    edited = [u for u in new.units if f"\n{u.text}\n" not in known or not rebound.isdisjoint(u.words)]
    return Edit(
        edited=tuple(edited),
        leading=_reached(edited, new.units, lambda unit, other: not other.words.isdisjoint(unit.binds)),
        led_to=_reached(edited, new.units, lambda unit, other: not unit.words.isdisjoint(other.binds)),
        lines=frozenset(line for unit in edited for line in range(unit.first, unit.last + 1)),
    )


def _bound_otherwise(new: Outline, running: Outline) -> set[str]:
    """The names that stand for something else: not those of functions that were only edited."""
    before, after = _bindings(running), _bindings(new)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _bindings(whole: Outline) -> dict[str, frozenset[str]]:
    """What binds each name: a definition, whatever it says, an import, or the text of a statement."""
    found: dict[str, frozenset[str]] = {}
    for unit in whole.units:
        for name, how in unit.binds.items():
            found[name] = found.get(name, frozenset()) | {how}
    return found


def _reached(begin: list[Unit], units: Iterable[Unit], leads: Callable[[Unit, Unit], bool]) -> tuple[Unit, ...]:
    """The units that are reached from those at the *begin*, without them."""
    found: list[Unit] = []
    left = list(begin)
    seen = set(map(id, begin))
    while left:
        unit = left.pop()
        for other in units:
            if id(other) not in seen and leads(unit, other):
                seen.add(id(other))
                found.append(other)
                left.append(other)
    return tuple(found)


# -- units -----------------------------------------------------------------------------------------


def _units(node: ast.stmt, lines: list[str]) -> Iterator[Unit]:
    if not isinstance(node, ast.ClassDef):
        yield _unit((node,), _first(node), node.end_lineno or node.lineno, lines=lines, binds=_binds(node))
        return
    head = (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords))
    start = _first(node)
    yield _unit(head, start, max(start, _first(node.body[0]) - 1), lines=lines, binds=((node.name, "class"),))
    for member in node.body:
        yield _unit((member,), _first(member), member.end_lineno or member.lineno, lines=lines, binds=_binds(member))


def _unit(
    nodes: tuple[ast.AST, ...], first: int, last: int, *, lines: list[str], binds: Iterable[tuple[str, str]]
) -> Unit:
    text = "\n".join(lines[first : last + 1])
    return Unit(nodes, first, last, text, frozenset(_WORD.findall(text)), {n: how or text for n, how in binds})


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _binds(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a statement binds, those of functions in it left out, with how; "" for: by what it says."""
    left = [node]
    while left:
        each = left.pop()
        match each:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, "def"
                continue
            case ast.ClassDef(name=name):
                yield name, "class"
                continue
            case ast.Import(names=names):
                yield from ((a.asname or a.name.partition(".")[0], f"import {a.name}") for a in names)
            case ast.ImportFrom(names=names, module=module, level=level):
                yield from ((a.asname or a.name, f"from {level} {module} import {a.name}") for a in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, ""
            case _:
                pass
        left += ast.iter_child_nodes(each)
