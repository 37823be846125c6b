"""Event handlers at an upgrade: every one of a changed class is converted, in whichever manager it is, or none."""

from __future__ import annotations

import contextlib
import random
import secrets
import sys
from types import ModuleType
from typing import Any, cast

import pytest

import otpy
from otpy import code, gen_event, upgrade
from otpy.behaviours.events.manager import installed_in
from otpy.errors import ForcedRollback
from otpy.kernel.process import Process
from otpy.planning.plan import Plan
from otpy.planning.steps import STEPS
from otpy.upgrade.again import running_sources
from tests.properties.deeds import at_step
from tests.support import Listener, eventually, get, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

NAME = "m_events"

V1 = source("""
    from dataclasses import dataclass
    import otpy

    __vsn__ = "1"

    @dataclass
    class Seen:
        what: str

    class Log(otpy.GenEvent):
        def init(self, arg):
            return otpy.Ok([arg])

        def handle_event(self, event, state):
            return otpy.Ok([*state, Seen(event) if isinstance(event, str) else event])

        def handle_call(self, request, state):
            return otpy.Reply(("v1", len(state)), state)

        def terminate(self, arg, state):
            return state
""")

V2 = (
    V1.replace('"1"', '"2"').replace('("v1", len(state))', '("v2", state["all"])')
    + """
    def init(self, arg):
        return otpy.Ok({"all": [arg]})

    def handle_event(self, event, state):
        return otpy.Ok({"all": [*state["all"], event]})

    def code_change(self, old_vsn, state, extra):
        if isinstance(old_vsn, otpy.DownTo):
            return otpy.Ok(state["all"])
        if "bad" in state:
            raise ValueError("cannot read that")
        return otpy.Ok({"all": state, "from": (old_vsn, extra)})
"""
)

SLOTS = V1.replace('"1"', '"2"').replace(
    "what: str", "what: str\n    __slots__ = ('what',)\n    def more(self): return 1"
)
"""A class that cannot stay the same object: its instances are brought over wherever they are."""


class Other(otpy.GenEvent[list[Any]]):
    """A handler that no upgrade is about."""

    def init(self, arg: Any) -> Any:
        """Begin with what it is given."""
        return otpy.Ok([arg])

    def handle_event(self, event: Any, state: list[Any]) -> Any:
        """Keep it."""
        return otpy.Ok([*state, event])


def states(manager: otpy.Pid) -> dict[Any, Any]:
    """Return the states of the handlers by their ids, or the names of their classes."""
    return {ident or kind.__name__: state for kind, ident, state in otpy.sys.get_state(manager, timeout=None)}


def vsns(manager: otpy.Pid) -> set[Any]:
    """Return the versions of its handlers with an id."""
    return {each.vsn for each in installed_in(cast("Process", manager)) if each.id}


def with_handlers(module: ModuleType, *ids: Any, runs_on: Any = "scheduler") -> otpy.Pid:
    """Start a manager with Other and a Log for each of *ids*, whose state begins with the id."""
    manager = gen_event.start(runs_on=runs_on)
    gen_event.add_handler(manager, Other, "other")
    for ident in ids:
        gen_event.add_handler(manager, (module.Log, ident), ident)
    return manager


@pytest.mark.parametrize("runs_on", ["scheduler", "thread", "asyncio"])
@inside
def test_every_handler_of_the_class_is_converted_in_every_manager(module: Make, runs_on: str) -> None:
    """By its own code_change, told of its own version; others are left alone, and so is the order."""
    loaded = module(NAME, V1)
    one, two = with_handlers(loaded, "a", "b", runs_on=runs_on), with_handlers(loaded, "c", runs_on=runs_on)
    before, other = otpy.sys.get_state(one), states(one)["Other"]
    report = upgrade.reload_module(NAME, V2, extra="x")
    assert (report.migrated, set(report.affected_processes), report.warnings) == (2, {one, two}, ())
    assert states(one) == {
        "b": {"all": ["b"], "from": ("1", "x")},
        "a": {"all": ["a"], "from": ("1", "x")},
        "Other": ["other"],
    }
    assert states(two)["c"] == {"all": ["c"], "from": ("1", "x")}
    assert states(one)["Other"] is other
    assert [entry[:2] for entry in otpy.sys.get_state(one)] == [entry[:2] for entry in before]
    gen_event.sync_notify(one, "e")
    assert gen_event.call(one, (loaded.Log, "a"), "?") == ("v2", ["a", "e"])
    assert vsns(one) == {"2"}


