"""Applications: loading, starting in order, what their end means, stopping, environment.

What Erlang does in such scenarios is recorded in tests/oracle/applications; these tests say the rules one by one.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy import application
from otpy.kernel.runtime import Runtime
from tests.behaviours.application_kit import Log, end, make, running, top
from tests.support import Echo, Listener, down, eventually, eventually_outside, inside

TYPES = ("permanent", "transient", "temporary")


# -- starting --------------------------------------------------------------------------------------


@inside
def test_start_gives_the_arguments_and_returns_when_the_tree_is_up() -> None:
    """Whoever goes on after a start may use what was started."""
    log: Log = []
    application.start(make("shop", log, args=["an", "argument"]))
    assert log == [("shop", "start", "normal", ["an", "argument"])]
    assert otpy.whereis("shop") is not None
    assert running() == ["shop"]


@inside
def test_a_dependency_that_is_not_started_refuses_the_start() -> None:
    """Nothing is started behind the caller's back, as in OTP."""
    log: Log = []
    shop = make("shop", log, applications=(make("db", log),))
    with pytest.raises(otpy.ApplicationNotStarted, match="'db' is not started, which 'shop' depends on") as refused:
        application.start(shop)
    assert (refused.value.application, refused.value.dependent) == ("db", "shop")
    assert log == []


@inside
def test_ensure_all_started_starts_dependencies_first_and_each_once() -> None:
    """In the order in which they are named, each after its own."""
    log: Log = []
    base = make("base", log)
    db, cache = make("db", log, applications=(base,)), make("cache", log, applications=(base,))
    shop = make("shop", log, applications=(db, cache))
    assert application.ensure_all_started(shop) == ["base", "db", "cache", "shop"]
    assert [entry[0] for entry in log] == ["base", "db", "cache", "shop"]
    assert running() == ["shop", "cache", "db", "base"]
    assert application.ensure_all_started([shop, "db"]) == []


@inside
def test_what_ensure_all_started_has_started_is_stopped_if_one_fails() -> None:
    """The last first; what ran before stays."""
    log: Log = []

    def failing(_args: object) -> Any:
        raise ValueError

    base = make("base", log)
    application.start(base)
    db = make("db", log, applications=(base,))
    shop = make("shop", log, failing, applications=(db, make("cache", log)))
    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.ensure_all_started(shop)
    assert failed.value.application == "shop"
    assert [entry[:2] for entry in log if entry[1] == "stop"] == [("cache", "stop"), ("db", "stop")]
    assert running() == ["base"]


@inside
def test_a_ring_of_dependencies_is_refused() -> None:
    """OTP goes round in it for ever."""
    log: Log = []
    application.load(make("a", log, applications=("b",)))
    application.load(make("b", log, applications=("c",)))
    application.load(make("c", log, applications=("a",)))
    with pytest.raises(otpy.BadApplicationSpec, match="a → b → c → a"):
        application.ensure_all_started("a")


@inside
def test_an_optional_dependency_may_be_missing_or_fail() -> None:
    """It is started where it can be."""
    log: Log = []
    there = make("there", log)
    bad = make("bad", log, lambda _args: 1 / 0)
    names = (there, bad, "nowhere")
    shop = make("shop", log, applications=names, optional_applications=names)
    assert application.ensure_all_started(shop) == ["there", "shop"]


@inside
def test_a_second_start_is_refused() -> None:
    """Also where it has another type."""
    shop = make("shop", [])
    application.start(shop)
    with pytest.raises(otpy.ApplicationAlreadyStarted):
        application.start(shop, "permanent")


def test_starts_at_the_same_time_are_one() -> None:
    """Who asks while it starts waits for that start, as in OTP."""
    log: Log = []
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(_args: object) -> otpy.Pid:
        begun.set()
        assert otpy.blocking(may_go_on.wait, 20)
        return top("shop")

    with otpy.runtime():
        shop = make("shop", log, slow)
        pids = [otpy.spawn_monitor(application.start, shop) for _ in range(3)]
        assert begun.wait(20)
        controller = otpy.whereis("application_controller")
        eventually_outside(lambda: len(controller.state.changing["shop"].callers) == 3)  # type: ignore[union-attr]
        may_go_on.set()
        reasons = [down(ref) for _, ref in pids]
    assert reasons == [otpy.Normal()] * 3
    assert [entry[1] for entry in log] == ["start", "prep_stop", "stop"]


