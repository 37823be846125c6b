"""Texts that do not depend on each other are compiled at once where threads run at once, with the same outcome."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from otpy.code import compiler
from otpy.code.version import read_version
from otpy.errors import CompilationFailed
from otpy.upgrade import preparation
from tests.support import DEADLINE

MANY = {f"at_once_{n}": f"def answer():\n    return {n}\n" for n in range(20)}


def test_threads_that_would_only_wait_in_turns_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter's lock there is one; without it, as many as there are cores."""
    monkeypatch.setattr("sys._is_gil_enabled", lambda: True, raising=False)
    assert compiler.threads() == 1
    monkeypatch.setattr("sys._is_gil_enabled", lambda: False, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert compiler.threads() == 6


def test_independent_texts_are_read_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four readers meet, which one after the other never would."""
    meeting, meet = threading.Barrier(4), set(list(MANY)[:4])

    def reading(name: str, *rest: Any, **more: Any) -> Any:
        if name in meet:
            meeting.wait(DEADLINE)
        return read_version(name, *rest, **more)

    alone = preparation.compiled(MANY, {})
    monkeypatch.setattr(compiler, "threads", lambda: 4)
    monkeypatch.setattr("otpy.upgrade.preparation.read_version", reading)
    together = preparation.compiled(MANY, {})
    assert list(together) == list(MANY)
    assert [version.parsed for version in together.values()] == [version.parsed for version in alone.values()]


def test_of_several_that_fail_the_first_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread is first to find something."""
    monkeypatch.setattr(compiler, "threads", lambda: 4)
    broken = {name: text.replace(":", "") if name[-1] in "357" else text for name, text in MANY.items()}
    with pytest.raises(CompilationFailed, match=r"at_once_3"):
        preparation.compiled(broken, {})