@inside
def test_going_back_converts_them_back(module: Make) -> None:
    """By the running class, which is told DownTo; what was done since stays done."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a", "b")
    upgrade.reload_module(NAME, V2)
    gen_event.notify(manager, 1)
    gen_event.add_handler(manager, (loaded.Log, "late"), "late")
    upgrade.rollback_module(NAME)
    gen_event.sync_notify(manager, 2)
    assert states(manager) == {"late": ["late", 2], "b": ["b", 1, 2], "a": ["a", 1, 2], "Other": ["other", 1, 2]}
    assert vsns(manager) == {"1"}


@inside
def test_one_state_that_cannot_be_converted_takes_all_back(module: Make) -> None:
    """In all managers; and who it was says the error."""
    loaded = module(NAME, V1)
    one, two = with_handlers(loaded, "a", "b"), with_handlers(loaded, "c", "bad")
    before = [otpy.sys.get_state(one), otpy.sys.get_state(two)]
    for rehearse in (True, False):
        with pytest.raises(otpy.MigrationFailed, match=r"m_events\.Log: ValueError: cannot read that") as failed:
            upgrade.reload_module(NAME, V2, rehearse=rehearse)
        assert failed.value.pid is two
    after = [otpy.sys.get_state(one), otpy.sys.get_state(two)]
    assert before == after
    kept = zip(before[0] + before[1], after[0] + after[1], strict=True)
    assert all(old[2] is new[2] and old[0] is new[0] for old, new in kept)
    assert gen_event.call(one, (loaded.Log, "a"), "?") == ("v1", 1)


@pytest.mark.parametrize("step", STEPS)
@inside
def test_whatever_fails_leaves_every_handler_as_it_was(module: Make, step: str) -> None:
    """Class, state and version, and the order; also where its class would have become another object."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a", "b")
    gen_event.notify(manager, "e")
    before = otpy.sys.get_state(manager)
    for source_of_it in (V2, SLOTS):
        with pytest.raises(otpy.UpgradeError):
            upgrade.reload_module(NAME, source_of_it, force_rollback_at=step)
        after = otpy.sys.get_state(manager)
        assert all(one[0] is other[0] and one[2] is other[2] for one, other in zip(before, after, strict=True))
        assert vsns(manager) == {"1"}
    gen_event.sync_notify(manager, "f")
    assert [seen.what for seen in states(manager)["a"][1:]] == ["e", "f"]


@inside
def test_states_and_messages_of_replaced_classes_are_brought_over(module: Make) -> None:
    """In handlers of the module, in others, in events that wait, and in what handlers were added with."""
    loaded = module(NAME, V1)
    old, manager = loaded.Seen, with_handlers(loaded, "a")
    gen_event.add_handler(manager, (Other, "b"), old("argument"))
    gen_event.notify(manager, "e")
    otpy.sys.suspend(manager)
    gen_event.notify(manager, old("waits"))
    upgrade.reload_module(NAME, SLOTS)
    otpy.sys.resume(manager)
    found = states(manager)
    assert loaded.Seen is not old
    seen = [*found["a"][1:], found["b"][0], found["b"][2]]
    assert [(type(each), each.what) for each in seen] == [
        (loaded.Seen, what) for what in ("e", "waits", "argument", "waits")
    ]
    (argument,) = {each.arg.what for each in installed_in(cast("Process", manager)) if each.id == "b"}
    assert argument == "argument"
    assert type(installed_in(cast("Process", manager))[0].arg) is loaded.Seen


OTHER_KIND = source("""
    import otpy
    __vsn__ = "2"
    class Log(otpy.GenServer):
        pass
""")


@inside
def test_a_handler_stays_a_handler(module: Make) -> None:
    """What runs in a manager cannot become a process, nor can its class go."""
    manager = with_handlers(module(NAME, V1), "a")
    with pytest.raises(otpy.IncompatibleUpgrade, match="is a GenServer in the new version and was a GenEvent"):
        upgrade.reload_module(NAME, OTHER_KIND)
    with pytest.raises(otpy.IncompatibleUpgrade, match="does not define any more"):
        upgrade.reload_module(NAME, "x = 1\n")
    assert states(manager)["a"] == ["a"]


