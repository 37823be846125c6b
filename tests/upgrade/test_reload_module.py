"""One module upgraded while its processes live: what changes, and what survives."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.upgrade.options import PUBLIC
from tests.support import inside, reason_of
from tests.upgrade.conftest import Make
from tests.upgrade.sources import BROKEN, V1, V2, source


@inside
def test_code_change_converts_the_state(module: Make) -> None:
    """The state of version 1 goes on in the shape of version 2."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(7)
    report = upgrade.reload_module("m_counter", V2)
    assert otpy.call(pid, "n") == ("v2", 7)
    assert report.status == "completed"
    assert report.affected_processes == (pid,)
    assert report.migrated == 1
    assert report.version == {"m_counter": "2"}


@inside
def test_pid_name_link_monitor_timer_and_mailbox_survive(module: Make) -> None:
    """Nobody who knows the process notices that its code is another."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(0, name="the counter")
    otpy.trap_exit(True)
    otpy.link(pid)
    ref = otpy.monitor(pid)
    otpy.send_after(pid, "tick", 0.05)
    otpy.sys.suspend(pid)
    for number in range(5):
        otpy.cast(pid, number)
    upgrade.reload_module("m_counter", V2)
    assert otpy.whereis("the counter") == pid
    otpy.sys.resume(pid)
    for number in range(5, 8):
        otpy.cast(pid, number)
    assert [seen for seen in _seen(pid, 9) if seen != "tick"] == list(range(8))
    otpy.exit(pid, "over")
    messages = {type(otpy.receive(timeout=5)): None for _ in range(2)}
    assert set(messages) == {otpy.Exit, otpy.Down}
    otpy.demonitor(ref)


def _seen(pid: otpy.Pid, count: int) -> list[Any]:
    seen: list[Any] = []
    while len(seen) < count:
        seen = otpy.call(pid, "seen")
        otpy.sleep(0.001)
    return seen


@inside
def test_a_failing_code_change_leaves_the_very_same_state(module: Make) -> None:
    """It gets a copy, so that it may have changed as much as it likes before it failed."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(3)
    otpy.cast(pid, "kept")
    before = otpy.sys.get_state(pid)
    namespace = dict(vars(counter))
    with pytest.raises(otpy.MigrationFailed, match="cannot read that") as failed:
        upgrade.reload_module("m_counter", BROKEN)
    assert otpy.sys.get_state(pid) is before
    assert before == {"n": 4, "seen": ["kept"]}
    assert vars(counter) == namespace
    assert otpy.call(pid, "n") == ("v1", 4)
    assert failed.value.pid is pid
    assert failed.value.report.status == "rolled_back"
    assert failed.value.recovery.strategy == "fix_migration"