@inside
def test_a_failed_start_ends_what_stands_in_no_tree_too() -> None:
    """Nobody would know of it, and the next start would find its names taken."""
    apart: list[otpy.Pid] = []

    def failing(_args: object) -> Any:
        apart.append(Echo.start(name="apart"))
        raise ValueError("too cold")

    shop = make("shop", [], failing)
    for _ in range(2):
        with pytest.raises(otpy.ApplicationStartFailed, match="too cold"):
            application.start(shop)
        assert not otpy.is_alive(apart[-1])
    assert len(apart) == 2


@inside
def test_start_phases_are_done_in_order_when_the_tree_is_up() -> None:
    """With the arguments of each."""
    log: Log = []
    application.start(make("shop", log, start_phases=("warm", ("open", {"port": 1}))))
    assert log[1:] == [("shop", "warm", "normal", None), ("shop", "open", "normal", {"port": 1})]


@inside
def test_a_failed_start_phase_ends_the_tree_and_fails_the_start() -> None:
    """OTP leaves the tree alone there, without anybody above it; see docs/guide/applications.md."""
    log: Log = []
    error = ValueError("too cold")
    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.start(make("shop", log, start_phases=(("warm", error), "open")))
    assert failed.value.reason == otpy.Crash(error)
    assert [entry[1] for entry in log] == ["start", "warm"]
    assert otpy.whereis("shop") is None
    assert running() == []


class Broken(otpy.GenServer[None]):
    """Does not start."""

    def init(self, arg: object) -> Any:
        """Fail."""
        return otpy.Stop("broken")


# case: supervisor_SUITE: faulty_application_shutdown
@inside
def test_a_child_that_does_not_start_is_the_reason() -> None:
    """With the name of the child, as OTP says it: {shutdown, {failed_to_start_child, Id, Reason}}."""
    log: Log = []
    shop = make("shop", log, lambda _args: otpy.supervisor.start_link([Broken.child_spec(id="b")]))
    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.start(shop)
    assert failed.value.reason == otpy.Shutdown(otpy.supervisor.FailedToStartChild("b", "broken"))


@pytest.mark.parametrize("value", [None, "pid", (1, 2), ()], ids=repr)
@inside
def test_a_start_that_returns_anything_else_fails(value: object) -> None:
    """And what it may have started is ended before the caller is told."""
    started: list[otpy.Pid] = []

    def junk(_args: object) -> Any:
        started.append(top("junk"))
        return value

    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.start(make("shop", [], junk))
    assert isinstance(failed.value.reason, otpy.BadReturn)
    assert (failed.value.reason.callback, failed.value.reason.value) == ("start", value)
    assert not otpy.is_alive(started[0])


@inside
def test_who_was_to_start_it_may_be_killed() -> None:
    """Then the start has failed, and may be tried again."""
    tried: list[otpy.Pid] = []

    def first_killed(_args: object) -> otpy.Pid:
        tried.append(otpy.self_pid())
        if len(tried) == 1:
            otpy.exit(otpy.self_pid(), otpy.Kill())
        return top("shop")

    shop = make("shop", [], first_killed)
    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.start(shop)
    assert failed.value.reason == otpy.Killed()
    application.start(shop)
    assert running() == ["shop"]


@inside
def test_a_start_whose_starter_was_killed_leaves_nothing_behind() -> None:
    """The caller has been told that it failed."""

    def start(_args: object) -> otpy.Pid:
        starter: Any = otpy.self_pid().starter  # type: ignore[attr-defined]
        otpy.exit(starter, otpy.Kill())
        return top("shop")

    with pytest.raises(otpy.ApplicationStartFailed) as failed:
        application.start(make("shop", [], start))
    assert failed.value.reason == otpy.Killed()
    eventually(lambda: otpy.whereis("shop") is None)
    assert running() == []


