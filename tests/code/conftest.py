"""What the tests of otpy.code share: names for modules that are gone after the test."""

import linecache
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from otpy.code.history import histories
from tests.code.support import Modules, Write, named

_numbers = count(1)


@pytest.fixture
def name() -> Iterator[str]:
    """A module name that nobody has; the module and its history are gone after the test."""
    chosen = f"code_under_test_{next(_numbers)}"
    yield chosen
    forget(chosen)


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Write modules into a folder that is on the path: `on_disk("shop", source)`."""
    written: list[str] = []
    monkeypatch.syspath_prepend(tmp_path)

    def write(module: str, source: str) -> Path:
        path = tmp_path / (module.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        written.append(module)
        return path

    yield write
    for module in written:
        forget(module)


@pytest.fixture
def modules(name: str, on_disk: Write) -> Modules:
    """Write and import modules: `modules(a="x = 1", b="from $a import x")`; `$a` is the name that `a` really has."""

    def make(**sources: str) -> dict[str, ModuleType]:
        for key, source in sources.items():
            on_disk(f"{name}_{key}", named(source, name))
        return {key: __import__(f"{name}_{key}") for key in sources}

    return make


def forget(module: str) -> None:
    """Drop *module* with all that otpy knows of it."""
    file = getattr(sys.modules.pop(module, None), "__file__", None)
    if file is not None:
        linecache.cache.pop(file, None)
    histories.forget(module)
