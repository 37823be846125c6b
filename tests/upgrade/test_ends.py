"""Upgrades that end by force: who carries them out is killed, or the whole runtime stops, in the middle."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.code.journal import Journal
from otpy.errors import ForcedRollback
from otpy.upgrade import STEPS, classes
from otpy.upgrade.engine import engine
from otpy.upgrade.recovery import NOTHING_CHANGED
from otpy.upgrade.steps import Steps
from tests.support import DEADLINE, eventually, inside, status
from tests.upgrade.conftest import Make
from tests.upgrade.sources import V1, V2, source
from tests.upgrade.test_watch import told

TREE = source("""
    import otpy

    class Child(otpy.GenServer):
        def init(self, arg):
            if arg == "d":
                otpy.receive(lambda message: message == "begin")
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)

    class Top(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags(), [Child.child_spec(n, id=n, name=n) for n in ("a", "b")]
""")


def coordinators() -> list[otpy.Pid]:
    """Return who carries out upgrades now."""
    infos = [otpy.process_info(pid) for pid in otpy.processes()]
    return [info.pid for info in infos if info is not None and info.label == "upgrade"]


def kill_coordinator() -> None:
    """Kill who carries out the upgrade."""
    for pid in coordinators():
        otpy.exit(pid, otpy.Kill())


def reload_in_thread(name: str, text: str) -> tuple[threading.Thread, list[BaseException]]:
    """Reload on a thread; the list gets what it raises."""
    errors: list[BaseException] = []

    def reload() -> None:
        try:
            upgrade.reload_module(name, text, rehearse=False)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    thread = threading.Thread(target=reload)
    thread.start()
    return thread, errors


def nothing_under_way() -> bool:
    """Whether the next upgrade may begin."""
    return not engine._busy.locked()


@pytest.mark.parametrize("step", [step for step in STEPS if step != "go down"])
def test_its_process_is_killed_after_a_step(
    otp_runtime: object, module: Make, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """All is as before, everybody goes on, and the next upgrade works."""
    counter = module("m_counter", V1)
    pids = [counter.Counter.start(n) for n in range(3)]
    namespace = dict(vars(counter))
    in_time = Steps.in_time

    def killed_in_time(self: Steps, now: str) -> None:
        if now == step:
            kill_coordinator()
        in_time(self, now)

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "in_time", killed_in_time)
        with pytest.raises(otpy.UpgradeError, match="was ended with Killed") as failed:
            upgrade.reload_module("m_counter", V2)
    assert failed.value.report.status == "rolled_back"
    assert failed.value.report.steps[-1].name in (step, "resume")
    assert failed.value.recovery.action == NOTHING_CHANGED
    assert nothing_under_way()
    assert dict(vars(counter)) == namespace
    assert [otpy.call(pid, "n") for pid in pids] == [("v1", n) for n in range(3)]
    upgrade.reload_module("m_counter", V2)
    assert [otpy.call(pid, "n") for pid in pids] == [("v2", n) for n in range(3)]


def test_its_process_is_killed_while_handlers_are_under_way(otp_runtime: object, module: Make) -> None:
    """Nobody looks after the set any more, and a handler that ends later is not held."""
    text = source("""
        import otpy

        class Busy(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg)

            def handle_cast(self, request, state):
                otpy.receive(lambda message: message == "go on")
                return otpy.NoReply(state)

            def handle_call(self, request, from_, state):
                return otpy.Reply(request, state)
    """)
    pid = module("m_busy", text).Busy.start()
    otpy.cast(pid, "work")
    eventually(lambda: status(pid) == "waiting")
    thread, errors = reload_in_thread("m_busy", text + "\nX = 1\n")
    eventually(lambda: status(pid) == "suspended")
    kill_coordinator()
    thread.join(DEADLINE)
    otpy.send(pid, "go on")
    eventually(lambda: status(pid) == "idle")
    otpy.sleep(0.01)  # whoever still looked after the set would do so every half millisecond
    assert otpy.call(pid, "there?") == "there?"
    assert isinstance(errors[0], otpy.UpgradeError)


def test_its_process_is_killed_while_added_children_start(otp_runtime: object, module: Make) -> None:
    """Those that run are ended without the help of a supervisor that nobody can wait for."""
    tree = module("m_tree", TREE)
    top = tree.Top.start()
    namespace = dict(vars(tree))
    thread, _ = reload_in_thread("m_tree", TREE.replace('("a", "b")', '("a", "b", "c", "d")'))
    eventually(lambda: otpy.whereis("d"))
    kill_coordinator()
    thread.join(DEADLINE)
    eventually(nothing_under_way)
    eventually(lambda: otpy.whereis("c") is None and otpy.whereis("d") is None)
    assert dict(vars(tree)) == namespace
    assert [info.id for info in otpy.supervisor.which_children(top)] == ["b", "a"]
    assert otpy.call("a", "arg") == "a"


def test_added_children_that_take_long_to_end_do_not_end_the_runtime(otp_runtime: object, module: Make) -> None:
    """Nor the rollback: the supervisor goes on ending them by itself."""
    text = source("""
        import otpy

        class Child(otpy.GenServer):
            def init(self, arg):
                otpy.trap_exit(True)
                return otpy.Stop("no d here") if arg == "d" else otpy.Ok(arg)

            def terminate(self, reason, state):
                otpy.sleep(0.5 if state == "c" else 0)

            def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)

        class Top(otpy.Supervisor):
            def init(self, arg):
                return otpy.SupFlags(), [Child.child_spec(n, id=n, name=n) for n in ("a", "b")]
    """)
    module("m_tree", text).Top.start()
    with pytest.raises(otpy.MigrationFailed, match="no d here"):
        upgrade.reload_module("m_tree", text.replace('("a", "b")', '("a", "b", "c", "d")'), code_change_timeout=0.1)
    assert otpy.call("a", "arg") == "a"
    eventually(lambda: otpy.whereis("c") is None)


def test_the_runtime_stops_in_the_middle(module: Make) -> None:
    """The module outlives it, so it has to be as before when who has asked for the upgrade is told."""
    counter = module("m_counter", V1)
    namespace = dict(vars(counter))
    slow = V2.replace("        match old_vsn:", "        otpy.sleep(20)\n        match old_vsn:")
    with otpy.runtime(shutdown_timeout=1):
        counter.Counter.start(1)
        thread, errors = reload_in_thread("m_counter", slow)
        eventually(lambda: counter.__vsn__ == "2")
    thread.join(DEADLINE)
    assert list(map(type, errors)) == [otpy.UpgradeError]
    assert nothing_under_way()
    assert dict(vars(counter)) == namespace


def _in_progress(_module: ModuleType) -> None:
    with engine._busy:
        upgrade.reload_module("m_counter", V2)


def _from_within(_module: ModuleType) -> None:
    text = textwrap.dedent("""
        import otpy

        class Inner(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg)

            def handle_call(self, request, from_, state):
                return otpy.Reply(request(), state)
    """)

    def ask() -> Any:
        try:
            return upgrade.reload_module("m_counter", text + "\nX = 1\n")
        except otpy.UpgradeError as error:
            return error

    upgrade.reload_module("m_counter", text)
    raise otpy.call(_module.Inner.start(), ask)


def _of_nothing(_module: ModuleType) -> None:
    upgrade.rollback_module("m_nobody_knows")


FAILURES: list[tuple[type[Exception], Callable[[ModuleType], object]]] = [
    (otpy.UpgradeInProgress, _in_progress),
    (otpy.UpgradeFromWithin, _from_within),
    (otpy.NoSuchVersion, lambda _: upgrade.rollback_module("m_counter", "nine")),
    (otpy.NoSuchVersion, _of_nothing),
    (otpy.CompilationFailed, lambda _: upgrade.reload_module("m_counter", "def :")),
    (otpy.LoadFailed, lambda _: upgrade.reload_module("m_counter", "1 / 0")),
]


@pytest.mark.parametrize(("kind", "fail"), FAILURES)
def test_every_error_says_what_was_tried_and_what_can_be_done(
    otp_runtime: object, module: Make, kind: type[otpy.UpgradeError], fail: Callable[[ModuleType], object]
) -> None:
    """Also those that are raised before anything has begun."""
    with pytest.raises(kind) as failed:
        fail(module("m_counter", V1))
    assert failed.value.report.status == "rolled_back"
    assert len(failed.value.report.reloaded_modules) == 1
    assert failed.value.recovery.suggested_fixes


@inside
def test_what_nobody_has_foreseen_is_an_error_of_the_upgrade_too(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever catches UpgradeError, as the pages say, hears of it; and its record has what it was."""

    def supersede(_replaced: object, _journal: Journal) -> None:
        msg = "a library that raises what it likes"
        raise AttributeError(msg)

    pid = module("m_counter", V1).Counter.start(1)
    monkeypatch.setattr(classes, "supersede", supersede)
    with pytest.raises(otpy.UpgradeError) as failed:
        upgrade.reload_module("m_counter", V2)
    assert "AttributeError: a library that raises what it likes" in str(failed.value)
    assert isinstance(failed.value.__cause__, AttributeError)
    assert failed.value.report.status == "rolled_back"
    assert failed.value.recovery.category == "system"
    assert upgrade.history("m_counter")[-1].error_class == "AttributeError"
    assert otpy.call(pid, "n") == ("v1", 1)


