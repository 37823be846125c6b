"""What does not belong into callbacks: waiting for the world on the scheduler, and effects in a supervisor's init.

A callback is followed into the functions and methods of its module that it calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from otpy.safety import catalogue
from otpy.safety.classes import CALLBACKS, ClassFacts
from otpy.safety.finding import Finding
from otpy.safety.opening import writes
from otpy.safety.source import Source, Use

_PURE_INIT: Final = "return SupFlags and ChildSpecs only: an upgrade runs it again; let a child do this in its own init"
_WORLD: Final = (
    catalogue.SYSTEM,
    catalogue.FILES,
    catalogue.UNSUPERVISED,
    catalogue.SOCKETS,
    catalogue.PATCHING,
    catalogue.DYNAMIC,
)


def blocking_callbacks(source: Source, rule: str) -> Iterator[Finding]:
    """Yield the calls that block, in callbacks of servers that share their thread with others."""
    for facts in source.classes.values():
        if facts.kind != "server" or facts.runs_on == "thread":
            continue
        for callback in sorted(CALLBACKS & facts.methods | facts.states):
            for use in _reached(source, facts, callback):
                name = catalogue.BLOCKING.first(use.names)
                if use.how == "call" and name is not None and not use.place.on_helper:
                    shown = name.removeprefix("builtins.")
                    who = "the event loop" if facts.runs_on == "asyncio" else "others on the scheduler"
                    message = f"{shown} blocks {who} in {facts.qualname}.{callback}"
                    yield source.finding(use, rule, message, _instead(name, facts))


def impure_supervisors(source: Source, rule: str) -> Iterator[Finding]:
    """Yield what a supervisor's init does beside telling its children."""
    for facts in source.classes.values():
        if facts.kind != "supervisor" or "init" not in facts.methods:
            continue
        for use in _reached(source, facts, "init"):
            does = _effect(use)
            if does is not None:
                yield source.finding(use, rule, f"{facts.qualname}.init must be pure, and {does}", _PURE_INIT)


def _reached(source: Source, facts: ClassFacts, method: str) -> Iterator[Use]:
    """Yield the uses in *method* and in what it calls of the same module."""
    left, seen = [f"{facts.name}().{method}"], set[str]()
    while left:
        function = left.pop()
        if function in seen or not function.startswith(f"{source.module}."):
            continue
        seen.add(function)
        for use in source.within(function):
            yield use
            if use.how == "call" and not use.place.on_helper:
                left += use.names


def _effect(use: Use) -> str | None:
    """What *use* does that a pure function does not; None if nothing is known."""
    if use.how == "write":
        patched = next((n for n in use.names if n.endswith("[]") and n.startswith(("os.environ", "sys."))), None)
        return f"changes {patched[:-2]}" if patched else None
    if use.call is None:
        return None
    if use.attribute in catalogue.STARTS or any(
        name.endswith(".start") and name.startswith("otpy.") for name in use.names
    ):
        return f"calls {use.attribute}"
    name = catalogue.OTPY_EFFECTS.first(use.names) or catalogue.IMPORT_EFFECTS.first(use.names)
    if name is not None:
        return f"calls {name.removeprefix('builtins.')}"
    if "builtins.open" in use.names or "os.open" in use.names or writes(use) is not None:
        return "opens a file"
    found = next((hit for table in _WORLD if (hit := table.find(use.names)) is not None), None)
    return f"{found[0].removeprefix('builtins.')} {found[1].does}" if found is not None else None


def _instead(name: str, facts: ClassFacts) -> str:
    if facts.runs_on == "asyncio":
        return "await asyncio.sleep(seconds)" if name == "time.sleep" else "await asyncio.to_thread(fn, …)"
    if name == "time.sleep":
        return "otpy.sleep(seconds) waits without blocking; otpy.send_after acts later"
    return "otpy.blocking(fn, …) runs it on a helper thread, or give the class runs_on = 'thread'"
