"""Which behaviours have a `code_change` of their own, and which steps are registered, told from the text. Static, pure.

A step is a function under `@otpy.migration(Cart, old="1", new="2")`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from otpy.analysis.dependencies import resolve_path
from otpy.analysis.reading import names_of
from otpy.code.names import FunctionNode

Place: TypeAlias = tuple[str, str]


class StepFacts(msgspec.Struct, frozen=True):
    """A registered step: it brings states of `behaviour` ("shop.cart.Cart") from version `old` to `new`, as text."""

    behaviour: str
    old: str
    new: str
    function: str = ""
    """For people: "shop.steps.in_cents"."""


def has_code_change(behaviour: Iterable[Place], trees: Mapping[str, ast.Module]) -> bool:
    """Whether one of the classes of *behaviour* (module, name) has a code_change, as far as *trees* have them."""
    return any(
        isinstance(node, FunctionNode) and node.name == "code_change"
        for module, name in behaviour
        if module in trees
        for node in _body_of(trees[module], name)
    )


def _body_of(tree: ast.Module, qualname: str) -> list[ast.stmt]:
    body = tree.body
    for part in qualname.split("."):
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == part), [])
    return body


def class_vsn(behaviour: Iterable[Place], trees: Mapping[str, ast.Module]) -> str:
    """Return the `__vsn__` that the first class of *behaviour* that has one gives itself, as text; else empty."""
    for module, name in behaviour:
        for node in _body_of(trees[module], name) if module in trees else ():
            match node:
                case ast.Assign([ast.Name("__vsn__")], value) | ast.AnnAssign(
                    ast.Name("__vsn__"), _, ast.expr() as value
                ):
                    return _literal(value) or ""
                case _:
                    pass
    return ""


def steps_in(trees: Mapping[str, ast.Module], *, packages: Collection[str] = ()) -> tuple[StepFacts, ...]:
    """Return the steps that the texts register. *packages*: those modules that relative imports start from."""
    return tuple(step for module in trees for step in _steps_of(module, trees, packages))


def _steps_of(module: str, trees: Mapping[str, ast.Module], packages: Collection[str]) -> Iterator[StepFacts]:
    ref = names_of(module, trees[module], is_package=module in packages)
    for node in trees[module].body:
        for decorator in node.decorator_list if isinstance(node, FunctionNode) else ():
            if not isinstance(decorator, ast.Call):
                continue
            verb = ref(decorator.func)
            if verb is None or verb.module.partition(".")[0] != "otpy" or verb.last != "migration":
                continue
            given = {keyword.arg: keyword.value for keyword in decorator.keywords}
            target = decorator.args[0] if decorator.args else given.get("behaviour")
            found = ref(target) if target is not None else None
            old, new = _literal(given.get("old")), _literal(given.get("new"))
            if found is not None and isinstance(node, FunctionNode) and old is not None and new is not None:
                place = resolve_path(found.module, found.name, trees.__contains__)
                yield StepFacts(".".join(place), old, new, f"{module}.{node.name}")


def _literal(node: ast.expr | None) -> str | None:
    """Return a version as text; None if it is no literal."""
    try:
        return None if node is None else str(ast.literal_eval(node))
    except ValueError:
        return None
