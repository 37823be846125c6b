"""Start functions: which one is called, and what came of it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from otpy.behaviours.child_spec import MFA, Fun
from otpy.behaviours.children_start import Failed, current_version, resolve, run, start_by_name
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import Ignore, Ok, Stop
from otpy.errors import AlreadyStarted, StartTimeout
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import self_pid
from otpy.kernel.reasons import Crash, ExitProcess
from tests.behaviours.supervisor_kit import inside

OLD = """
def start(): return "old"
class Server:
    @classmethod
    def start_link(cls): return "old"
"""


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """Give a module that can be reloaded, found by its name."""
    made = ModuleType("shop_of_test")
    exec(OLD, made.__dict__)  # noqa: S102 - what loading does
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def reload(module: ModuleType) -> None:
    """Load the new version into *module*."""
    exec(OLD.replace("old", "new"), module.__dict__)  # noqa: S102 - what reloading does


@pytest.mark.parametrize("name", ["start", "Server.start_link"])
def test_a_start_by_name_runs_current_code(module: ModuleType, name: str) -> None:
    """It is looked up each time."""
    start = MFA(module.__name__, name)
    assert resolve(start)() == "old"
    reload(module)
    assert resolve(start)() == "new"


def test_a_start_by_reference_runs_current_code_too(module: ModuleType) -> None:
    """What has a name is found by it, whatever object it is now."""
    references = [module.start, module.Server.start_link, functools.partial(module.start)]
    reload(module)
    assert [resolve(Fun(each))() for each in references] == ["new", "new", "new"]


def test_a_reference_without_a_current_version_stays_itself(module: ModuleType) -> None:
    """What was deleted, replaced by something else, or never had a name."""
    start, server = module.start, module.Server.start_link
    vars(module)["start"] = "no function"
    del vars(module)["Server"]
    references: list[Callable[..., Any]] = [start, server, lambda: "old", self_pid, [1].count]
    for function in references:
        assert current_version(function) == function
    assert current_version(functools.partial(start))() == "old"


def test_a_module_that_is_not_loaded_yet_is_imported() -> None:
    """A child may be the first to use its module."""
    sys.modules.pop("this", None)
    assert resolve(MFA("colorsys", "rgb_to_hsv")).__module__ == "colorsys"


def test_a_class_method_gets_a_name_if_it_has_one(module: ModuleType) -> None:
    """A class made inside a function cannot be found by name."""

    class Local(GenServer[None]):
        """Made in here."""

    local = Local.start_link
    assert start_by_name(module.Server.start_link, (1,), {"x": 2}) == MFA(
        "shop_of_test", "Server.start_link", (1,), {"x": 2}
    )
    assert start_by_name(local, (1,)) == Fun(local, (1,))


class Picky(GenServer[None]):
    """Its argument is the result of its init, or the error that it raises."""

    def init(self, arg: Any) -> Any:
        """Return or raise the argument."""
        if isinstance(arg, BaseException):
            raise arg
        return arg


@inside
def test_what_comes_of_a_start() -> None:
    """A pid, a pid with info, nothing, or a failure with its reason."""
    boom = ValueError("boom")
    me = self_pid()

    def outcome(function: Any, *args: Any) -> Any:
        return run(Fun(function), args)

    def leave(error: BaseException) -> None:
        raise error

    assert isinstance(outcome(Picky.start, Ok(None)), Pid)
    assert outcome(Picky.start, Ignore()) is None
    assert outcome(Picky.start, Stop("why")) == Failed("why")
    assert outcome(Picky.start, boom) == Failed(Crash(boom))
    assert outcome(lambda: (me, "info")) == (me, "info")
    assert outcome(lambda: None) == Failed(None)
    assert outcome(lambda: (me, "in", "fo")) == Failed((me, "in", "fo"))
    assert outcome(leave, boom) == Failed(Crash(boom))
    assert outcome(leave, ExitProcess("gone")) == Failed("gone")
    assert isinstance(outcome(leave, SystemExit(1)).reason, Crash)
    already, late = AlreadyStarted(me), StartTimeout(1.0)
    assert outcome(leave, already) == Failed(already)
    assert outcome(leave, late) == Failed(late)
    assert isinstance(run(MFA("no_such_module", "f"), ()), Failed)
    assert isinstance(run(MFA("sys", "no.such.function"), ()), Failed)
