"""Instances of replaced classes outside processes are told of, and no others."""

from __future__ import annotations

from otpy import call, upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

V1 = source("""
    from dataclasses import dataclass
    import otpy

    @dataclass(slots=True)
    class Point:
        x: int = 1

    class Points(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([Point(), Point()])

        def handle_call(self, request, from_, state):
            return otpy.Reply([str(point) for point in state], state)
""")
V2 = V1.replace("x: int = 1", "x: int = 1\n    y: int = 2")


@inside
def test_what_processes_held_is_no_stray(module: Make) -> None:
    """Their instances are of the new class; those of before are gone, and nobody is to look for them."""
    pid = module("m_strays", V1).Points.start()
    report = upgrade.reload_module("m_strays", V2)
    assert call(pid, "all") == ["Point(x=1, y=2)"] * 2
    assert report.warnings == ()


HASHED = source("""
    import otpy

    class Key:
        def __hash__(self):
            return 1

        def other(self):
            return 1
""")


@inside
def test_another_hash_is_warned_of(module: Make) -> None:
    """What is kept by it may not be found any more, and nothing else would tell."""
    module("m_hashed", HASHED)
    report = upgrade.reload_module(
        "m_hashed", HASHED.replace("other(self):\n        return 1", "other(self):\n        return 2")
    )
    assert report.warnings == ()
    report = upgrade.reload_module("m_hashed", HASHED.replace("return 1", "return 2"))
    assert [warning.partition(" has")[0] for warning in report.warnings] == ["m_hashed.Key.__hash__"]


@inside
def test_what_nobody_could_migrate_is_counted(module: Make) -> None:
    """A global has it, so it stays of the old class, and the report says so."""
    made = module("m_strays", V1)
    made.Points.start()
    stray = made.Point()
    report = upgrade.reload_module("m_strays", V2)
    assert not isinstance(stray, made.Point)
    assert [warning.partition(" of the old")[0] for warning in report.warnings] == ["1 instance"]
