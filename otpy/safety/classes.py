"""What the rules know of a class: whether it is a server or a supervisor, and where its callbacks run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from otpy.safety.names import Names, Scope, literal_text, names_of

Kind: TypeAlias = Literal["server", "supervisor"]

SERVERS: Final = frozenset(f"otpy.{name}" for name in ("GenServer", "GenStatem", "GenEvent", "Agent", "Actor"))
SUPERVISORS: Final = frozenset(f"otpy.{name}" for name in ("Supervisor", "DynamicSupervisor", "PartitionSupervisor"))

CALLBACKS: Final = frozenset(
    (
        "init",
        "handle_call",
        "handle_cast",
        "handle_info",
        "handle_continue",
        "handle_event",
        "terminate",
        "code_change",
        "format_status",
        "check_upgrade",
    )
)

_MACHINE: Final = "otpy.GenStatem"
_EVENT: Final = 4
"""The arguments of what handles the events of a state: self, kind, content, data."""
_TELLING: Final = frozenset(("handle_call", "handle_cast", "handle_info"))
_MOST_BASES: Final = 20


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A class of a source. *bases* are the full names of its bases, *runs_on* what it declares, or inherits here."""

    name: str
    qualname: str
    bases: Names
    methods: frozenset[str]
    states: frozenset[str] = frozenset()
    """Those of its methods that handle the events of a state, if it is a state machine."""
    runs_on: str | None = None
    kind: Kind | None = None


def class_facts(scopes: Mapping[ast.AST, Scope]) -> dict[str, ClassFacts]:
    """The classes of a source by their full names; *scopes* as `scopes_of` gives them."""
    found: dict[str, ClassFacts] = {}
    for node, scope in scopes.items():
        if isinstance(node, ast.ClassDef) and scope.parent is not None:
            bases = tuple(name for base in node.bases for name in names_of(base, scope.parent))
            methods = frozenset(n.name for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
            found[scope.full] = ClassFacts(scope.full, scope.qualname, bases, methods, _states(node), _runs_on(node))
    return {name: _completed(facts, found) for name, facts in found.items()}


def _completed(facts: ClassFacts, known: Mapping[str, ClassFacts]) -> ClassFacts:
    """*facts* with what it has from its bases."""
    line = list(_lineage(facts, known))
    runs_on = next((each.runs_on for each in line if each.runs_on is not None), None)
    states = facts.states if any(_MACHINE in each.bases for each in line) else frozenset[str]()
    return replace(facts, states=states, runs_on=runs_on, kind=_kind(line))


def _lineage(facts: ClassFacts, known: Mapping[str, ClassFacts]) -> Iterator[ClassFacts]:
    """The class and its bases, as far as they are in the same source."""
    left, seen = [facts], 0
    while left and seen < _MOST_BASES:
        each = left.pop(0)
        seen += 1
        yield each
        left += [known[base] for base in each.bases if base in known]


def _kind(line: list[ClassFacts]) -> Kind | None:
    bases = {base for each in line for base in each.bases}
    if not SUPERVISORS.isdisjoint(bases):
        return "supervisor"
    if not SERVERS.isdisjoint(bases) or any(each.methods & _TELLING for each in line):
        return "server"
    return None


def _states(node: ast.ClassDef) -> frozenset[str]:
    methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(each.name for each in methods if not each.name.startswith("_") and len(each.args.args) == _EVENT)


def _runs_on(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="runs_on")], value=value)
                | ast.AnnAssign(target=ast.Name(id="runs_on"), value=ast.expr() as value)
            ):
                return literal_text(value)
            case _:
                pass
    return None