REPLACED = V1.replace('"1"', '"2"').replace(
    "class Log(otpy.GenEvent):", "class Log(otpy.GenEvent):\n    __slots__ = ('x',)"
)
"""A class of another layout, which cannot stay the same object. No process of it has to change: it is a handler."""


@inside
def test_a_handler_whose_class_becomes_another_object_is_the_same_handler(module: Make) -> None:
    """By its old name as by its new one: who has kept the class still means it."""
    loaded = module(NAME, V1)
    old, manager = loaded.Log, with_handlers(loaded, "a")
    gen_event.add_handler(manager, old, "plain")
    upgrade.reload_module(NAME, REPLACED)
    assert loaded.Log is not old
    assert gen_event.which_handlers(manager) == [loaded.Log, (loaded.Log, "a"), Other]
    assert gen_event.call(manager, (old, "a"), "?") == ("v1", 1)
    gen_event.add_handler(manager, (old, "late"), "late")
    assert gen_event.which_handlers(manager)[0] == (loaded.Log, "late")
    assert gen_event.delete_handler(manager, old) == ["plain"]


@inside
def test_supervision_survives(module: Make) -> None:
    """The owner is still told, the link is still there, and so is who is linked with the manager otherwise."""
    loaded = module(NAME, V1)
    manager = gen_event.start()
    gen_event.add_sup_handler(manager, (loaded.Log, "mine"), "mine")

    def own() -> None:
        gen_event.add_sup_handler(manager, (loaded.Log, "its"), "its")
        otpy.receive()

    owner = otpy.spawn(own)
    eventually(lambda: len(gen_event.which_handlers(manager)) == 2)
    upgrade.reload_module(NAME, V2)
    otpy.exit(owner, otpy.Kill())
    eventually(lambda: gen_event.which_handlers(manager) == [(loaded.Log, "mine")])
    gen_event.delete_handler(manager, (loaded.Log, "mine"))
    assert get() == otpy.GenEventExit((loaded.Log, "mine"), otpy.Normal())


@inside
def test_a_handler_that_is_added_meanwhile_waits_for_the_outcome(module: Make) -> None:
    """In a manager that had none of the class, or that begins only now."""
    loaded = module(NAME, V1)
    empty, _ = with_handlers(loaded), with_handlers(loaded, "a")
    heard = otpy.self_pid()

    def add() -> None:
        gen_event.add_handler(empty, (loaded.Log, "late"), "late")
        otpy.send(heard, states(empty))

    def begin() -> None:
        otpy.send(heard, states(with_handlers(loaded, "new")))

    with at_step("suspend", lambda: [otpy.spawn(add), otpy.spawn(begin)]):
        report = upgrade.reload_module(NAME, V2)
    assert empty in report.affected_processes
    answers = [get(), get()]
    assert {"new": {"all": ["new"]}, "Other": ["other"]} in answers
    assert {"late": {"all": ["late"]}, "Other": ["other"]} in answers
    assert states(empty) == {"late": {"all": ["late"]}, "Other": ["other"]}
    assert vsns(empty) == {"2"}


@inside
def test_managers_rest_only_for_handlers(module: Make) -> None:
    """An upgrade of anything else does not concern them; nor does one of bodies alone."""
    loaded = module(NAME, V1)
    with_handlers(loaded, "a")
    module("m_server", OTHER_KIND)
    report = upgrade.reload_module("m_server", OTHER_KIND.replace("pass", "x = 1"))
    assert report.affected_processes == ()
    report = upgrade.reload_module(NAME, V1.replace('"v1", len(state)', '"body", len(state)'))
    assert report.affected_processes == ()


def told(old_vsn: Any, state: Any) -> Any:
    """Return what a function that is given as `state=` is told."""
    return old_vsn, state


