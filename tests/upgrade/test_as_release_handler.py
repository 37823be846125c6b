"""What OTP's release_handler promises of upgrades, where no other test has it: supervisors, versions, many modules."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy import code, supervisor, upgrade
from otpy.code.history import histories
from otpy.store import open_store
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source

NAME = "m_released"

TREE = source("""
    import otpy
    from otpy import SupFlags

    class Child(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply((1, state), state)

    class Top(otpy.Supervisor):
        def init(self, arg):
            return SupFlags("one_for_one", 10), [Child.child_spec(n, id=n) for n in "abc"]
""")
UNCHANGED = "        return otpy.Ok(state)\n"
V3 = V2[: V2.index("        match old_vsn")].replace('"2"', '"3"').replace('"v2"', '"v3"') + UNCHANGED
CHILDREN = 'SupFlags("one_for_one", 10), [Child.child_spec(n, id=n) for n in "abc"]'


def with_init(result: str) -> str:
    """Return the version of TREE whose supervisor's init returns *result*."""
    return TREE.replace(CHILDREN, result)


def children(top: otpy.Pid) -> dict[Any, Any]:
    """Return the children by id, in start order."""
    return {info.id: info.child for info in reversed(supervisor.which_children(top))}


def kill(pid: otpy.Pid) -> None:
    """Kill it and wait until it is dead."""
    ref = otpy.monitor(pid)
    otpy.exit(pid, otpy.Kill())
    otpy.receive(lambda message: isinstance(message, otpy.Down) and message.ref is ref, timeout=20)


# -- supervisors -----------------------------------------------------------------------------------


# case: release_handler_SUITE: upgrade_supervisor
@inside
def test_a_running_supervisor_gets_another_strategy_and_other_specs(module: Make) -> None:
    """Its children go on, and what happens to them then is what the new version says; going back, the old one."""
    top = module(NAME, TREE).Top.start_link()
    before = children(top)
    upgrade.reload_module(
        NAME, with_init('SupFlags("one_for_all", 10), [Child.child_spec(n, id=n, shutdown=7.0) for n in "abc"]')
    )
    assert children(top) == before
    assert {supervisor.get_childspec(top, name).shutdown for name in "abc"} == {7.0}
    kill(before["b"])
    after = children(top)
    assert not set(after.values()) & set(before.values())
    upgrade.rollback_module(NAME)
    kill(after["b"])
    last = children(top)
    assert (last["a"], last["c"]) == (after["a"], after["c"])
    assert supervisor.get_childspec(top, "a").shutdown == 5.0


# case: release_handler_SUITE: upgrade_supervisor_fail
@pytest.mark.parametrize(
    ("result", "said"),
    [
        ('SupFlags("one_for_one", 10), [Child.child_spec("a", id="a", shutdown="soon")]', "shutdown is 'soon'"),
        ('SupFlags("one_for_none"), []', "strategy is 'one_for_none'"),
        ('"junk"', "junk"),
    ],
)
@inside
def test_a_supervisor_that_asks_for_what_cannot_be_makes_the_whole_upgrade_go_back(
    module: Make, result: str, said: str
) -> None:
    """The other module of it too; nobody has noticed."""
    top = module(NAME, TREE).Top.start_link()
    counter = module("m_other", V1).Counter.start(1)
    before, flags = children(top), otpy.sys.get_status(top)["state"]
    with pytest.raises(otpy.UpgradeError) as failed:
        upgrade.reload_modules({"m_other": V2, NAME: with_init(result)})
    assert said in str(failed.value)
    assert children(top) == before
    assert otpy.sys.get_status(top)["state"] == flags
    assert otpy.call(counter, "n") == ("v1", 1)
    assert code.versions(NAME)[-1].number == 1


# case: release_handler_SUITE: supervisor_which_children_timeout
@inside
def test_a_suspended_supervisor_hinders_no_upgrade(module: Make) -> None:
    """Processes are found by their classes: nobody is asked who its children are. It stays suspended."""
    top = module(NAME, TREE).Top.start_link()
    found = children(top)
    otpy.sys.suspend(top)
    upgrade.reload_module(NAME, TREE.replace("(1, state)", "(2, state)"), timeout=20.0)
    assert [otpy.call(pid, "hello") for pid in found.values()] == [(2, "a"), (2, "b"), (2, "c")]
    assert otpy.sys.get_status(top)["status"] == "suspended"
    otpy.sys.resume(top)
    assert children(top) == found


# -- versions --------------------------------------------------------------------------------------


# case: release_handler_SUITE: otp_2740
@pytest.mark.parametrize("vsn", ["7", "(1, 2)", "('a', ('b', None))", "'text'", "1.5", "True"])
@inside
def test_a_version_may_be_any_value_that_can_be_a_key(module: Make, vsn: str) -> None:
    """`code_change` gets it as it is, and so does who asks; the history has it as text."""
    value = eval(vsn)  # noqa: S307 - one of those above
    pid = module(NAME, V1.replace('"1"', vsn)).Counter.start(1)
    assert code.vsn(NAME) == value
    upgrade.reload_module(NAME, V2.replace('(state["n"], state["seen"])', '(state["n"], [old_vsn])'))
    assert otpy.call(pid, "seen") == [value]
    assert upgrade.history(NAME)[-1].from_version == {NAME: str(value)}


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Any]:
    """Have upgrades recorded in a store on the disk."""
    store = open_store(f"sqlite:///{tmp_path / 'otpy.db'}")
    before = upgrade.use_store(store)
    yield store
    upgrade.use_store(before)
    store.close()


