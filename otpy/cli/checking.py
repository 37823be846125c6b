"""Is an edit safe? The new source of one module against the one before, told line by line.

`check_texts` needs no node: verdicts, safety policy, and what is in the way of states, all from the two texts. A node
(`check`) tries the new version besides, beside its live modules and on copies of its states.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from otpy import upgrade
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import impact_of
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World
from otpy.cli.changing import refuse_unless_loaded
from otpy.cli.importers import importers, shown_path
from otpy.code import versions
from otpy.code.definitions import ANNOTATION_NAMES
from otpy.code.imports import from_imports
from otpy.code.verdicts import DefinitionChange, verdicts
from otpy.code.version import Version, read_version
from otpy.errors import CompilationFailed
from otpy.planning.plan import Plan
from otpy.planning.planner import Texts, make_plan, module_plan
from otpy.safety.checks import check_sources
from otpy.safety.finding import Finding
from otpy.safety.policy import Policy
from otpy.upgrade.engine import engine

if TYPE_CHECKING:
    from otpy.cli.control import Emit

Severity: TypeAlias = Literal["refused", "warning", "info"]

_SERVERS = frozenset({"GenServer", "GenStatem", "GenEvent"})
_BEHAVIOURS = _SERVERS | {"Supervisor", "DynamicSupervisor"}


class Line(msgspec.Struct, frozen=True):
    """One thing to say of the edit. *line* 0: of the whole. *what*: a verdict, a rule of the policy, or "state"."""

    severity: Severity
    what: str
    message: str
    file: str
    line: int = 0
    column: int = 0
    advice: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "") if self.line else self.file
        sign = "" if self.severity == "info" else f"{self.severity}: "
        return f"{place}: {sign}{self.what}: {self.message}" + (f" ({self.advice})" if self.advice else "")


class Checked(msgspec.Struct, frozen=True):
    """All that is to say, from top to bottom; `safe`: nothing refuses it."""

    module: str
    lines: tuple[Line, ...]
    safe: bool


class CheckArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new *source* of *module*, from *file*."""

    module: str
    source: str
    file: str


def check(_node: str, args: CheckArgs, _emit: Emit) -> Checked:
    """Return what the node that runs *module* has to say of an edit."""
    refuse_unless_loaded([args.module])
    running = (versions(args.module) or (None,))[-1]
    try:
        findings = list(_findings(args.module, running, args.source, args.file, engine.policy))
        if any(line.severity == "refused" for line in findings):
            new = read_version(args.module, args.source, path=args.file)
            return _checked(args.module, [*_definitions(verdicts(running, new), args.file), *findings])
        plan = upgrade.plan({args.module: args.source}, allow_dangerous=True)
    except upgrade_errors() as error:
        return _checked(args.module, [_broken(error, args.file)])
    return _checked(args.module, [*_planned(plan, args.file), *findings])


def check_texts(
    module: str, old: str | None, new: str, *, file: str, policy: Policy, others: Iterable[Path] = ()
) -> Checked:
    """Return what two texts of *module* alone tell of the edit; *old* None: it is new. *file*: where *new* is from.

    *others* are the files of modules that may import what is removed.
    """
    try:
        after = read_version(module, new, path=file)
        before = read_version(module, old) if old is not None else None
    except CompilationFailed as error:
        return _checked(module, [_broken(error, file)])
    findings = _findings(module, before, new, file, policy)
    plan = _plan_of_texts(before, after)
    return _checked(module, [*_planned(plan, file), *findings], [*_missed(before, after, others)])


def upgrade_errors() -> tuple[type[Exception], ...]:
    """Return what trying an edit may raise that is said of the edit, and not of the attempt."""
    from otpy.errors import IncompatibleUpgrade, LoadFailed, MissingDependency  # noqa: PLC0415

    return CompilationFailed, LoadFailed, MissingDependency, IncompatibleUpgrade


# -- what there is to say ------------------------------------------------------------------------------


def _planned(plan: Plan, file: str) -> Iterator[Line]:
    """Yield what *plan* says."""
    yield from _definitions(plan.definitions, file)
    places = {f"{change.module}.{change.name}": change.line for change in plan.definitions}
    for refusal in plan.refusals:
        if refusal.where.endswith(")") and " (line " in refusal.where:
            continue  # a definition that cannot be changed: it has its line already
        yield Line(
            "refused",
            "state",
            f"{refusal.where}: {refusal.reason}",
            file,
            places.get(refusal.where, 0),
            0,
            refusal.advice,
        )
    for warning in plan.warnings:
        if not warning.startswith(f"{file}:"):
            yield Line("warning", "upgrade", warning, file)