@pytest.mark.parametrize(("mode", "expected"), [("preserve", ["a"]), ("reset", ["a"]), ("function", ("1", ["a", 1]))])
@inside
def test_what_becomes_of_states_can_be_said(module: Make, mode: str, expected: Any) -> None:
    """Left as they are, made anew by the init of each handler, or by a function."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a")
    gen_event.notify(manager, 1)
    state: Any = mode if mode != "function" else told
    before = states(manager)["a"]
    report = upgrade.reload_module(NAME, V1.replace('"1"', '"2"'), state=state)
    after = states(manager)["a"]
    assert (after is before) if mode == "preserve" else (after == expected)
    assert any("states were made anew" in warning for warning in report.warnings) is (mode == "reset")
    assert vsns(manager) == {"2"}


STEPPED = V1.replace('"1"', '"3"') + source("""
    @otpy.migration(Log, old="1", new="2")
    def second(state):
        return [*state, "second"]

    @otpy.migration(Log, old="2", new="3")
    def third(state, extra):
        return [*state, "third", extra]
""")


@inside
def test_an_edit_of_code_change_itself_converts(module: Make) -> None:
    """Nothing but a body changes, but it is the one that says what becomes of states."""
    old = V1 + "    def code_change(self, old_vsn, state, extra=None):\n        return otpy.Ok(state)\n"
    manager = with_handlers(module(NAME, old.replace('__vsn__ = "1"', "")), "a")
    upgrade.reload_module(NAME, old.replace('__vsn__ = "1"', "").replace("Ok(state)\n", 'Ok([*state, "converted"])\n'))
    assert states(manager)["a"] == ["a", "converted"]


@inside
def test_registered_steps_lead_there(module: Make) -> None:
    """Each handler from the version that it is of."""
    manager = with_handlers(module(NAME, V1), "a", "b")
    upgrade.reload_module(NAME, STEPPED, extra="x")
    assert states(manager) == {
        "b": ["b", "second", "third", "x"],
        "a": ["a", "second", "third", "x"],
        "Other": ["other"],
    }


TYPED = (
    V1.replace("GenEvent)", "GenEvent[list])").replace('"1"', '"2"')
    + """
    def code_change(self, old_vsn, state, extra):
        return otpy.Ok(len(state) if state == ["b"] else state)
"""
)


@inside
def test_a_state_of_another_type_than_declared_is_refused(module: Make) -> None:
    """`GenEvent[list]` says what it has to be; the class and the manager are named."""
    manager = with_handlers(module(NAME, V1), "a", "b")
    for rehearse in (True, False):
        with pytest.raises(
            otpy.MigrationFailed, match=r"m_events.Log: .*Log\(GenEvent\[…\]\): expected list, found int"
        ):
            upgrade.reload_module(NAME, TYPED, rehearse=rehearse)
    assert states(manager) == {"b": ["b"], "a": ["a"], "Other": ["other"]}


CHECKED = (
    V1.replace('"1"', '"2"')
    + """
    def check_upgrade(self, state):
        return state != ["b"]
"""
)


@pytest.mark.parametrize("runs_on", ["scheduler", "asyncio"])
@inside
def test_a_handler_has_the_last_word(module: Make, runs_on: str) -> None:
    """Its check_upgrade is asked, as that of a server is."""
    manager = with_handlers(module(NAME, V1), "a", "b", runs_on=runs_on)
    with pytest.raises(otpy.CheckFailed) as failed:
        upgrade.reload_module(NAME, CHECKED)
    assert (failed.value.pid, vsns(manager)) == (manager, {"1"})
    gen_event.delete_handler(manager, (module_now(NAME).Log, "b"))
    upgrade.reload_module(NAME, CHECKED)
    assert vsns(manager) == {"2"}


def module_now(name: str) -> Any:
    """Return the module of that name."""
    return sys.modules[name]


@inside
def test_a_crash_of_an_upgraded_handler_counts_for_the_watch(module: Make) -> None:
    """The manager lives, so nothing else would tell that the new version does badly. What was done since is kept."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a", "b")
    failing = V1.replace('"1"', '"2"').replace(
        "return otpy.Ok([*state,", 'if state[0] == "a": 1 / 0\n        return otpy.Ok([*state,'
    )
    with Listener("upgrade.rolled_back_by_watch") as listener:
        upgrade.reload_module(NAME, failing, watch=otpy.WatchPolicy(window=60.0, max_crashes=0))
        gen_event.sync_notify(manager, 1)
        eventually(lambda: listener.heard)
    assert states(manager) == {"b": ["b", 1], "Other": ["other", 1]}
    assert vsns(manager) == {"1"}


