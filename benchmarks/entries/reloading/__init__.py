"""Reloaders of modules beside otpy's upgrade: the same files, the same edits, the same clock for all.

A reloader gets each edit as a file, as from an editor. The clock runs from then on until a function of the module that
was edited gives the new answer.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, final

from benchmarks.values import Contest, Figure

LINES: Final = 300
"""Lines of the module that is edited."""
DEPENDENTS: Final = 100
"""Modules that import a constant of it and derive a value."""

_FUNCTION: Final = '''\
def work_{index}(amount, rate=RATE, *, label="work {index}"):
    """Return what part {index} makes of it."""
    total = 0
    for step in range(amount):
        if step % 2:
            total += step * rate
        else:
            total -= step
    return label, total


'''
_CLASS: Final = '''\
class Part{index}:
    """Keeps the books of part {index}."""

    limit = {index}

    def __init__(self, owner):
        self.owner = owner
        self.entries = []

    def enter(self, entry):
        """Enter it, unless there is no more room."""
        if len(self.entries) < self.limit:
            self.entries.append(entry)

    def report(self):
        return self.owner, len(self.entries)


'''
_DEPENDENT: Final = "from edited_base import RATE\n\nDOUBLE = RATE * 2\n\n\ndef shown():\n    return DOUBLE\n"


@final
@dataclass(frozen=True, slots=True)
class Reloader:
    """How a reloader is used: `own` once after the import, with all names, and `written` after each edit of the first.

    `told_of_dependents`: whether it has to be told whom an edit concerns, and is given the names of all of them.
    """

    own: Callable[[list[str]], Any]
    written: Callable[[Any, list[str]], None]
    told_of_dependents: bool = False


def contests(reloader: Reloader) -> Mapping[str, Contest]:
    """The contests of *reloader*."""
    return {
        "reload": lambda size: _bodies(reloader, size, distinct=True),
        "reload-cached": lambda size: _bodies(reloader, size, distinct=False),
        "dependents": lambda size: _dependents(reloader, size),
    }


def _text(answer: int, *, rate: int = 1) -> str:
    """The module of 300 lines; *answer* is in the body of one of its functions."""
    head = f'"""Edited again and again."""\n\nimport functools\nimport itertools\n\nRATE = {rate}\n\n\n'
    text = head + f"def answer():\n    return {answer}\n\n\n"
    index = 0
    while text.count("\n") < LINES:
        text += (_CLASS if index % 3 == 0 else _FUNCTION).format(index=index)
        index += 1
    return text


def _bodies(reloader: Reloader, size: int, *, distinct: bool) -> Figure:
    """Edit one body *size* times; each text is new (*distinct*), or one of two that have been loaded before."""
    times: list[float] = []
    with _imported({"edited_base": _text(0)}) as files:
        base: Any = sys.modules["edited_base"]
        state = reloader.own(["edited_base"])
        for turn in range(1, 3 + size):
            answer = turn if distinct else turn % 2
            begun = _write(files["edited_base"], _text(answer))
            reloader.written(state, ["edited_base"])
            if base.answer() != answer:
                raise AssertionError(f"answers {base.answer()}, not {answer}")
            times.append(time.perf_counter() - begun)
    return Figure(median(times[2:]) * 1e3)


def _dependents(reloader: Reloader, size: int) -> Figure:
    """Edit a constant that 100 modules import and derive from. Beside the time: how many still show the old value."""
    names = [f"edited_user_{index}" for index in range(DEPENDENTS)]
    times: list[float] = []
    behind = 0
    with _imported({"edited_base": _text(0), **dict.fromkeys(names, _DEPENDENT)}) as files:
        users: list[Any] = [sys.modules[name] for name in names]
        edited = ["edited_base", *names] if reloader.told_of_dependents else ["edited_base"]
        state = reloader.own(["edited_base", *names])
        for turn in range(1, 2 + size):
            begun = _write(files["edited_base"], _text(0, rate=turn + 1))
            reloader.written(state, edited)
            times.append(time.perf_counter() - begun)
            behind = sum(user.shown() != (turn + 1) * 2 for user in users)
    return Figure(median(times[1:]) * 1e3, {"dependents left behind": behind})


def _write(path: Path, text: str) -> float:
    """Write an edit; returns when it was there."""
    path.write_text(text, encoding="utf-8")
    return time.perf_counter()


@contextmanager
def _imported(sources: Mapping[str, str]) -> Generator[Mapping[str, Path]]:
    """Import modules from files of their own. No byte code is written: its time stamps tell edits apart by seconds."""
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory(prefix="otpy-bench-") as folder:
        files = {name: Path(folder, f"{name}.py") for name in sources}
        for name, path in files.items():
            path.write_text(sources[name], encoding="utf-8")
        sys.path.insert(0, folder)
        for name in sources:
            importlib.import_module(name)
        yield files
