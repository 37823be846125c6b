"""The limits of a policy bind every way to go forward; the way back is always open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.safety import Policy
from otpy.upgrade import WatchPolicy, transaction
from otpy.upgrade.engine import engine
from otpy.upgrade.options import Options
from tests.support import eventually, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2

NAME = "m_counter"


@pytest.fixture
def policy() -> Iterator[Callable[..., None]]:
    """Return what sets the policy of this node, until the test has ended."""
    before = engine.policy

    def limit(**limits: Any) -> None:
        upgrade.set_safety_policy(Policy(**limits))

    yield limit
    upgrade.set_safety_policy(before)


def _as_it_is(_old: Any, state: Any) -> Any:
    return state


def _release(name: str, text: str, folder: Path) -> object:
    (folder / f"{name}.py").write_text(text)
    return upgrade.release(folder)


WAYS: dict[str, Callable[[str, str, Path], object]] = {
    "one module": lambda name, text, _: upgrade.reload_module(name, text),
    "several modules": lambda name, text, _: upgrade.reload_modules({name: text}),
    "danger is allowed": lambda name, text, _: upgrade.reload_module(name, text, allow_dangerous=True),
    "one group after the other": lambda name, text, _: upgrade.reload_module(name, text, strategy="rolling"),
    "a dry run": lambda name, text, _: upgrade.reload_module(name, text, dry_run=True),
    "options that no plan can keep": lambda name, text, _: upgrade.reload_module(
        name, text, extra=object(), state=_as_it_is
    ),
    "a release": _release,
    "files that were saved": lambda name, text, _: engine.upgrade({name: text}, Options(trigger="files")),
}


@pytest.mark.parametrize("way", WAYS)
@inside
def test_a_protected_module_is_not_upgraded(
    module: Make, policy: Callable[..., None], tmp_path: Path, way: str
) -> None:
    """Whoever asks, and however: nothing was touched, and the history tells who tried."""
    counter = module(NAME, V1)
    pid, names = counter.Counter.start(1), dict(vars(counter))
    policy(protected_modules=("m_*",))
    with pytest.raises(otpy.PlanRefused, match="protected_modules: the plan changes m_counter") as refused:
        WAYS[way](NAME, V2, tmp_path)
    assert dict(vars(counter)) == names
    assert otpy.call(pid, "n") == ("v1", 1)
    assert refused.value.report.status == "rolled_back"
    assert not refused.value.report.affected_processes
    if way != "a dry run":
        assert upgrade.history(NAME)[-1].error_class == "PlanRefused"


LIMITS: dict[str, dict[str, Any]] = {
    "max_pause_s": {"max_pause_s": 0.0},
    "riskiest_verdict": {"riskiest_verdict": "body"},
    "max_risk": {"max_risk": "low"},
}


@pytest.mark.parametrize("name", LIMITS)
@inside
def test_every_limit_binds_a_reload(module: Make, policy: Callable[..., None], name: str) -> None:
    """Each by itself, told by its name; an edit within it goes through."""
    pid = module(NAME, V1 + "X = 1\n").Counter.start(1)
    policy(**LIMITS[name])
    with pytest.raises(otpy.PlanRefused, match=name) as refused:
        upgrade.reload_module(NAME, V2 + "X = 2\n")
    assert [limit.name for limit in refused.value.limits] == [name] * len(refused.value.limits)
    upgrade.reload_module(NAME, V1.replace('("v1", state', '("edited", state') + "X = 1\n")
    assert otpy.call(pid, "n") == ("edited", 1)


@inside
def test_a_plan_says_which_limits_it_passes(module: Make, policy: Callable[..., None]) -> None:
    """So `otpy plan` tells what `otpy upgrade` would refuse."""
    module(NAME, V1)
    policy(protected_modules=(NAME,))
    made = upgrade.plan({NAME: V2})
    assert made.refused
    assert "protected_modules: the plan changes m_counter" in str(made)


@inside
def test_going_back_is_always_allowed(module: Make, policy: Callable[..., None]) -> None:
    """A limit that is set afterwards, or that a busy node passes, must not hold anybody on a bad version."""
    counter = module(NAME, V1)
    pid = counter.Counter.start(1)
    upgrade.reload_module(NAME, V2)
    policy(protected_modules=("*",), max_pause_s=0.0, riskiest_verdict="unchanged", max_risk="none")
    upgrade.rollback_module(NAME)
    assert otpy.call(pid, "n") == ("v1", 1)
    with pytest.raises(otpy.PlanRefused):
        upgrade.rollback_module(NAME, "2")  # forth again is an upgrade


@inside
def test_taking_back_the_last_upgrade_is_always_allowed(module: Make, policy: Callable[..., None]) -> None:
    """As going back with one module is."""
    pid = module(NAME, V1).Counter.start(1)
    upgrade.reload_module(NAME, V2)
    policy(protected_modules=("*",))
    upgrade.rollback()
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_the_watch_goes_back_whatever_the_limits(module: Make, policy: Callable[..., None]) -> None:
    """It goes back because processes crash."""
    counter = module(NAME, V1)
    first, second = (counter.Counter.start(n) for n in range(2))
    crashing = V1.replace('"1"', '"2"').replace('("v1", state["n"])', "1 / 0")
    upgrade.reload_module(NAME, crashing, watch=WatchPolicy(window=30, max_crashes=0))
    policy(protected_modules=("*",), max_risk="none")
    with pytest.raises(otpy.ServerExited):
        otpy.call(first, "n")
    eventually(lambda: otpy.code.vsn(NAME) == "1")
    assert otpy.call(second, "n") == ("v1", 1)


@inside
def test_a_reload_of_the_same_source_passes_all_limits(module: Make, policy: Callable[..., None]) -> None:
    """It changes nothing; `runtime(reload_every=n)` does it all the time."""
    pid = module(NAME, V1).Counter.start(1)
    policy(protected_modules=("*",), riskiest_verdict="unchanged", max_risk="none")
    upgrade.reload_module(NAME, V1, identity=True)
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_without_limits_nobody_makes_a_plan(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan needs the graph of the whole program, which an upgrade does without."""

    def made(*_args: object, **_more: object) -> object:
        raise AssertionError

    pid = module(NAME, V1).Counter.start(1)
    monkeypatch.setattr(transaction, "plan_for", made)
    upgrade.reload_module(NAME, V2)
    assert otpy.call(pid, "n") == ("v2", 1)
