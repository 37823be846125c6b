"""The rules for sources. Each looks at one source and says, all at once, what it finds.

They read; they do not run anything, and whoever wants to hide something from them can. They are advice for friends.
The fence for strangers is the sandbox: its language layer is a `Rule` too, with stricter answers on the same sources.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from otpy.safety import catalogue
from otpy.safety.catalogue import Table
from otpy.safety.finding import Finding
from otpy.safety.importing import import_calls, import_effects
from otpy.safety.names import literal_text
from otpy.safety.opening import writes
from otpy.safety.servers import blocking_callbacks, impure_supervisors
from otpy.safety.source import Source, Use

_CHOICES: Final = frozenset(("os", "subprocess", "builtins", "sys", "ctypes", "socket", "importlib"))
_SETTERS: Final = frozenset(("builtins.setattr", "builtins.delattr"))


class Rule(Protocol):
    """One thing that may be wrong with a source."""

    @property
    def name(self) -> str:
        """What policies call it."""
        ...

    def check(self, source: Source) -> Iterable[Finding]:
        """Return every place where it is broken; must not run anything of the source."""
        ...


@dataclass(frozen=True, slots=True)
class SourceRule:
    """A rule that is a function of the source."""

    name: str
    about: str
    look: Callable[[Source, str], Iterator[Finding]]

    def check(self, source: Source) -> Iterable[Finding]:
        """See Rule.check."""
        return self.look(source, self.name)


# -- by name ---------------------------------------------------------------------------------------


def _named(table: Table, *, unless: Callable[[Use], bool] | None = None) -> Callable[[Source, str], Iterator[Finding]]:
    """Return what finds the uses of what is in *table*, but for those that are let pass."""

    def look(source: Source, rule: str) -> Iterator[Finding]:
        for use in source.uses:
            found = table.find(use.names) if use.names and use.how != "write" else None
            if found is None or (use.how == "read" and found[1].only_called) or (unless is not None and unless(use)):
                continue
            name, danger = found
            yield source.finding(use, rule, f"{_shown(name)} {danger.does}", danger.advice)

    return look


def _shown(name: str) -> str:
    return name.removeprefix("builtins.")


def _files(source: Source, rule: str) -> Iterator[Finding]:
    yield from _named(catalogue.FILES)(source, rule)
    for use in source.uses:
        opened = writes(use)
        if opened is not None:
            yield source.finding(use, rule, f"{opened} writes a file", catalogue.WORLD)


def _may_wait(use: Use) -> bool:
    """Whether it runs in a server that may wait for the world, or on a helper thread."""
    place = use.place
    at_home = place.owner is not None and place.owner.runs_on in ("thread", "asyncio")
    return place.on_helper or (at_home and not place.at_import)


def _dynamic(source: Source, rule: str) -> Iterator[Finding]:
    yield from _named(catalogue.DYNAMIC)(source, rule)
    for use in source.uses:
        if use.call is None:
            continue
        chosen = use.call.args[0] if use.call.args else None
        if "importlib.import_module" in use.names and chosen is not None and literal_text(chosen) is None:
            message = "a module whose name is made at run time is in no dependency graph"
            yield source.finding(use, rule, message, "name it, or keep a dict of the modules that may be meant")
        if "builtins.getattr" in use.names and len(use.call.args) > 1 and _from_dangerous(source, use.call):
            message = "what is looked up here is chosen at run time, and could be anything"
            yield source.finding(use, rule, message, "name it, or keep a dict of what may be meant")


def _from_dangerous(source: Source, call: ast.Call) -> bool:
    """Whether it looks into a module such as os with a name that is no literal."""
    if literal_text(call.args[1]) is not None:
        return False
    return not _CHOICES.isdisjoint(source.names_at(call.args[0]))


def _patching(source: Source, rule: str) -> Iterator[Finding]:
    yield from _named(catalogue.PATCHING)(source, rule)
    shared = {"sys.modules[]": "sys.modules", "os.environ[]": "os.environ", "sys.path[]": "sys.path"}
    for use in source.uses:
        written = _written(source, use)
        table = next((shared[n] for n in written if n in shared), None)
        patched = next((n for n in written if _is_others(source, n)), None)
        if table is not None:
            message = f"changes {table}, which the whole node shares"
            yield source.finding(
                use, rule, message, "keep it in the state of a process, or set it before the node starts"
            )
        elif patched is not None:
            message = f"sets {_shown(patched)}, which belongs to another module"
            yield source.finding(use, rule, message, "hand in what shall be used, or upgrade that module")


def _written(source: Source, use: Use) -> tuple[str, ...]:
    """The names that are bound or deleted here, by a statement or by setattr."""
    if use.how == "write":
        return use.names
    if use.call is not None and len(use.call.args) > 1 and not _SETTERS.isdisjoint(use.names):
        attr = literal_text(use.call.args[1]) or "…"
        return tuple(f"{owner}.{attr}" for owner in source.names_at(use.call.args[0]))
    return ()


def _is_others(source: Source, name: str) -> bool:
    """Whether *name* is an attribute of a module that was imported, or of a class from one."""
    owner, _, _ = name.rpartition(".")
    if not owner or "(" in name or "[" in name or owner == source.module or owner.startswith(f"{source.module}."):
        return False
    last = owner.rpartition(".")[2]
    is_class = last[:1].isupper() and not last.isupper() and owner not in source.classes
    return owner in source.imported or owner.partition(".")[0] in (*sys.stdlib_module_names, "builtins") or is_class


def _insides(source: Source, rule: str) -> Iterator[Finding]:
    yield from _named(catalogue.INSIDES)(source, rule)
    for use in source.uses:
        if use.attribute in catalogue.INSIDE_ATTRIBUTES and isinstance(use.node, ast.Attribute):
            message = f"{use.attribute} reaches into what belongs to Python"
            yield source.finding(use, rule, message, "ask otpy: process_info(pid), tree(), sys.get_state(pid)")


RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        SourceRule("system", "programs of the operating system, signals, ctypes", _named(catalogue.SYSTEM)),
        SourceRule("files", "files written, moved and removed", _files),
        SourceRule(
            "unsupervised", "threads, processes and event loops outside supervision", _named(catalogue.UNSUPERVISED)
        ),
        SourceRule("sockets", "connections outside servers that may wait", _named(catalogue.SOCKETS, unless=_may_wait)),
        SourceRule("dynamic-code", "eval, exec, pickle, imports by computed names", _dynamic),
        SourceRule("patching", "other modules, builtins, sys.modules and the environment changed", _patching),
        SourceRule("import-effects", "effects on the world when the module is imported", import_effects),
        SourceRule("import-calls", "calls at import of which nobody can tell that they are harmless", import_calls),
        SourceRule("supervisor-init", "a supervisor's init that does more than return specs", impure_supervisors),
        SourceRule("blocking", "calls that block in callbacks on the scheduler or the event loop", blocking_callbacks),
        SourceRule("insides", "frames, code objects, all objects alive", _insides),
    )
}
"""The rules that come with otpy, by name."""