@inside
def test_going_back_to_the_states_of_before_keeps_who_was_added_since(module: Make) -> None:
    """Those that were there get their states of then; a handler that was deleted stays deleted."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a", "b", "c")
    policy = otpy.WatchPolicy(window=60.0, max_crashes=0, keep_work=False)
    with Listener("upgrade.rolled_back_by_watch") as listener:
        upgrade.reload_module(NAME, V2, watch=policy)
        gen_event.notify(manager, 1)
        gen_event.add_handler(manager, (loaded.Log, "late"), "late")
        gen_event.delete_handler(manager, (loaded.Log, "b"))
        with pytest.raises(otpy.HandlerCrashed):
            gen_event.call(manager, Other, "?")  # of no class that was upgraded: that is no reason to go back
        gen_event.notify(manager, 2)
        otpy.sys.replace_state(manager, lambda entry: (*entry[:2], None) if entry[1] == "c" else entry)
        gen_event.sync_notify(manager, 3)  # which "c" cannot handle any more
        eventually(lambda: listener.heard)
    assert states(manager) == {"late": ["late", 2, 3], "a": ["a"]}
    assert vsns(manager) == {"1"}


@inside
def test_what_an_upgrade_would_do_tells_of_managers(module: Make) -> None:
    """The impact, the plan and its rehearsal see the handlers behind the processes; others do not make it stale."""
    loaded = module(NAME, V1)
    one, two, _ = (with_handlers(loaded, *ids) for ids in (["a"], ["a", "b"], []))
    gen_event.delete_handler(two, Other)
    impact = upgrade.analyze_dependencies(NAME, V2)
    assert [facts.number for facts in impact.affected_processes] == [cast("Process", each).id for each in (one, two)]
    assert "2 processes of m_events.Log" in str(impact)
    plan = Plan.from_json(upgrade.plan({NAME: V2}).to_json())
    assert plan.refusals == ()
    assert [(each.behaviour, each.processes, each.migration) for each in plan.behaviours] == [
        ("m_events.Log", 2, "code_change")
    ]
    assert [(each.tried, each.total) for each in upgrade.rehearse(plan).behaviours] == [(2, 2)]
    gen_event.add_handler(two, Other, "more")
    upgrade.install(plan)
    assert [states(each)["a"]["from"] for each in (one, two)] == [("1", None)] * 2


@inside
def test_a_manager_is_kept_and_put_back(module: Make) -> None:
    """The states of its handlers, as long as they are the same ones, in the same version."""
    loaded = module(NAME, V1)
    manager = with_handlers(loaded, "a")
    snapshot = upgrade.preserve_process_state(manager)
    gen_event.sync_notify(manager, 1)
    upgrade.restore_process_state(manager, snapshot)
    assert states(manager) == {"a": ["a"], "Other": ["other"]}
    gen_event.add_handler(manager, (Other, "more"), "more")
    with pytest.raises(otpy.MigrationFailed, match="is of otpy"):
        upgrade.restore_process_state(manager, snapshot)
    gen_event.delete_handler(manager, (Other, "more"))
    upgrade.reload_module(NAME, V2)
    with pytest.raises(otpy.MigrationFailed, match="is of otpy"):
        upgrade.restore_process_state(manager, snapshot)


@inside
def test_the_code_of_a_handler_is_seen_in_its_manager(module: Make) -> None:
    """`who_runs` names the manager whose handler stands in it."""
    blocking = (
        V1
        + """
    def handle_info(self, message, state):
        otpy.receive(lambda found: found == "go on")
        return otpy.Ok(state)
