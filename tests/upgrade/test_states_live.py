"""Every kind of object that a state may have, upgraded inside living actors.

The same kinds as in tests/behaviours/test_migrations.py, where the migration is looked at alone. Here each is in the
state of a server, in a message that waits, in one on a timer, and in a row of a table, while the module is upgraded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import otpy
from otpy import code, upgrade
from otpy.code.history import histories
from tests.behaviours.migration_kit import PRELUDE, everything
from tests.behaviours.test_migrations import KINDS, Kind
from tests.support import HandClock

SERVER = """
import otpy
class Keeper(otpy.GenServer):
    def init(self, arg):
        table = otpy.Table("kinds rows")
        table.insert((1, arg["row"]))
        return otpy.Ok({"kept": arg["kept"], "table": table, "got": []})
    def handle_cast(self, request, state):
        state["got"].append(request)
        return otpy.NoReply(state)
    handle_info = handle_cast
    def handle_call(self, request, from_, state):
        return otpy.Reply(state, state)
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Leave no module behind."""
    yield
    sys.modules.pop("kinds", None)
    histories.forget("kinds")


def old_source(kind: Kind) -> str:
    """Return the module in version 1."""
    return f"__vsn__ = 1\n{PRELUDE}{kind.old}{SERVER}"


def new_source(kind: Kind) -> str:
    """Return the module in version 2: a kind whose text stays gets a method more in each class, and other functions."""
    text = kind.new
    if text == kind.old:
        text = re.sub(r"(?m)^(class .*:\n)", r"\1    def more(self): return 1\n", text)
        text = text.replace("def f():", "def f(_=0):")
    return f"__vsn__ = 2\n{PRELUDE}{text}{SERVER}"


def strangers(root: object, module: ModuleType) -> list[object]:
    """Return what can be reached from *root* and is of a class that the module does not have (any more)."""
    found = []
    for thing in everything(root):
        cls: Any = thing if isinstance(thing, type) else type(thing)
        if cls.__module__ == "kinds":
            named: Any = module
            for name in cls.__qualname__.split("."):
                named = getattr(named, name, None)
            if named is not cls:
                found.append(thing)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kind_is_migrated_in_a_living_actor(kind: Kind) -> None:
    """In the state, in the mailbox, on a timer and in a table: all are of the new version when they are met."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        code.load(old_source(kind), name="kinds")
        module: Any = sys.modules["kinds"]
        pid = module.Keeper.start({"kept": kind.make(module), "row": kind.make(module)})
        otpy.sys.suspend(pid)
        otpy.cast(pid, kind.make(module))
        otpy.send_after(pid, kind.make(module), 60.0)

        upgrade.reload_module("kinds", new_source(kind))

        otpy.sys.resume(pid)
        clock.advance(61.0, runtime)
        state = otpy.call(pid, "state", timeout=None)
        values = [state["kept"], *state["got"], state["table"].lookup(1)[0][1]]
        assert len(values) == 4
        for value in values:
            assert kind.check(value, module)
            assert strangers(value, module) == []
        assert otpy.is_alive(pid)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kind_is_as_before_when_the_upgrade_is_taken_back(kind: Kind) -> None:
    """After the last step, all of it is undone: the very objects, in the state, the message, the timer and the row."""
    clock = HandClock()
    with otpy.runtime(clock=clock) as runtime:
        code.load(old_source(kind), name="kinds")
        module: Any = sys.modules["kinds"]
        kept, row, cast, timed = (kind.make(module) for _ in range(4))
        pid = module.Keeper.start({"kept": kept, "row": row})
        otpy.sys.suspend(pid)
        otpy.cast(pid, cast)
        otpy.send_after(pid, timed, 60.0)
        table = otpy.sys.get_state(pid)["table"]

        with pytest.raises(otpy.UpgradeError):
            upgrade.reload_module("kinds", new_source(kind), force_rollback_at="children")

        assert table.lookup(1)[0][1] is row
        otpy.sys.resume(pid)
        clock.advance(61.0, runtime)
        state = otpy.call(pid, "state", timeout=None)
        assert state["kept"] is kept
        assert [id(value) for value in state["got"]] == [id(cast), id(timed)]
        assert strangers([kept, row, cast, timed], module) == []
