"""Write docs/api.md: every public name, how it is called, and the first line of its docstring.

What is public is what `otpy.__all__` names, and the `__all__` of the modules among those. A test
compares the page with what this would write, so it cannot fall behind.

    python -m tools.api_page
"""

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import otpy

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"

INTRODUCTION = """\
# Every public name

`make api` writes this page from the docstrings; `help(otpy.call)` and the like show them in full. Erlang's
`mod:fun(Args)` is `otpy.mod.fun(args)`, and only the daily verbs stand at the top. Times are seconds, as floats;
`None` waits for ever. Functions return a value or raise; callbacks return one of the results below.
"""

GROUPS = {
    "Processes": ("otpy.kernel.primitives", "otpy.kernel.runtime", "otpy.kernel.lock"),
    "Pids, messages and timers": ("otpy.kernel.pid", "otpy.kernel.messages", "otpy.kernel.timers", "otpy.kernel.calls"),
    "Exit reasons": ("otpy.kernel.reasons",),
    "Servers": ("otpy.behaviours.gen_server", "otpy.behaviours.gen", "otpy.behaviours.results"),
    "Tables": ("otpy.kernel.ets", "otpy.kernel.ets_reading"),
    "Supervisors": (
        "otpy.behaviours.supervisor",
        "otpy.behaviours.dynamic_supervisor",
        "otpy.behaviours.child_spec",
        "otpy.behaviours.children_start",
        "otpy.behaviours.tree",
    ),
    "Actors of pykka": ("otpy.kernel.actors", "otpy.kernel.futures"),
    "Upgrades": ("otpy.upgrade.conversion",),
    "Errors": ("otpy.errors",),
}
"""The facade's names, by the modules they come from; what comes from elsewhere stands in the last group."""

VALUES = {
    "KINDS": "The kinds of effects on the world that a rehearsal tells of.",
    "PRESETS": 'Policies to begin with: "advice", "standard", "strict".',
    "RULES": "The rules for sources that come with otpy, by name.",
    "VERDICTS": "What can become of a definition, from the harmless to the risky.",
    "DONE": "What a function given to `install` returns to be taken away.",
    "UNSET": "Nothing was given, where None could have been.",
}
"""Names that are neither classes nor functions, and so have no docstring of their own."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(text(), encoding="utf-8")


def text() -> str:
    """Return the page."""
    modules = [name for name in otpy.__all__ if isinstance(getattr(otpy, name), ModuleType)]
    parts = [INTRODUCTION, "## `otpy`\n"]
    parts += [
        f"### {group}\n\n{table(otpy, names)}" for group, names in grouped(set(otpy.__all__) - set(modules)).items()
    ]
    for name in modules:
        module = getattr(otpy, name)
        parts.append(f"## `otpy.{name}`\n\n{first_line(module)}\n\n{table(module, module.__all__)}")
    return "\n".join(parts)


def grouped(names: set[str]) -> dict[str, list[str]]:
    """Sort the facade's names into groups."""
    group_of = {module: group for group, modules in GROUPS.items() for module in modules}
    groups: dict[str, list[str]] = {group: [] for group in (*GROUPS, "More")}
    for name in sorted(names, key=lambda name: (name.lower(), name)):
        groups[group_of.get(home(getattr(otpy, name)), "More")].append(name)
    return {group: members for group, members in groups.items() if members}


def home(value: object) -> str:
    """Return the module that a class, a function or a value of a class comes from."""
    return str(getattr(value, "__module__", type(value).__module__))


def table(module: ModuleType, names: list[str]) -> str:
    """Return a table with a row for each name."""
    rows = [f"| `{name}{parameters(getattr(module, name))}` | {meaning(module, name)} |\n" for name in names]
    return "| name | what it is |\n| --- | --- |\n" + "".join(rows)


def parameters(value: Any) -> str:
    """Return how *value* is called, without types; nothing for a class that takes nothing, or anything."""
    if not callable(value):
        return ""
    try:
        signature = inspect.signature(value)
    except ValueError:  # an exception without an __init__ of its own
        return ""
    kept = [each.replace(annotation=each.empty, default=shown(each.default)) for each in signature.parameters.values()]
    if inspect.isclass(value) and (not kept or any(each.kind is each.VAR_POSITIONAL for each in kept)):
        return ""
    return str(signature.replace(parameters=kept, return_annotation=signature.empty))


def shown(default: Any) -> Any:
    """Return what prints as *default*: its place in memory, which many objects print, is another each time."""
    if " at 0x" not in repr(default):
        return default
    return Named(getattr(default, "__name__", f"{type(default).__name__}()"))


class Named(str):
    """A text that stands for itself, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def meaning(module: ModuleType, name: str) -> str:
    """Return what stands beside a name."""
    return (VALUES.get(name) or first_line(getattr(module, name))).replace("|", "\\|")


def first_line(value: object) -> str:
    """Return the first line of the docstring of *value*, which must have one."""
    document = inspect.getdoc(value)
    if not document:
        raise ValueError(f"{value!r} is public and has no docstring")
    return document.splitlines()[0]


if __name__ == "__main__":
    main()
