"""The live functions of a module: where they are, and moving their code under other file names and lines.

`function.__code__` can be set. So a function that did not change, but moved within its file, keeps its identity and
gets the new lines; one that was replaced, but is still held by someone, goes on showing the text that it was made from.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, cast

from otpy.code.compiler import compile_statements
from otpy.code.definitions import Definition
from otpy.code.journal import Journal
from otpy.code.sources import refiled
from otpy.code.version import Version


def functions_of(*namespaces: dict[str, Any]) -> list[list[FunctionType]]:
    """For each namespace, all functions alive whose globals it is, wherever they are held. One sweep for all."""
    found: dict[int, list[FunctionType]] = {id(namespace): [] for namespace in namespaces}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and id(thing.__globals__) in found:
            found[id(thing.__globals__)].append(thing)
    return [found[id(namespace)] for namespace in namespaces]


def twin(function: FunctionType, namespace: dict[str, Any], code: CodeType) -> FunctionType:
    """The same function in another namespace; closure cells, defaults and attributes are shared."""
    made = FunctionType(code, namespace, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    copy_annotations(function, made)
    was, generic = cast("Any", function), cast("Any", made)
    if hasattr(was, "__type_params__"):
        generic.__type_params__ = was.__type_params__
    made.__dict__ = function.__dict__
    return made


def copy_annotations(function: FunctionType, made: FunctionType) -> None:
    """Annotations are not evaluated by copying them, where Python is lazy about them (3.14)."""
    annotate: Any = getattr(function, "__annotate__", None)
    if annotate is not None:
        setattr(made, "__annotate__", annotate)  # noqa: B010 - an attribute that older type stubs lack
    else:
        made.__annotations__ = function.__annotations__


def moves(
    functions: Iterable[FunctionType], old: Version, new: Version, home: str | None
) -> list[tuple[FunctionType, CodeType]]:
    """The code that the live *functions* of *old* get when *new* is installed.

    What did not change gets the lines of *new*. What did is filed under the name of the *old* version, if it was filed
    under *home*, the real path of the module: that path shows the new text from now on.
    """
    current = home or new.filename
    matches = moved_code(old, new)
    found: list[tuple[FunctionType, CodeType]] = []
    for function in functions:
        code = function.__code__
        if code.co_filename not in (home, old.filename):
            continue
        match = matches.get((code.co_qualname, code))
        if match is not None:
            found.append((function, refiled(match, current, only=new.filename)))
        elif home is not None and code.co_filename == home:
            found.append((function, refiled(code, old.filename, only=home)))
    return found


def moved_code(old: Version, new: Version) -> Mapping[tuple[str, CodeType], CodeType]:
    """For all code of the definitions that are in both versions: the code of *new* by that of *old*.

    Code objects are equal when name, lines and instructions are, whatever their file name.
    """
    before: dict[tuple[str, tuple[str, ...]], list[Definition]] = {}
    for definition in old.definitions:
        before.setdefault((definition.own, definition.binds), []).append(definition)
    table: dict[tuple[str, CodeType], CodeType] = {}
    for definition in new.definitions:
        same = before.get((definition.own, definition.binds))
        if not same:
            continue
        old_code = compile_statements(same.pop(0).nodes, old.filename, old.flags)
        new_code = compile_statements(definition.nodes, new.filename, new.flags)
        for was, now in side_by_side(old_code, new_code):
            table.setdefault((was.co_qualname, was), now)
    return table


def side_by_side(one: CodeType, other: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The code objects in two code objects of the same text, in pairs."""
    ones = [c for c in one.co_consts if isinstance(c, CodeType)]
    others = [c for c in other.co_consts if isinstance(c, CodeType)]
    for was, now in zip(ones, others, strict=True):
        yield was, now
        yield from side_by_side(was, now)


def apply_moves(found: Iterable[tuple[FunctionType, CodeType]], journal: Journal) -> None:
    """Give functions their new code; each in *journal*."""
    for function, code in found:
        journal.set_attribute(function, "__code__", code, f"code of {function.__qualname__}")