@inside
def test_a_library_has_no_process() -> None:
    """It counts as started for those that depend on it."""
    application.load(application.ApplicationSpec(name="lib", vsn="7"))
    before = len(otpy.processes())
    application.start("lib")
    assert len(otpy.processes()) == before
    application.start(make("shop", [], applications=("lib",)))
    assert [(each.name, each.vsn) for each in application.which_applications()] == [("shop", ""), ("lib", "7")]
    application.stop("lib")
    assert running() == ["shop"]


# -- stopping --------------------------------------------------------------------------------------


@inside
def test_stop_prepares_while_the_tree_is_up_and_cleans_up_when_it_is_down() -> None:
    """What start returned goes to prep_stop, and what that returns to stop."""
    log: Log = []
    application.start(make("shop", log, lambda _args: (top("shop"), "a state")))
    application.stop("shop")
    assert log[1:] == [("shop", "prep_stop", "a state", True), ("shop", "stop", "prepared", False)]
    assert running() == []
    with pytest.raises(otpy.ApplicationNotStarted):
        application.stop("shop")
    assert [each.name for each in application.loaded_applications()] == ["shop"]


@inside
def test_a_callback_that_raises_does_not_keep_the_rest_from_being_stopped(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; stop gets the state as it was."""
    log: Log = []

    class Shop(make("shop", log)):  # type: ignore[misc]
        name = "shop"

        def prep_stop(self, state: Any) -> Any:
            raise ValueError("a bad day")

        def stop(self, state: Any) -> None:
            log.append(state)
            raise KeyError("another")

    application.start(Shop)
    application.stop(Shop)
    assert log[1:] == [None]
    assert otpy.whereis("shop") is None
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a bad day", "'another'"]


def test_the_runtime_stops_applications_in_reverse_order() -> None:
    """Between other roots, as they were started: what came later may use what came before."""
    log: Log = []

    class Plain(otpy.GenServer[str]):
        def init(self, arg: str) -> otpy.Ok[str]:
            otpy.trap_exit(flag=True)
            return otpy.Ok(arg)

        def terminate(self, reason: Any, state: str) -> None:
            log.append((state, "ended", reason))

    with otpy.runtime():
        Plain.start("first")
        application.start(make("a", log), "permanent")
        Plain.start("second")
        application.start(make("b", log), "permanent")
        log.clear()
    assert [entry[:2] for entry in log] == [
        ("b", "prep_stop"),
        ("b", "stop"),
        ("second", "ended"),
        ("a", "prep_stop"),
        ("a", "stop"),
        ("first", "ended"),
    ]


@inside
def test_what_belongs_to_an_application_ends_with_it() -> None:
    """Also who is in no tree, and whose starter is gone. Others live on."""
    stray: list[otpy.Pid] = []

    def start(_args: object) -> otpy.Pid:
        ref = otpy.spawn_monitor(lambda: stray.append(otpy.spawn(otpy.receive)))[1]
        down(ref)
        return top("shop")

    mine = otpy.spawn(otpy.receive)
    application.start(make("shop", [], start))
    assert application.get_application(stray[0]) == "shop"
    application.stop("shop")
    assert not otpy.is_alive(stray[0])
    assert otpy.is_alive(mine)


@inside
def test_an_application_may_stop_itself() -> None:
    """From a process that traps no exits, and is ended by it."""
    application.start(make("shop", [], lambda _args: otpy.spawn_link(_stopping, "shop")))
    eventually(lambda: running() == [])


def _stopping(name: str) -> None:
    eventually(lambda: name in running())
    application.stop(name)


@inside
def test_an_application_that_is_being_started_is_not_started_yet() -> None:
    """So it cannot be stopped, as in OTP; and not unloaded before it is known whether it runs."""
    asked: list[otpy.Ref] = []

    def start(_args: object) -> otpy.Pid:
        with pytest.raises(otpy.ApplicationNotStarted):
            application.stop("shop")
        assert (running(), application.get_application()) == ([], "shop")
        unload = otpy.spawn_monitor(_unload, "shop")
        asked.append(unload[1])
        controller: Any = otpy.whereis("application_controller")
        eventually(lambda: controller.state.changing["shop"].later)
        return top("shop")

    def _unload(name: str) -> None:
        with pytest.raises(otpy.ApplicationRunning):
            application.unload(name)

    application.start(make("shop", [], start))
    assert running() == ["shop"]


@inside
def test_a_start_while_it_stops_waits_and_starts_it_again() -> None:
    """One after the other, in the order in which they were asked."""
    log: Log = []
    controller: Any = None

    class Shop(make("shop", log)):  # type: ignore[misc]
        name = "shop"

        def stop(self, state: Any) -> None:
            eventually(lambda: "started again" in log or controller.state.changing["shop"].later)

    def start_while_it_stops() -> None:
        eventually(lambda: "shop" in controller.state.changing)
        application.start("shop")
        log.append("started again")

    application.start(Shop)
    controller = otpy.whereis("application_controller")
    ref = otpy.spawn_monitor(start_while_it_stops)[1]
    application.stop(Shop)
    assert down(ref) == otpy.Normal()
    assert (running(), log[-1]) == (["shop"], "started again")


# -- what the end means ----------------------------------------------------------------------------


REASONS = {
    "normal": otpy.Normal(),
    "shutdown": otpy.Shutdown(),
    "shutdown with a detail": otpy.Shutdown("because"),
    "crash": otpy.Crash(ValueError()),
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("type_", TYPES)
def test_what_the_end_of_an_application_means_is_its_type_s(type_: Any, reason: str) -> None:
    """Permanent: the runtime stops. Transient: unless it was normal. Temporary: it is told, and no more."""
    log: Log = []
    with otpy.runtime() as runtime, Listener("application.exit") as told:
        application.start(make("base", log), "permanent")
        application.start(make("shop", log, lambda _args: _any_end("shop")), type_)
        otpy.send("shop", REASONS[reason])
        eventually_outside(lambda: told.heard)
        ends = type_ == "permanent" or (type_ == "transient" and reason != "normal")
        assert told.facts("application.exit") == [
            {"application": "shop", "type": type_, "reason": REASONS[reason], "ends_node": ends}
        ]
        if not ends:
            assert running() == ["base"]
            assert log[-2:] == [("shop", "prep_stop", None, False), ("shop", "stop", "prepared", False)]
            return
        eventually_outside(lambda: runtime.stopped)
        assert log[-2:] == [("base", "prep_stop", None, True), ("base", "stop", "prepared", False)]
        with contextlib.suppress(otpy.NotRunning):  # this thread is told once that it was in it
            otpy.self_pid()
        with pytest.raises(otpy.NotRunning, match=f"the {type_} application 'shop' ended with"):
            otpy.self_pid()
    with otpy.runtime():  # another one is not concerned
        assert running() == []


def _any_end(name: str) -> otpy.Pid:
    """Start a process of that name, which ends with the reason that it is sent."""

    def wait() -> None:
        otpy.register(name, otpy.self_pid())
        reason = otpy.receive()
        raise otpy.ExitProcess(reason)

    pid = otpy.spawn_link(wait)
    eventually(lambda: otpy.whereis(name) is pid)
    return pid


def test_a_program_is_told_why_the_runtime_that_it_ran_in_has_stopped() -> None:
    """Its main function has been ended with the runtime."""

    def main() -> None:
        application.start(make("shop", []), "permanent")
        pid = otpy.whereis("shop")
        assert pid is not None
        otpy.stop(pid, otpy.Shutdown())
        otpy.receive(timeout=20)

    with otpy.runtime(), pytest.raises(otpy.NotRunning, match="the permanent application 'shop' ended with Shutdown"):
        otpy.run(main)


def test_a_new_runtime_may_follow_one_that_was_stopped_from_inside() -> None:
    """Also inside its block, which its thread has not left yet."""
    with otpy.runtime() as runtime:
        assert running() == []
        runtime.halt("for a test")
        eventually_outside(lambda: runtime.stopped)
        with otpy.runtime():
            application.start(make("shop", []))
            assert running() == ["shop"]
        with pytest.raises(otpy.NotRunning, match="stopped from inside: for a test"):
            running()


@pytest.mark.parametrize("type_", TYPES)
def test_a_start_that_fails_counts_as_an_end(type_: Any) -> None:
    """Whoever asked is told, by the answer or by the end of the runtime, whichever gets there first."""
    log: Log = []
    with otpy.runtime() as runtime:
        application.start(make("base", log))
        with pytest.raises((otpy.ApplicationStartFailed, otpy.NotRunning), match="'shop' did not start"):
            application.start(make("shop", log, lambda _args: 1 / 0), type_)
        if type_ == "temporary":
            assert running() == ["base"]
            return
        eventually_outside(lambda: runtime.stopped)
        assert ("base", "stop", "prepared", False) in log
        with contextlib.suppress(otpy.NotRunning):  # this thread is told once that it was in it
            otpy.self_pid()
        with pytest.raises(otpy.NotRunning, match="did not start"):
            running()


@inside
def test_an_application_that_has_ended_may_be_started_again() -> None:
    """Until it is stopped, it counts as started; those that depend on it want it to run, too, as in OTP."""
    log: Log = []
    application.start(make("db", log))
    shop = make("shop", log, applications=("db",))
    end("db", otpy.Shutdown())
    with pytest.raises(otpy.ApplicationNotRunning, match="'db', which 'shop' depends on, has ended") as refused:
        application.start(shop)
    assert (refused.value.application, refused.value.dependent) == ("db", "shop")
    application.start("db")
    application.start(shop)
    assert running() == ["shop", "db"]
    end("db", otpy.Shutdown())
    application.stop("db")
    with pytest.raises(otpy.ApplicationNotStarted):
        application.stop("db")


@inside
def test_a_master_takes_no_notice_of_what_is_not_for_it() -> None:
    """As in OTP: the application goes on."""
    application.start(make("shop", []))
    master: Any = otpy.whereis("shop").starter  # type: ignore[union-attr]
    otpy.cast(master, "stop")
    otpy.send(master, "stop")
    otpy.send_request(master, "stop")
    otpy.sys.get_state(master)
    assert running() == ["shop"]


@inside
def test_a_killed_master_takes_its_tree_along() -> None:
    """It is linked with it."""
    application.start(make("shop", []))
    master = otpy.whereis("shop").starter  # type: ignore[union-attr]
    otpy.exit(master, otpy.Kill())
    eventually(lambda: otpy.whereis("shop") is None)
    assert running() == []


# -- loading ---------------------------------------------------------------------------------------


@inside
def test_loading_makes_spec_and_environment_known() -> None:
    """And unloading forgets them."""
    shop = make("shop", [], vsn="1.2", description="sells", env={"port": 80}, registered=("till",))
    assert application.load(shop) == "shop"
    with pytest.raises(otpy.ApplicationAlreadyLoaded):
        application.load(shop)
    assert application.ensure_loaded(shop) == "shop"
    assert application.loaded_applications() == [application.ApplicationInfo("shop", "sells", "1.2")]
    assert application.get_key("shop", "registered") == ("till",)
    assert application.get_key(shop, "modules") == (__name__.replace("test_application", "application_kit"),)
    assert application.get_all_key("shop").env == {"port": 80}
    assert application.get_application(application.get_key("shop", "modules")[0]) == "shop"
    assert running() == []
    application.unload("shop")
    assert (application.loaded_applications(), application.get_all_env("shop")) == ([], {})
    with pytest.raises(otpy.ApplicationNotLoaded):
        application.unload("shop")
    with pytest.raises(otpy.ApplicationNotLoaded):
        application.get_key("shop", "vsn")


@inside
def test_what_runs_cannot_be_unloaded() -> None:
    """Stop it first."""
    application.start(make("shop", []))
    with pytest.raises(otpy.ApplicationRunning):
        application.unload("shop")


@inside
def test_a_process_belongs_to_the_application_that_started_it() -> None:
    """Through any number of starters; others belong to none."""
    application.start(make("shop", []))
    assert application.get_application() is None
    assert application.get_application(otpy.self_pid()) is None
    child = otpy.supervisor.start_child(
        "shop", otpy.ChildSpec("nested", otpy.supervisor.Fun(otpy.supervisor.start_link, ([],)))
    )
    assert application.get_application(child) == "shop"
    application.stop("shop")
    assert application.get_application(child) is None


@inside
def test_the_tree_shows_an_application_above_its_tree() -> None:
    """And not the controller, which serves the runtime."""
    application.start(make("shop", []))
    (root,) = [node for node in otpy.tree().roots if node.behaviour == "ApplicationMaster"]
    assert (root.name, [child.name for child in root.children]) == ("shop", ["shop"])
    assert "ApplicationController" not in str(otpy.tree())


# -- the environment -------------------------------------------------------------------------------


@inside
def test_the_environment_is_the_spec_s_until_it_is_set() -> None:
    """What is not there has the default that is asked for."""
    application.load(make("shop", [], env={"port": 80}))
    assert application.get_env("shop", "port") == 80
    assert application.get_env("shop", "host") is None
    assert application.get_env("nobody", "host", "here") == "here"
    application.set_env("shop", "port", 81)
    application.put_env("shop", "host", "there")
    assert application.get_all_env("shop") == {"port": 81, "host": "there"}
    application.unset_env("shop", "port")
    assert application.get_env("shop", "port", "none") == "none"


@inside
def test_loading_goes_over_what_was_set_before_unless_it_was_to_last() -> None:
    """As OTP has it for `persistent`."""
    application.set_env("shop", "port", 1)
    application.set_env("shop", "host", "kept")
    application.set_env("shop", "user", "me", persistent=True)
    application.load(make("shop", [], env={"port": 80, "user": "spec"}))
    assert application.get_all_env("shop") == {"port": 80, "host": "kept", "user": "me"}
    application.unload("shop")
    application.load(make("shop", [], env={"user": "spec"}))
    assert application.get_all_env("shop") == {"user": "me"}


@inside
def test_a_configuration_goes_over_the_spec_and_running_applications_are_told() -> None:
    """Once all environments are new; each what has changed in its own; the newest first."""
    log: Log = []
    application.configure({"shop": {"port": 81, "only": "configured"}, "later": {"a": 1}})
    application.start(make("shop", log, env={"port": 80, "host": "here"}))
    application.start(make("other", log, env={"x": 1}))
    assert application.get_env("shop", "port") == 81
    log.clear()
    told = application.configure({"shop": {"port": 82, "new": True}, "other": {"x": 2}})
    assert list(told) == ["other", "shop"]
    after = {"port": 82, "host": "here", "new": True}
    assert log == [("other", {"x": 2}, {}, (), {"x": 2}), ("shop", {"port": 82}, {"new": True}, ("only",), after)]
    assert application.configure({"shop": {"port": 82, "new": True}, "other": {"x": 2}}) == {}
    assert application.configure() == {}


@inside
def test_a_config_change_that_raises_is_logged_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """The environment has changed: there is no way back for what others have read."""
    log: Log = []

    class Bad(make("bad", log)):  # type: ignore[misc]
        name = "bad"

        def config_change(self, changed: Any, new: Any, removed: Any) -> None:
            raise ValueError("I will not")

    application.start(make("good", log))
    application.start(Bad)
    application.configure({"bad": {"x": 1}, "good": {"x": 1}})
    assert log[-1][0] == "good"
    assert (application.get_env("bad", "x"), running()) == (1, ["bad", "good"])
    assert "config_change of application bad failed" in caplog.text


@inside
def test_values_of_different_types_differ() -> None:
    """1, 1.0 and True are equal in Python, and a configuration that says another says something else."""
    log: Log = []
    application.start(make("shop", log, env={"a": 1, "b": [1], "c": "x"}))
    log.clear()
    application.configure({"shop": {"a": True, "b": [1]}})
    assert log[0][1] == {"a": True}


# -- where applications are found ------------------------------------------------------------------

MODULE = """
import otpy

class Shop(otpy.Application):
    vsn = {vsn!r}
    env = {{"port": 80, "host": "class"}}
    def start(self, type_, args):
        return otpy.supervisor.start_link([])
"""

TABLE = """
[project]
version = "9.9"
[tool.otpy.application.shop]
mod = "{module}:Shop"
applications = ["lib"]
start_phases = []
[tool.otpy.application.shop.env]
host = "table"
[tool.otpy.application.lib]
description = "no processes"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Make a project whose pyproject.toml declares two applications, go there, and return its module's name."""
    module = f"application_project_{abs(hash(request.node.name))}"
    (tmp_path / f"{module}.py").write_text(MODULE.format(vsn=None))
    (tmp_path / "pyproject.toml").write_text(TABLE.format(module=module))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.syspath_prepend(tmp_path)
    return module


@pytest.mark.parametrize("given", ["shop", "{module}:Shop"])
@inside
def test_what_pyproject_says_goes_over_what_the_class_says(project: str, given: str) -> None:
    """Its version is that of the project, where nobody says another."""
    assert application.ensure_all_started(given.format(module=project)) == ["lib", "shop"]
    spec = application.get_all_key("shop")
    assert (spec.vsn, spec.mod, spec.applications) == ("9.9", f"{project}:Shop", ("lib",))
    assert application.get_all_env("shop") == {"port": 80, "host": "table"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool]\notpy = 5\n", r"pyproject\.toml: tool\.otpy is 5; give a table"),
        ("[tool.otpy]\napplication = [1]\n", r"tool\.otpy\.application is \[1\]; give a table"),
        ("[tool.otpy.application]\nshop = 5\n", r"tool\.otpy\.application\.shop is 5; give a table"),
        ("project = 1\n[tool.otpy.application.shop]\n", "project is 1; give a table"),
    ],
)
@inside
def test_what_should_be_a_table_and_is_none_is_refused(project: str, text: str, said: str) -> None:
    """At whatever level: who has written it meant something."""
    Path("../pyproject.toml").write_text(text)
    with pytest.raises(otpy.BadApplicationSpec, match=said):
        application.load("shop")


