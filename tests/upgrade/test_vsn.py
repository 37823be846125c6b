"""The version of a process is that of its state: what converted it last. Modules without a `__vsn__` have a hash."""

from __future__ import annotations

import sys
from typing import Any

import otpy
from otpy import code, upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source

FIRST = source("""
    import otpy

    class Counter(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([])

        def handle_call(self, request, from_, state):
            return otpy.Reply((1, state), state)
""")
CONVERTS = """
    def code_change(self, old_vsn, state, extra):
        return otpy.Ok([*state, old_vsn])
"""


def vsn_of(pid: otpy.Pid) -> Any:
    """Return the version of the state of *pid*."""
    info = otpy.process_info(pid)
    assert info is not None
    return info.vsn


@inside
def test_an_edit_of_bodies_leaves_the_version_of_states(module: Make) -> None:
    """Nobody was converted; so the next `code_change` hears from which version the state is, not the code."""
    old = module("m_hashed", FIRST).Counter.start()
    upgrade.reload_module("m_hashed", FIRST + CONVERTS)
    converted = otpy.code.vsn("m_hashed")
    assert vsn_of(old) == converted
    upgrade.reload_module("m_hashed", (FIRST + CONVERTS).replace("(1, state)", "(2, state)"))
    edited = otpy.code.vsn("m_hashed")
    assert edited != converted
    assert vsn_of(old) == converted
    new = sys.modules["m_hashed"].Counter.start()
    upgrade.reload_module("m_hashed", (FIRST + CONVERTS).replace("(1, state)", "(3, state)") + "\nLIMIT = 1\n")
    assert otpy.call(old, "?")[1][-1] == converted
    assert otpy.call(new, "?")[1] == [edited]
    assert vsn_of(old) == vsn_of(new) == otpy.code.vsn("m_hashed")


@inside
def test_going_back_over_an_edit_of_bodies_names_the_version_that_is_gone_to(module: Make) -> None:
    """`DownTo` has it, and the states are of it afterwards."""
    pid = module("m_hashed", FIRST).Counter.start()
    edited = FIRST.replace("(1, state)", "(2, state)")
    upgrade.reload_module("m_hashed", edited)
    target = otpy.code.vsn("m_hashed")
    upgrade.reload_module("m_hashed", edited + CONVERTS)
    plan = upgrade.plan({"m_hashed": edited})
    assert [(each.new_vsn, plan.pausing) for each in plan.modules] == [(target, 1)]
    upgrade.rollback_module("m_hashed")
    assert otpy.call(pid, "?") == (2, [target, otpy.DownTo(target)])
    assert vsn_of(pid) == target


@inside
def test_versions_are_numbered_one_after_the_other(module: Make) -> None:
    """The number is in the name under which tracebacks show a version: none is left out."""
    module("m_counter", V1)
    upgrade.reload_module("m_counter", V2)
    upgrade.reload_module("m_counter", V2.replace('"2"', '"3"'))
    assert [version.number for version in code.versions("m_counter")] == [1, 2, 3]