# case: release_handler_SUITE: upgrade
# case: release_handler_SUITE: release_handler_which_releases
def test_versions_are_installed_gone_back_from_and_made_permanent(module: Make, stored: Any) -> None:
    """What is not permanent is gone with the node; what was gone back from is in the history, with how it ended."""

    @inside
    def check() -> None:
        pid = module(NAME, V1).Counter.start(1)
        upgrade.reload_module(NAME, V2)
        assert otpy.call(pid, "n") == ("v2", 1)
        assert stored.permanent_versions() == {}
        upgrade.rollback_module(NAME)
        assert otpy.call(pid, "n") == ("v1", 1)
        upgrade.reload_module(NAME, V2)
        assert [each.vsn for each in upgrade.make_permanent()] == ["2"]
        upgrade.reload_module(NAME, V3)
        assert otpy.call(pid, "n") == ("v3", 1)
        assert [each.vsn for each in stored.permanent_versions().values()] == ["2"]
        upgrade.rollback_module(NAME)
        assert otpy.call(pid, "n") == ("v2", 1)
        assert [(record.from_version[NAME], record.to_version[NAME]) for record in upgrade.history(NAME)] == [
            ("1", "2"),
            ("2", "1"),
            ("1", "2"),
            ("2", "3"),
            ("3", "2"),
        ]

    check()


# -- modules ---------------------------------------------------------------------------------------


# case: code_SUITE: on_load_purge
@inside
def test_a_module_that_would_start_processes_while_it_loads_is_refused_before(module: Make) -> None:
    """So one that then fails leaves nobody behind who runs its code."""
    module(NAME, "x = 1\n")
    before = otpy.processes()
    with pytest.raises(otpy.UnsafeCode, match=r"otpy\.spawn runs when the module is imported"):
        upgrade.reload_module(NAME, "import otpy\ndef loop(): otpy.receive()\nP = otpy.spawn(loop)\n1 / 0\n")
    assert otpy.processes() == before


# case: release_handler_SUITE: otp_9395_update_many_mods
# case: release_handler_SUITE: otp_9395_check_old_code
@inside
def test_an_upgrade_of_many_modules_costs_what_their_number_says(module: Make) -> None:
    """Eight times as many take no more than 24 times as long; a look who runs old code of one, not even four times."""

    def seconds(number: int, version: int) -> tuple[float, float]:
        names = [f"m_many_{number}_{each}" for each in range(number)]
        for name in names:
            if name not in sys.modules:
                module(name, "def value():\n    return 0\n")
        begun = time.process_time()
        upgrade.reload_modules(dict.fromkeys(names, f"def value():\n    return {version}\n"), rehearse=False)
        upgraded = time.process_time()
        assert {sys.modules[name].value() for name in names} == {version}
        looked = time.process_time()
        assert code.soft_purge(names[0])
        return upgraded - begun, time.process_time() - looked

    few = [min(times) for times in zip(*(seconds(15, version) for version in (1, 2, 3)), strict=True)]
    many = [min(times) for times in zip(*(seconds(120, version) for version in (1, 2, 3)), strict=True)]
    assert many[0] < 24 * few[0]
    assert many[1] < 4 * few[1]


# case: release_handler_SUITE: unicode_upgrade
@inside
def test_names_and_paths_need_not_be_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: Callable[[str], None]
) -> None:
    """Of folders, modules, classes, attributes and versions."""
    folder = tmp_path / "größen ✓"
    folder.mkdir()
    file = folder / "zählwerk.py"
    text = V1.replace("Counter", "Zähler").replace('"n"', '"größe"').replace('"1"', '"ä"')
    file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    forget("zählwerk")
    pid = __import__("zählwerk").Zähler.start(1)
    newer = V2.replace("Counter", "Zähler").replace('state["n"]', 'state["größe"]').replace('"2"', '"ö"')
    file.write_text(newer, encoding="utf-8")
    report = upgrade.release(folder)
    assert otpy.call(pid, "n") == ("v2", 1)
    assert report.version == {"zählwerk": "ö"}
    assert code.which("zählwerk") == str(file)


@pytest.fixture
def forget() -> Iterator[Callable[[str], None]]:
    """Return what has a module forgotten after the test."""
    names: list[str] = []
    yield names.append
    for name in names:
        sys.modules.pop(name, None)
        histories.forget(name)