@pytest.mark.parametrize("dry_run", [True, False])
@inside
def test_what_starts_ends(module: Make, dry_run: bool) -> None:
    """Whoever shows how far it is would show that for ever."""
    module("m_counter", V1)
    with told("upgrade.start") as starts, told("upgrade.end") as ends:
        upgrade.reload_module("m_counter", V2, dry_run=dry_run)
        with pytest.raises(otpy.CompilationFailed):
            upgrade.reload_module("m_counter", "def :", dry_run=dry_run)
    assert len(starts) == len(ends) == 2
    assert [end["report"].status for end in ends] == ["planned" if dry_run else "completed", "rolled_back"]


@inside
def test_what_could_not_be_taken_back_is_said(module: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads that all is as before would go on with a node that is half new."""
    pid = module("m_counter", V1).Counter.start(1)

    def fail() -> None:
        msg = "no way back"
        raise OSError(msg)

    def supersede(_replaced: object, journal: Journal) -> None:
        journal.write("the old classes", fail)

    monkeypatch.setattr(classes, "supersede", supersede)
    with pytest.raises(ForcedRollback) as failed:
        upgrade.reload_module("m_counter", V2, force_rollback_at="commit")
    left = "OSError: no way back (while taking back: the old classes)"
    assert failed.value.report.not_taken_back == (left,)
    assert left in str(failed.value.report)
    recovery = failed.value.recovery
    assert left in recovery.action
    assert NOTHING_CHANGED not in recovery.action
    assert (recovery.strategy, recovery.auto_recoverable) == ("repair", False)
    assert upgrade.history("m_counter")[-1].status == "rolled_back"
    assert otpy.call(pid, "n") == ("v1", 1)


def test_on_an_event_loop_nothing_is_begun(otp_runtime: object, module: Make) -> None:
    """It cannot be waited for there; so it is refused before it starts."""
    other = module("m_other", "X = 1\n")
    asking = module(
        "m_asking",
        source("""
            import otpy
            from otpy import upgrade

            class Asking(otpy.GenServer):
                runs_on = "asyncio"

                def init(self, arg):
                    return otpy.Ok(arg)

                async def handle_call(self, request, from_, state):
                    try:
                        upgrade.reload_module("m_other", "X = 2\\n")
                    except Exception as error:
                        return otpy.Reply(type(error).__name__, state)
        """),
    )
    records = len(upgrade.history())
    assert otpy.call(asking.Asking.start(), "reload") == "BlockingRefused"
    assert not coordinators()
    assert (other.X, len(upgrade.history())) == (1, records)
