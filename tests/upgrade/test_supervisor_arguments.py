"""What a supervisor keeps for later starts, brought to the new classes of an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from otpy.behaviours import dynamic_supervisor, supervisor, sys
from otpy.behaviours.child_spec import ChildSpec, SupFlags
from otpy.behaviours.children_start import MFA
from otpy.behaviours.children_state import Children
from otpy.behaviours.dynamic_supervisor import DynamicSupervisor
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.migrations import Migration
from otpy.behaviours.results import Ok
from otpy.behaviours.supervisor import Supervisor
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import self_pid
from otpy.upgrade.children import brought_along
from tests.behaviours.supervisor_kit import inside


@dataclass(frozen=True)
class Old:
    """Version 1 of a configuration."""

    port: int


@dataclass(frozen=True)
class New:
    """Version 2 of it."""

    port: int
    host: str = "localhost"


class Worker(GenServer[Any]):
    """Started with a configuration."""

    def init(self, arg: Any) -> Ok[Any]:
        """Keep it."""
        return Ok(arg)


class Tree(Supervisor):
    """Has children as it is told."""

    def init(self, arg: Any) -> Any:
        """Return them."""
        return arg[0], arg[1]


def _spec(config: Any, **fields: Any) -> ChildSpec:
    return ChildSpec(config.port, MFA(__name__, "Worker.start_link", (config,)), **fields)


def _ordered() -> Pid:
    top = Tree.start_link(
        (SupFlags(auto_shutdown="any_significant"), [_spec(Old(1), restart="transient", significant=True)])
    )
    supervisor.start_child(top, _spec(Old(2)))
    return top


def _template() -> Pid:
    top = Tree.start_link((SupFlags("simple_one_for_one"), [_spec(Old(1))]))
    supervisor.start_child(top)
    return top


def _dynamic() -> Pid:
    top = DynamicSupervisor.start_link(extra_arguments=[])
    dynamic_supervisor.start_child(top, _spec(Old(1)))
    return top


def _state(top: Pid) -> Children:
    found = sys.get_state(top)
    assert isinstance(found, Children)
    return found


def _started_with(state: Children) -> set[Any]:
    """Return what the children will be started with, and `init` with it."""
    starts: list[Any] = [row.spec.start for row in state.rows()]
    of_children = {start.args[0] for start in starts}
    return of_children | {child.args[0] for child in state.running.values() if child.args}


@pytest.mark.parametrize("make", [_ordered, _template, _dynamic])
@inside
def test_what_is_kept_for_later_starts_is_of_the_new_classes(make: Callable[[], Pid]) -> None:
    """The processes stay, the original stays as it was, and what is clean already is not copied."""
    state = _state(make())
    before = _started_with(state)
    made = brought_along(state, Migration({Old: New}))
    assert {type(config) for config in before} == {Old} == {type(config) for config in _started_with(state)}
    assert _started_with(made) == {New(config.port) for config in before}
    assert [row.child for row in made.rows()] == [row.child for row in state.rows()]
    assert made.running.keys() == state.running.keys()
    assert all(child in set(made.running.values()) for child in made.significant)
    assert len(made.significant) == len(state.significant)
    assert brought_along(made, Migration({Old: New})) is made


@inside
def test_the_state_of_anybody_else_is_left_alone() -> None:
    """It is migrated elsewhere."""
    state = [Old(1), self_pid()]
    assert brought_along(state, Migration({Old: New})) is state