def _definitions(changes: Iterable[DefinitionChange], file: str) -> Iterator[Line]:
    for change in changes:
        if change.verdict in {"unchanged", "documented"}:
            continue
        severity: Severity = "refused" if change.verdict == "cannot" else "info"
        line = 0 if change.verdict == "removed" else change.line  # which was in the old text
        detail = change.detail.removeprefix(change.verdict).strip()
        yield Line(severity, change.verdict, f"{change.name} {detail}".rstrip(), file, line, 0, change.advice)


def _findings(module: str, before: Version | None, new: str, file: str, policy: Policy) -> Iterator[Line]:
    running = {} if before is None else {module: before.source}
    judged = check_sources({module: new}, policy, running=running, paths={module: file})
    yield from (_finding(each, "refused", file) for each in judged.refused)
    yield from (_finding(each, "warning", file) for each in judged.warned)


def _finding(found: Finding, severity: Severity, file: str) -> Line:
    return Line(severity, found.rule, found.message, file, found.line, found.column, found.advice)


def _broken(error: Exception, file: str) -> Line:
    line, column = getattr(error, "line", None) or 0, getattr(error, "column", None) or 0
    message = str(error).partition("\n")[0].rpartition(f":{line}:{column}: ")[2]  # the place stands in front already
    return Line("refused", type(error).__name__, message, file, line, column)


def _missed(before: Version | None, after: Version, others: Iterable[Path]) -> Iterator[Line]:
    """Yield a line for each import, elsewhere, of a name that the new version does not have any more."""
    had, has = ({n for d in each.definitions for n in d.binds} if each else set() for each in (before, after))
    gone = had - has - set(ANNOTATION_NAMES)
    if not gone or "__getattr__" in has or any(alias.name == "*" for _, alias in from_imports(after.tree, "")):
        return  # it may have them all the same
    for found in importers(after.name, gone, others):
        yield Line(
            "refused",
            "removed",
            f"{found.module} imports {found.name}, which {after.name} does not have any more",
            shown_path(found.file),
            found.line,
            0,
            "keep the name until nobody uses it, or change both in one upgrade",
        )


def _checked(module: str, lines: Iterable[Line], elsewhere: Iterable[Line] = ()) -> Checked:
    found = (*sorted(lines, key=lambda line: (line.line, line.column)), *elsewhere)
    return Checked(module, found, all(line.severity != "refused" for line in found))


# -- without a node ------------------------------------------------------------------------------------


def _plan_of_texts(before: Version | None, after: Version) -> Plan:
    """Return the plan of the edit, as if one process of each behaviour in the text were running."""
    name = after.name
    changes = [change for change in verdicts(before, after) if change.verdict != "unchanged"]
    graph = DependencyGraph.of({name: after.source})
    world = World(tuple(ProcessFacts(number, facts) for number, facts in enumerate(_behaviours(name, before), start=1)))
    old_source, old_vsn = (None, "") if before is None else (before.source, before.vsn)
    return make_plan(
        [module_plan(name, after.source, old_source=old_source, new_vsn=after.vsn, old_vsn=old_vsn)] if changes else [],
        impact_of([name], changes, graph=graph, world=world),
        graph=graph,
        texts=Texts({} if before is None else {name: before.tree}, {name: after.tree}),
    )


def _behaviours(module: str, version: Version | None) -> Iterator[BehaviourFacts]:
    """Yield the behaviours that the text defines, by the names of their bases."""
    known: dict[str, tuple[str, ...]] = {}
    for node in version.tree.body if version is not None else ():
        if isinstance(node, ast.ClassDef):
            bases = [name for base in node.bases for name in [_last_name(base)]]
            own = next((known[base] for base in bases if base in known), ())
            if own or not _BEHAVIOURS.isdisjoint(bases):
                known[node.name] = (f"{module}:{node.name}", *own)
                kind: Any = "server" if own or not _SERVERS.isdisjoint(bases) else "supervisor"
                yield BehaviourFacts(module, node.name, known[node.name], kind)


def _last_name(node: ast.expr) -> str:
    """Return the last name of what a base class is written as: `otpy.GenServer[Cart]` is GenServer."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