"""
    )
    loaded = module(NAME, blocking)
    manager = with_handlers(loaded, "a")
    vsn = code.vsn(NAME)
    otpy.send(manager, "wait")
    eventually(lambda: [each for each in code.who_runs(NAME, vsn) if str(manager) in str(each)])
    otpy.send(manager, "go on")
    eventually(lambda: not [each for each in code.who_runs(NAME, vsn) if str(manager) in str(each)])


@inside
def test_modules_of_handlers_are_reloaded_like_those_of_servers(module: Make) -> None:
    """`runtime(reload_every=n)` finds them by the managers that run them."""
    with_handlers(module(NAME, V1), "a")
    assert NAME in running_sources(cast("Process", otpy.self_pid()).runtime)


@inside
def test_in_a_rolling_upgrade_managers_come_with_the_module(module: Make) -> None:
    """Any of them may get a handler of either version meanwhile, so none goes ahead; and it says so."""
    manager = with_handlers(module(NAME, V1), "a")
    report = upgrade.reload_module(NAME, REPLACED, strategy="rolling")
    assert any("nobody went ahead" in warning for warning in report.warnings)
    assert vsns(manager) == {"2"}


# -- at random moments -------------------------------------------------------------------------------

TALLY = source("""
    import otpy

    __vsn__ = "1"

    class Tally(otpy.GenEvent):
        def init(self, arg):
            return otpy.Ok(0)

        def handle_event(self, event, state):
            return otpy.Ok(state + 1)

        def handle_call(self, request, state):
            return otpy.Reply(state, state)
""")

TALLY_2 = source("""
    import otpy

    __vsn__ = "2"

    class Tally(otpy.GenEvent):
        def init(self, arg):
            return otpy.Ok({"n": 0})

        def handle_event(self, event, state):
            return otpy.Ok({"n": state["n"] + 1})

        def handle_call(self, request, state):
            return otpy.Reply(state["n"], state)

        def code_change(self, old_vsn, state, extra):
            return otpy.Ok(state["n"] if isinstance(old_vsn, otpy.DownTo) else {"n": state})
""")

ROUNDS = 12
PLACES: tuple[Any, ...] = ("scheduler", "thread", "asyncio")


@inside
def test_no_event_is_lost_and_no_handler_forgotten(module: Make) -> None:
    """While handlers come, go and are swapped, and upgrades stand, fail at any step and are taken back."""
    seed = secrets.randbits(32)
    choose, loaded = random.Random(seed), module("m_tally", TALLY)  # noqa: S311 - nothing is kept secret with it
    managers = [gen_event.start(runs_on=place) for place in PLACES]
    for manager in managers:
        gen_event.add_handler(manager, loaded.Tally)
    over = [False]
    with Listener("handler.crash", "process.crash") as listener:
        workers = [_Worker.start(lambda do=do: do(managers, loaded, over)) for do in (_send, _come_and_go)]
        for worker in workers:
            otpy.cast(worker, "go")
        for _ in range(ROUNDS):
            with contextlib.suppress(ForcedRollback):
                upgrade.reload_module("m_tally", TALLY_2, force_rollback_at=choose.choice([None, None, *STEPS]))
                upgrade.rollback_module("m_tally")
        over[0] = True
        sent, rounds = (otpy.call(worker, "how many?", timeout=60.0) for worker in workers)
    assert (listener.heard, rounds > 0) == ([], True), seed
    counts = [gen_event.call(manager, loaded.Tally, "how many?") for manager in managers]
    assert counts == [sent] * len(managers), seed
    assert [gen_event.which_handlers(manager) for manager in managers] == [[loaded.Tally]] * len(managers), seed


def _send(managers: list[otpy.Pid], _loaded: ModuleType, over: list[bool]) -> int:
    """Send each manager the same number of events, now and then one that is waited for; return how many."""
    count = 0
    while not over[0]:
        count += 1
        for manager in managers:
            (gen_event.notify if count % 20 else gen_event.sync_notify)(manager, count)
    return count


def _come_and_go(managers: list[otpy.Pid], loaded: ModuleType, over: list[bool]) -> int:
    """Add handlers, have others take over from them, and delete those; return how many."""
    rounds = 0
    while not over[0]:
        rounds += 1
        manager = managers[rounds % len(managers)]
        gen_event.add_handler(manager, (loaded.Tally, "comes"))
        gen_event.swap_handler(manager, ((loaded.Tally, "comes"), "bye"), ((loaded.Tally, "goes"), "hello"))
        gen_event.call(manager, (loaded.Tally, "goes"), "how many?", timeout=60.0)
        gen_event.delete_handler(manager, (loaded.Tally, "goes"))
    return rounds


class _Worker(otpy.GenServer[Any]):
    """Does something once it is told to, and says afterwards what came of it."""

    runs_on = "thread"

    def init(self, arg: Any) -> Any:
        """Keep what is to be done."""
        return otpy.Ok(arg)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Do it."""
        return otpy.NoReply(state())

    def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
        """Say what came of it."""
        return otpy.Reply(state, state)
