"""What code that runs for an upgrade sends to those who are held: it comes when the upgrade stands, or never."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.errors import ForcedRollback
from otpy.upgrade import STEPS
from tests.support import eventually, inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

TREE = source("""
    import otpy

    class Child(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([])

        def handle_call(self, request, from_, state):
            return otpy.Reply(list(state), state)

        def handle_cast(self, request, state):
            return otpy.NoReply([*state, request])

        handle_info = handle_cast

    class Top(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags(intensity=100), [Child.child_spec(name, id=name, name=name) for name in ("a",)]
""")
ADDED = TREE.replace("return otpy.Ok([])", "HERE").replace('("a",)', '("a", "new")')
CASTS = "[otpy.cast('a', n) for n in range(3)]"


def added(init: str, *, then: str = "otpy.Ok([])") -> str:
    """Return the version of TREE with another child, whose `init` does something first."""
    return ADDED.replace("HERE", f"return arg == 'new' and {init} and {then} or otpy.Ok([])")


CONTINUED = """
    def handle_continue(self, arg, state):
        otpy.cast("a", "later")
        return otpy.NoReply(state)

class Top"""


@inside
def test_added_child_casts_to_a_sibling_when_the_upgrade_stands(module: Make) -> None:
    """In order, and before what it sends later."""
    module("m_tree", TREE).Top.start()
    old = otpy.whereis("a")
    text = added(CASTS, then="otpy.Ok([], then=otpy.Continue(1))")
    upgrade.reload_module("m_tree", text.replace("\nclass Top", CONTINUED))
    eventually(lambda: otpy.call("a", "seen") == [0, 1, 2, "later"])
    assert otpy.whereis("a") is old


@inside
def test_added_child_that_is_taken_back_has_sent_nothing(module: Make) -> None:
    """Neither a cast nor a message, to whom it had said them while the upgrade could still fail."""
    module("m_tree", TREE).Top.start()
    text = added("(otpy.cast('a', 1), otpy.send('a', 2), otpy.send(otpy.whereis('a'), 3))")
    with pytest.raises(ForcedRollback):
        upgrade.reload_module("m_tree", text, force_rollback_at="children")
    assert otpy.call("a", "seen") == []
    assert otpy.whereis("new") is None


@inside
def test_added_child_whose_successor_fails_has_sent_nothing(module: Make) -> None:
    """The upgrade fails after it has started."""
    module("m_tree", TREE).Top.start()
    text = added(CASTS).replace('"new")', '"new", "bad")').replace("return arg", "return arg == 'bad' and 1 / 0 or arg")
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module("m_tree", text)
    assert otpy.call("a", "seen") == []


HELPER = """
def helper():
    otpy.register("helper", otpy.self_pid())
    otpy.cast("a", "from a helper")
    otpy.send("main", "helped")
    otpy.receive()
"""


@inside
def test_what_an_added_child_has_started_goes_with_it(module: Make) -> None:
    """Also what is linked to nobody, with its name; and what that has sent."""
    otpy.register("main", otpy.self_pid())
    module("m_tree", TREE).Top.start()
    text = added("(otpy.spawn(helper), otpy.sleep(0.01))") + HELPER
    with pytest.raises(ForcedRollback):
        upgrade.reload_module("m_tree", text, force_rollback_at="children")
    assert otpy.receive(timeout=10) == "helped"
    assert otpy.whereis("helper") is None
    assert otpy.call("a", "seen") == []


@inside
def test_timer_that_an_added_child_has_set_goes_with_it(module: Make) -> None:
    """A timer outlives who has set it; but there was nobody to set it."""
    module("m_tree", TREE).Top.start()
    with pytest.raises(ForcedRollback):
        upgrade.reload_module("m_tree", added("[otpy.send_after('a', 1, 0.2)]"), force_rollback_at="children")
    otpy.send_after("a", "mine", 0.3)
    eventually(lambda: otpy.call("a", "seen") != [])
    assert otpy.call("a", "seen") == ["mine"]


@pytest.mark.parametrize("step", [None, "children"])
@inside
def test_timer_that_an_added_child_has_set_and_that_fires_meanwhile(module: Make, step: str | None) -> None:
    """What it sends is what the child sends."""
    module("m_tree", TREE).Top.start()
    text = added("(otpy.cast('a', 1), otpy.send_after('a', 2, 0.0), otpy.sleep(0.05), otpy.cast('a', 3))")
    if step is None:
        upgrade.reload_module("m_tree", text)
        eventually(lambda: otpy.call("a", "seen") == [1, 2, 3])
    else:
        with pytest.raises(ForcedRollback):
            upgrade.reload_module("m_tree", text, force_rollback_at=step)
        assert otpy.call("a", "seen") == []


@inside
def test_end_of_a_process_is_told_although_the_upgrade_goes_back(module: Make) -> None:
    """What has died is dead: its supervisor has to know, and acts when it goes on."""
    module("m_tree", TREE).Top.start()
    victim: Any = otpy.whereis("a")
    text = added("[otpy.exit(otpy.whereis('a'), otpy.Kill())]")
    with pytest.raises(ForcedRollback):
        upgrade.reload_module("m_tree", text, force_rollback_at="children")
    eventually(lambda: otpy.whereis("a") not in {None, victim})
    assert otpy.call("a", "seen") == []


SENDING = """
    def code_change(self, old_vsn, state, extra):
        otpy.cast("a", "changed")
        otpy.cast("b", "changed")
        return otpy.Ok(state)

class Top"""


@pytest.mark.parametrize("step", [None, *STEPS[STEPS.index("convert") :]])
def test_what_a_code_change_sends_comes_when_the_upgrade_stands(
    otp_runtime: object, module: Make, step: str | None
) -> None:
    """A rehearsal refuses it; who goes without one may send, and nobody hears of it if it was in vain."""

    def main() -> None:
        module("m_tree", TREE.replace('("a",)', '("a", "b")')).Top.start()
        text = TREE.replace('("a",)', '("a", "b")').replace("\nclass Top", SENDING)
        if step is None:
            upgrade.reload_module("m_tree", text, rehearse=False)
        else:
            with pytest.raises(ForcedRollback):
                upgrade.reload_module("m_tree", text, rehearse=False, force_rollback_at=step)
        otpy.cast("a", "afterwards")
        expected = ["changed", "changed", "afterwards"] if step is None else ["afterwards"]
        assert otpy.call("a", "seen") == expected
        assert otpy.call("b", "seen") == expected[:-1]

    otpy.run(main)


ASKING = source("""
    import otpy

    PEERS = []

    class Server(otpy.GenServer):
        def init(self, arg):
            PEERS.append(otpy.self_pid())
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")
ASKS = """
    def code_change(self, old_vsn, state, extra):
        return otpy.Ok(otpy.call(PEERS[1 - state], "?", timeout=None))
"""


@inside
def test_who_waits_in_a_code_change_for_one_who_is_held_waits_no_more_when_it_is_taken_back(module: Make) -> None:
    """Its request never came to anybody, so nobody would ever answer."""
    servers = [module("m_asking", ASKING).Server.start(n) for n in range(2)]
    with pytest.raises(otpy.MigrationFailed, match="code_change did not end"):
        upgrade.reload_module("m_asking", ASKING + ASKS, rehearse=False, code_change_timeout=0.2)
    assert [otpy.call(pid, "?") for pid in servers] == [0, 1]


@inside
def test_messages_of_others_come_in_their_order_meanwhile(module: Make) -> None:
    """Only what the upgrade itself sends is kept back."""
    module("m_tree", TREE).Top.start()
    otpy.cast("a", "before")

    def tell(step: str) -> None:
        otpy.cast("a", step)

    detach = otpy.events.attach("upgrade.step", tell)
    try:
        upgrade.reload_module("m_tree", added(CASTS))
    finally:
        detach()
    seen = otpy.call("a", "seen")
    assert [each for each in seen if isinstance(each, int)] == [0, 1, 2]
    assert [each for each in seen if isinstance(each, str)] == ["before", *STEPS, "resume"]


NOTES = source("""
    import dataclasses
    import otpy

    @dataclasses.dataclass(slots=True)
    class Note:
        text: str

    class Reader(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok([])

        def handle_call(self, request, from_, state):
            return otpy.Reply(list(state), state)

        def handle_cast(self, request, state):
            return otpy.NoReply([*state, (isinstance(request, Note), repr(request))])

        handle_info = handle_cast
""")


@pytest.mark.parametrize("step", [*STEPS[STEPS.index("suspend") :], "resume"])
def test_message_of_a_class_as_it_was_is_brought_along_whenever_it_comes(
    otp_runtime: object, module: Make, step: str
) -> None:
    """From somebody whom the upgrade does not hold, such as another thread; the class is another object afterwards."""

    def main() -> None:
        notes: Any = module("m_notes", NOTES)
        pid = notes.Reader.start()
        old = notes.Note("old")

        def send(at: str) -> None:
            if at == step:
                otpy.cast(pid, old)
                otpy.send(pid, old)

        def hook(step: str) -> None:
            send(step)

        detach = otpy.events.attach("upgrade.step", hook)
        try:
            upgrade.reload_module("m_notes", NOTES.replace("text: str", "text: str\n    more: int = 1"))
        finally:
            detach()
        assert type(old) is not notes.Note
        assert otpy.call(pid, "seen") == [(True, "Note(text='old', more=1)")] * 2

    otpy.run(main)


LINKED = """
def linked():
    otpy.link(otpy.whereis("a"))
    raise otpy.ExitProcess("the end")
"""


@pytest.mark.parametrize(
    "init",
    [
        "otpy.link(otpy.whereis('a'))",
        "(otpy.link(otpy.whereis('a')), 1 / 0)",
        "(otpy.spawn(linked), otpy.sleep(0.01))",
        "otpy.monitor('a')",
    ],
)
@inside
def test_who_is_linked_with_an_added_child_lives_when_that_is_taken_back(module: Make, init: str) -> None:
    """Its end, and that of whom it has started, is the end of nobody who was there before."""
    module("m_tree", TREE).Top.start()
    old = otpy.whereis("a")
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module("m_tree", added(init) + LINKED, force_rollback_at="children")
    assert otpy.call("a", "seen") == []
    assert otpy.whereis("a") is old


@inside
def test_who_is_linked_with_what_an_added_child_has_started_hears_of_its_end_when_the_upgrade_stands(
    module: Make,
) -> None:
    """Then it was there, and the link is as any other."""
    module("m_tree", TREE).Top.start()
    old: Any = otpy.whereis("a")
    upgrade.reload_module("m_tree", added("(otpy.spawn(linked), otpy.sleep(0.01))") + LINKED)
    eventually(lambda: not otpy.is_alive(old))
    assert old.exit_reason == "the end"


HELPED = """
    def code_change(self, old_vsn, state, extra):
        HELP
        return otpy.Ok(state)

class Top"""
HELPS = {
    "linked": "otpy.spawn_link(otpy.receive)",
    "monitored": "otpy.spawn_monitor(otpy.receive)",
    "monitored, and has ended": "otpy.spawn_monitor(int), otpy.sleep(0.01)",
    "a linked server": "Child.start_link('helper')",
    "a task": "otpy.Task.async_(otpy.receive)",
    "a task that is waited for": "state = [*state, otpy.Task.async_(lambda: 5).await_()]",
}


@pytest.mark.parametrize("help_", HELPS.values(), ids=HELPS)
@inside
def test_whom_a_code_change_has_started_leaves_no_trace_when_it_is_taken_back(module: Make, help_: str) -> None:
    """Neither an exit signal nor a message of its end."""
    module("m_tree", TREE).Top.start()
    old, before = otpy.whereis("a"), len(otpy.processes())
    with pytest.raises(ForcedRollback):
        upgrade.reload_module(
            "m_tree",
            TREE.replace("\nclass Top", HELPED.replace("HELP", help_)),
            rehearse=False,  # which refuses effects
            force_rollback_at="check",
        )
    eventually(lambda: len(otpy.processes()) == before)
    assert otpy.call("a", "seen") == []
    assert otpy.whereis("a") is old


@inside
def test_code_change_may_wait_for_a_task(module: Make) -> None:
    """What it is sent by that is for itself, and not to be kept back."""
    module("m_tree", TREE).Top.start()
    text = TREE.replace("\nclass Top", HELPED.replace("HELP", HELPS["a task that is waited for"]))
    upgrade.reload_module("m_tree", text, rehearse=False)
    assert otpy.call("a", "seen") == [5]


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
@pytest.mark.parametrize("size", [1, 2])
@inside
def test_who_goes_ahead_leaves_no_trace_when_its_conversion_fails(module: Make, strategy: Any, size: int) -> None:
    """Alone, in a slice of its own, or in a group that rests: what it has sent itself is gone, and whom it started."""
    made = module("m_tree", TREE)
    pids = [made.Child.start(number) for number in range(size)]
    before = len(otpy.processes())
    failing = (
        "otpy.spawn_link(otpy.receive), otpy.cast(otpy.self_pid(), 1), otpy.spawn_monitor(int), otpy.sleep(0.01), 1 / 0"
    )
    text = TREE.replace("class Child(otpy.GenServer):", "class Child(otpy.GenServer):\n    limit = 1\n")
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module(
            "m_tree",
            text.replace("\nclass Top", HELPED.replace("HELP", failing)),
            strategy=strategy,
            group_size=size,
            canaries=size,
            rehearse=False,
        )
    eventually(lambda: len(otpy.processes()) == before)
    assert [otpy.call(pid, "seen") for pid in pids] == [[]] * size