@inside
def test_what_cannot_be_copied_is_kept_by_reference(module: Make) -> None:
    """A lock in the state is the same lock afterwards."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(threading.Lock())
    lock = otpy.sys.get_state(pid)["n"]
    upgrade.reload_module("m_counter", V2)
    assert otpy.sys.get_state(pid)[0] is lock


@inside
def test_automatic_migration_of_a_dataclass(module: Make) -> None:
    """Without a code_change, instances of a changed class in the state get its new fields."""
    plain = source("""
        import dataclasses, otpy

        @dataclasses.dataclass
        class State:
            n: int = 0

        class Keeper(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok([State(arg)])

            def handle_call(self, request, from_, state):
                return otpy.Reply(repr(state[0]), state)
    """)
    keeper = module("m_keeper", plain)
    pid = keeper.Keeper.start(5)
    upgrade.reload_module("m_keeper", plain.replace("n: int = 0", "n: int = 0\n    unit: str = 'pieces'"))
    assert otpy.call(pid, "show") == "State(n=5, unit='pieces')"


@inside
def test_messages_of_a_changed_class_are_converted_in_the_mailbox(module: Make) -> None:
    """A request that waits is an instance of the new class when it is handled."""
    taker = source("""
        import dataclasses, otpy

        @dataclasses.dataclass
        class Add:
            n: int

        class Taker(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok([])

            def handle_cast(self, request, state):
                return otpy.NoReply([*state, (isinstance(request, Add), repr(request))])

            def handle_info(self, message, state):
                return self.handle_cast(message, state)

            def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)
    """)
    made = module("m_taker", taker)
    pid = made.Taker.start()
    otpy.sys.suspend(pid)
    otpy.cast(pid, made.Add(1))
    otpy.send(pid, made.Add(2))
    upgrade.reload_module("m_taker", taker.replace("n: int", "n: int\n    by: str = 'us'"))
    otpy.sys.resume(pid)
    assert otpy.call(pid, "all") == [(True, "Add(n=1, by='us')"), (True, "Add(n=2, by='us')")]


@inside
def test_an_unsupervised_process_and_one_of_a_subclass_elsewhere(module: Make) -> None:
    """Processes are found by their classes; a class derived in another module gets the new base."""
    module("m_counter", V1)
    derived = module(
        "m_derived",
        source("""
            import otpy
            from m_counter import Counter

            class Loud(Counter):
                def handle_call(self, request, from_, state):
                    return super().handle_call(request, from_, state)
        """),
    )
    pid = derived.Loud.start(1)
    report = upgrade.reload_module("m_counter", V2)
    assert otpy.call(pid, "n") == ("v2", 1)
    assert "m_derived" in report.dependency_chain


@inside
def test_code_change_runs_inside_the_process(module: Make) -> None:
    """On its own thread, with its own pid: what the state is bound to can be used there."""
    threaded = source("""
        import threading, otpy

        class Bound(otpy.GenServer):
            runs_on = "thread"

            def init(self, arg):
                return otpy.Ok((threading.get_ident(), otpy.self_pid()))

            def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)

            def code_change(self, old_vsn, state, extra):
                return otpy.Ok(("changed", threading.get_ident() == state[0], otpy.self_pid() is state[1]))
    """)
    pid = module("m_bound", threaded).Bound.start()
    upgrade.reload_module("m_bound", threaded + "\nX = 1\n")
    assert otpy.call(pid, "state") == ("changed", True, True)


@inside
def test_code_change_may_be_a_coroutine(module: Make) -> None:
    """A server on the event loop converts its state there, and may await."""
    awaiting = source("""
        import asyncio, otpy

        class Awaiting(otpy.GenServer):
            runs_on = "asyncio"

            async def init(self, arg):
                return otpy.Ok(1)

            async def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)

            async def code_change(self, old_vsn, state, extra):
                await asyncio.sleep(0)
                return otpy.Ok(state + extra)
    """)
    pid = module("m_awaiting", awaiting).Awaiting.start()
    upgrade.reload_module("m_awaiting", awaiting + "\nX = 1\n", extra=41)
    assert otpy.call(pid, "state") == 42


@inside
def test_an_actor_gets_its_new_methods_and_keeps_its_attributes(module: Make) -> None:
    """A pykka proxy made before the upgrade sees methods that it added."""
    actor = source("""
        import otpy

        class Greeter(otpy.Actor):
            def __init__(self):
                super().__init__()
                self.name = "you"

            def greet(self):
                return "hello " + self.name
    """)
    ref = module("m_greeter", actor).Greeter.start()
    proxy = ref.proxy()
    proxy.name = "them"
    upgrade.reload_module("m_greeter", actor + "\n    def part(self):\n        return 'bye ' + self.name\n")
    assert proxy.part().get(timeout=5) == "bye them"
    assert proxy.greet().get(timeout=5) == "hello them"


ATTRIBUTES = source("""
    import otpy

    class Holder(otpy.Actor):
        def __init__(self):
            super().__init__()
            self.x, self.y = 1, 2

        def on_receive(self, message):
            return sorted(name for name in vars(self) if not name.startswith(("actor_", "_actor_")))