@inside
def test_the_tables_are_read_again_by_configure(project: str) -> None:
    """A table that cannot be read any more changes nothing."""
    application.ensure_all_started("shop")
    file = Path("..", "pyproject.toml")
    file.write_text(file.read_text().replace('"table"', '"other"'))
    assert application.configure()["shop"].changed == {"host": "other"}
    file.write_text("[tool.otpy")
    with pytest.raises(otpy.BadApplicationSpec, match="is no TOML"):
        application.configure({"shop": {"port": 1}})
    assert application.get_all_env("shop") == {"port": 80, "host": "other"}


@inside
def test_an_installed_package_names_its_applications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point, so that those that depend on it need not know its module."""
    (tmp_path / "entry_shop.py").write_text(MODULE.format(vsn="5"))
    info = tmp_path / "entry_shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entry-shop\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[otpy.applications]\nshop = entry_shop:Shop\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    application.start("shop")
    assert application.get_key("shop", "vsn") == "5"


BAD_TABLES = {
    'mod = "shop"': "mod is 'shop'; give \"module:Class\"",
    "modul = 1": "'modul' is no key of an application; the keys are description, vsn, mod",
    'applications = "db"': "applications is 'db'; give a list of names of applications",
    'applications = ["db", "db"]': "names of applications, each once",
    'modules = ["a", "b", "a"]': "a list of module names, each once",
    "env = 1": "env is 1; give a table, or a dict, whose keys are str",
    'start_phases = ["a", ["a", 1]]': "start_phases is .*; give a list of names, or of pairs",
    'applications = ["shop"]': "'shop' cannot depend on itself",
    'optional_applications = ["db"]': "optional_applications has .'db'., which applications lacks",
}


@pytest.mark.parametrize("line", BAD_TABLES)
@inside
def test_a_bad_table_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file, the key, what was given and what is accepted."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.otpy.application.shop]\n{line}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(otpy.BadApplicationSpec, match=BAD_TABLES[line]) as refused:
        application.load("shop")
    assert isinstance(refused.value, ValueError)
    assert application.loaded_applications() == []


@inside
def test_an_unknown_name_says_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what could be given instead."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(otpy.ApplicationNotFound, match=r"there is no application 'shop'; looked .*pyproject.toml"):
        application.load("shop")


BAD_CLASSES: dict[str, dict[str, Any]] = {
    "'a b' cannot be the name of an application": {"name": "a b"},
    "env is 5": {"env": 5},
    "applications is 'db'; give a list of names or classes": {"applications": "db"},
    "is no application; give its name or class": {"applications": (int,)},
    "start_phases is 'warm'": {"start_phases": "warm"},
    "modules is": {"modules": "shop"},
    "description is None": {"description": None},
    "applications is .*; give a list of names of applications, each once": {"applications": ("db", "db")},
    "registered is": {"registered": (1,)},
}


@pytest.mark.parametrize("message", BAD_CLASSES)
def test_a_bad_class_is_refused_where_it_is_written(message: str) -> None:
    """Not when somebody starts it, on a Sunday."""
    with pytest.raises(otpy.BadApplicationSpec, match=message):
        type("Shop", (otpy.Application,), BAD_CLASSES[message])


async def _awaited(*_args: Any) -> None:
    """Be no callback of an application."""


@inside
def test_a_bad_spec_is_refused() -> None:
    """As a class or a table."""
    given: Any = "db"
    with pytest.raises(otpy.BadApplicationSpec, match="applications is 'db'; give a list of names of applications"):
        application.load(application.ApplicationSpec(name="shop", applications=given))


@inside
def test_another_class_of_the_same_name_is_not_taken_for_it() -> None:
    """It would be started silently in the place of the one that was given."""
    application.load(make("shop", []))
    with pytest.raises(otpy.ApplicationAlreadyLoaded):
        application.start(make("shop", []))


def test_callbacks_that_could_not_work_are_refused() -> None:
    """An `async def`, phases that nobody does, and state on the object."""
    with pytest.raises(TypeError, match="`async def`; callbacks of an application are plain functions"):
        type("Shop", (otpy.Application,), {"start": _awaited})

    with pytest.raises(TypeError, match=r"has start_phases and no start_phase\(self, phase, start_type, args\)"):
        type("Shop", (otpy.Application,), {"start_phases": ("warm",)})

    class Fine(otpy.Application[None]):
        pass

    with pytest.raises(AttributeError, match=r"cannot set self.x: callbacks run on an object that holds no state"):
        Fine().x = 1


@inside
def test_bad_arguments_are_refused() -> None:
    """Each with what is accepted."""
    shop = make("shop", [])
    given: Any = "forever"
    with pytest.raises(ValueError, match=r"type is 'forever'; give 'permanent' or 'transient' or 'temporary'"):
        application.start(shop, given)
    given = 5
    with pytest.raises(TypeError, match=r"5 is no application; give a class made of otpy\.Application"):
        application.start(given)
    with pytest.raises(ValueError, match="'version' is no key of an application; the keys are name, description, vsn"):
        application.get_key("shop", "version")
    with pytest.raises(TypeError, match="5 is no key of an environment"):
        application.set_env("shop", given, 1)
    with pytest.raises(otpy.BadApplicationSpec, match="shop is 5; give a table of the environment"):
        application.configure({"shop": given})
    with pytest.raises(otpy.BadApplicationSpec, match="builtins:int is no application"):
        application.load("builtins:int")


def test_each_runtime_has_applications_of_its_own(otp_runtime: Runtime) -> None:
    """One that has ended leaves nothing behind."""
    application.start(make("shop", []))
    application.set_env("shop", "port", 1, persistent=True)
    with otpy.runtime():
        assert (running(), application.get_env("shop", "port")) == ([], None)
    assert running() == ["shop"]