""")


@inside
def test_a_function_for_states_says_which_attributes_an_actor_has(module: Make) -> None:
    """Those that it leaves out are gone; and back, when it is taken back."""
    ref = module("m_holder", ATTRIBUTES).Holder.start()
    new = ATTRIBUTES + "\nX = 1\n"

    def state(_old_vsn: object, own: dict[str, int]) -> dict[str, int]:
        return {"x": own["x"], "z": 3}

    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module("m_holder", new, state=state, force_rollback_at="commit")
    assert ref.ask("names", timeout=5) == ["x", "y"]
    upgrade.reload_module("m_holder", new, state=state)
    assert ref.ask("names", timeout=5) == ["x", "z"]


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("state", [5, None, {1: 2}])
@inside
def test_what_can_be_no_state_of_an_actor_is_refused(module: Make, state: object, *, rehearse: bool) -> None:
    """It has to be the attributes by their names."""
    ref = module("m_holder", ATTRIBUTES).Holder.start()
    with pytest.raises(otpy.MigrationFailed, match="dict of its attributes"):
        upgrade.reload_module("m_holder", ATTRIBUTES + "\nX = 1\n", state=lambda _old, _own: state, rehearse=rehearse)
    assert ref.ask("names", timeout=5) == ["x", "y"]


@inside
def test_a_restart_after_the_upgrade_runs_the_new_code(module: Make) -> None:
    """The supervisor starts what the module holds now."""
    counter = module("m_counter", V1)
    otpy.supervisor.start_link([counter.Counter.child_spec(1, id="c", name="restarted")])
    upgrade.reload_module("m_counter", V2)
    old = otpy.whereis("restarted")
    assert old is not None
    otpy.exit(old, otpy.Kill())
    assert reason_of(old) in (otpy.Killed(), otpy.NoProc())
    while (new := otpy.whereis("restarted")) is None or new is old:
        otpy.sleep(0.001)
    assert otpy.call(new, "n") == ("v2", 1)


@inside
def test_going_back_tells_code_change_the_target(module: Make) -> None:
    """rollback_module runs the code_change of the running version, with DownTo(vsn)."""
    counter = module("m_counter", V1)
    pid = counter.Counter.start(0)
    upgrade.reload_module("m_counter", V2)
    otpy.cast(pid, "x")
    report = upgrade.rollback_module("m_counter")
    assert otpy.call(pid, "n") == ("v1", 1)
    assert report.version == {"m_counter": "1"}
    assert [record.status for record in upgrade.history("m_counter")[-2:]] == ["completed", "completed"]
    with pytest.raises(otpy.NoSuchVersion, match="nine"):
        upgrade.rollback_module("m_counter", "nine")


# case: release_handler_SUITE: release_handler_which_releases
@inside
def test_history_has_failed_upgrades_too(module: Make) -> None:
    """With the error, and with nothing gone to."""
    counter = module("m_counter", V1)
    counter.Counter.start(0)
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module("m_counter", BROKEN)
    record = upgrade.history("m_counter")[-1]
    assert record.status == "rolled_back"
    assert record.error is not None
    assert "cannot read that" in record.error
    assert record.from_version == {"m_counter": "1"}
    assert record.to_version == {}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("m_bad", "def f(:\n"), otpy.CompilationFailed, r"m_bad 2>:1:7"),
        (("m_bad", "import no_such_module_anywhere\n"), otpy.LoadFailed, "no_such_module_anywhere"),
        (("no name", "x = 1\n"), ValueError, "no module name"),
        (("m_bad", None), TypeError, "give its text"),
    ],
)
def test_bad_input_is_refused_and_nothing_has_changed(
    otp_runtime: object, module: Make, given: tuple[Any, Any], error: type[Exception], message: str
) -> None:
    """The message says what was given and what to do."""
    made = module("m_bad", "x = 1\n")
    before = dict(vars(made))
    with pytest.raises(error, match=message):
        upgrade.reload_module(*given)
    assert vars(made) == before


@inside
def test_options_are_checked_where_they_are_given(module: Make) -> None:
    """Times are seconds, and the steps have names."""
    module("m_bad", "x = 1\n")
    with pytest.raises(ValueError, match="suspend_timeout"):
        upgrade.reload_module("m_bad", "x = 2\n", suspend_timeout=0)
    with pytest.raises(ValueError, match="one of the steps"):
        upgrade.reload_module("m_bad", "x = 2\n", force_rollback_at="lunch")


@pytest.mark.parametrize("name", ["down_to", "lenient", "kept", "trigger", "extras", "states", "lunch"])
@inside
def test_what_only_otpy_says_is_no_option(module: Make, name: str) -> None:
    """Nobody could make sense of what it would do; and it is not told of."""
    module("m_bad", "x = 1\n")
    given: Any = {name: None}
    with pytest.raises(TypeError, match=f"unknown option '{name}'; .*options of an upgrade are strategy") as refused:
        upgrade.reload_module("m_bad", "x = 2\n", **given)
    assert name not in str(refused.value).partition("are ")[2].split(", ")


def test_options_are_those_that_are_declared() -> None:
    """For type checkers, and for who reads the page."""
    assert sorted(PUBLIC) == sorted(upgrade.UpgradeOptions.__annotations__)


@inside
def test_a_misspelt_option_is_understood(module: Make) -> None:
    """And said."""
    module("m_bad", "x = 1\n")
    given: Any = {"suspend_timout": 1}
    with pytest.raises(TypeError, match="did you mean 'suspend_timeout'"):
        upgrade.reload_module("m_bad", "x = 2\n", **given)


@inside
def test_no_step_runs_twice_on_one_state(module: Make) -> None:
    """Reloading the same source, or a module that this one uses, leaves states of the right version alone."""
    module("m_used", "RATE = 1\n")
    times = source("""
        import otpy
        import m_used

        __vsn__ = "1"

        class Times(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(arg)

            def handle_call(self, request, from_, state):
                return otpy.Reply(state, state)

            def code_change(self, old_vsn, state, extra):
                return otpy.Ok(state * 100)
    """)
    pid = module("m_times", times).Times.start(3)
    second = times.replace('__vsn__ = "1"', '__vsn__ = "2"')
    upgrade.reload_module("m_times", second)
    upgrade.reload_module("m_times", second)
    upgrade.reload_module("m_used", "RATE = 2\n")
    assert otpy.call(pid, "state") == 300


@inside
def test_another_shape_under_the_same_explicit_version_is_refused(module: Make) -> None:
    """No step could tell a state of the one from a state of the other."""
    plain = source("""
        import dataclasses, otpy

        __vsn__ = "1"

        @dataclasses.dataclass
        class State:
            n: int = 0

        class Keeper(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(State(arg))
    """)
    pid = module("m_keeper", plain).Keeper.start(5)
    before = otpy.sys.get_state(pid)
    changed = plain.replace("n: int = 0", "n: int = 0\n    unit: str = 'pieces'")
    with pytest.raises(otpy.IncompatibleUpgrade, match="give it a new one"):
        upgrade.reload_module("m_keeper", changed)
    assert otpy.sys.get_state(pid) is before
    upgrade.reload_module("m_keeper", changed.replace('__vsn__ = "1"', '__vsn__ = "2"'))


@inside
def test_going_back_again_goes_further_back(module: Make) -> None:
    """Not forth again to where one came from."""
    plain = source("""
        import otpy

        __vsn__ = "1"

        class P(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(1)
    """)
    module("m_plain", plain).P.start()
    for vsn in ("2", "3"):
        upgrade.reload_module("m_plain", plain.replace('"1"', f'"{vsn}"'))
    assert upgrade.rollback_module("m_plain").version == {"m_plain": "2"}
    assert upgrade.rollback_module("m_plain").version == {"m_plain": "1"}
    with pytest.raises(otpy.NoSuchVersion, match="no version before the one that runs"):
        upgrade.rollback_module("m_plain")
    assert upgrade.rollback_module("m_plain", "3").version == {"m_plain": "3"}


@inside
def test_a_module_that_only_holds_instances_of_a_changed_class_need_not_change(module: Make) -> None:
    """The version that has to change is that of the class's own module."""
    items = source("""
        import dataclasses

        __vsn__ = "1"

        @dataclasses.dataclass
        class Item:
            n: int
    """)
    module("m_items", items)
    shelf = source("""
        import otpy
        from m_items import Item

        __vsn__ = "1"

        class Shelf(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok([Item(1)])

            def handle_call(self, request, from_, state):
                return otpy.Reply(str(state), state)
    """)
    pid = module("m_shelf", shelf).Shelf.start()
    upgrade.reload_module("m_items", items.replace('"1"', '"2"').replace("n: int", "n: int\n    m: int = 0"))
    assert otpy.call(pid, "show") == "[Item(n=1, m=0)]"


CHECKS: dict[str, tuple[str, str]] = {
    "a coroutine": ('runs_on = "asyncio"', "async def check_upgrade(self, state): return False"),
    "a coroutine that raises": ('runs_on = "asyncio"', "async def check_upgrade(self, state): raise ValueError(state)"),
    "leaves": ("", "def check_upgrade(self, state): raise SystemExit(1)"),
}


@pytest.mark.parametrize("name", CHECKS)
@inside
def test_whatever_a_check_says_no_with_is_heard(module: Make, name: str) -> None:
    """A coroutine is waited for, and leaving is no yes; the process lives, on the old version."""
    where, check = CHECKS[name]
    old = source(f"""
        import otpy

        class Checked(otpy.GenServer):
            {where}

            def init(self, arg):
                return otpy.Ok(arg)

            def handle_call(self, request, from_, state):
                return otpy.Reply("v1", state)
    """)
    pid = module("m_checked", old).Checked.start(1)
    with pytest.raises(otpy.CheckFailed):
        upgrade.reload_module("m_checked", old.replace('"v1"', '"v2"') + f"\n    {check}\n")
    assert otpy.call(pid, "?") == "v1"


# case: release_handler_SUITE: otp_9395_check_and_purge
@inside
def test_a_dry_run_leaves_nothing_behind(module: Make) -> None:
    """No record either: nothing was to be done, and a node that ends meanwhile has interrupted nothing."""
    module("m_counter", V1).Counter.start(1)
    modules, records = set(sys.modules), upgrade.history()
    assert upgrade.reload_module("m_counter", V2, dry_run=True).status == "planned"
    with pytest.raises(otpy.CompilationFailed):
        upgrade.reload_module("m_counter", "def :", dry_run=True)
    assert upgrade.history() == records
    assert set(sys.modules) == modules


@inside
def test_the_time_for_the_whole_bounds_the_rehearsal_too(module: Make) -> None:
    """Each conversion ends soon enough for itself, and all together do not."""
    pids = [module("m_counter", V1).Counter.start(n) for n in range(50)]
    began = time.monotonic()
    slow = V2.replace("match old_vsn:", "otpy.sleep(0.1)\n        match old_vsn:")
    with pytest.raises(otpy.ReloadTimeout):
        upgrade.reload_module("m_counter", slow, timeout=0.3)
    assert time.monotonic() - began < 3.0
    assert otpy.call(pids[0], "n") == ("v1", 0)
