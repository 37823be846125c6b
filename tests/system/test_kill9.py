"""`kill -9` of a node at every step of an upgrade: after the restart all is consistent, and said in plain words."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otpy.upgrade import STEPS
from tests.store.conftest import place as place  # noqa: PLC0414 - a fixture: each database in turn

ROOT = Path(__file__).parent.parent.parent
DEADLINE = 60.0

NODE = """
import json, os, signal, sys, logging
import otpy
from otpy.kernel import events
from otpy.store import open_store
from otpy.upgrade.boot import permanent_versions, recovered

folder, place, version, die_at = sys.argv[1:]
sys.path.insert(0, folder)
logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")

def die(step=None, **_facts):
    if step == die_at or (step is None and die_at == "end"):
        os.kill(os.getpid(), signal.SIGKILL)

with open_store(place) as store, permanent_versions(store):
    otpy.upgrade.use_store(store)
    import till
    with otpy.runtime():
        told = recovered(store)
        till.Root.start_link(name="root")
        otpy.cast("till", 5)
        facts = {
            "runs": till.__vsn__,
            "told": [each.message for each in told],
            "history": [[r.status, r.error_class] for r in otpy.upgrade.history()],
            "state": otpy.call("till", "state"),
        }
        events.attach("upgrade.step", die)
        events.attach("upgrade.end", die)
        if version != "-":
            with open(os.path.join(folder, f"till{version}.txt"), encoding="utf-8") as text:
                report = otpy.upgrade.reload_module("till", text.read())
            facts |= {"status": report.status, "now": otpy.call("till", "state"), "id": report.id}
            facts["states"] = [[s.before, s.after] for s in otpy.upgrade.timeline(report.id).states]
        if die_at == "permanent":
            otpy.upgrade.make_permanent()
            os.kill(os.getpid(), signal.SIGKILL)
        print(json.dumps(facts), flush=True)
    otpy.upgrade.use_store(None)
"""

VERSION_1 = """
from dataclasses import dataclass

import otpy
from otpy import NoReply, Ok, Reply, SupFlags

__vsn__ = "1"


@dataclass
class Money:
    euros: int


class Till(otpy.GenServer):
    def init(self, arg):
        return Ok(Money(arg))

    def handle_cast(self, request, state):
        state.euros += request
        return NoReply(state)

    def handle_call(self, request, from_, state):
        return Reply(str(state), state)


class Root(otpy.Supervisor):
    CHILDREN = ("till",)

    def init(self, arg):
        return SupFlags(), [Till.child_spec(10, id=name, name=name) for name in self.CHILDREN]
"""

VERSION_2 = (
    VERSION_1.replace('"1"', '"2"')
    .replace("euros: int", 'euros: int\n    currency: str = "EUR"')
    .replace('("till",)', '("till", "safe")')
)


class Machine:
    """The machine of one node: its files, its store, and what is run on it."""

    def __init__(self, folder: Path, place: str) -> None:
        self.folder, self.place = folder, place
        (folder / "till.py").write_text(VERSION_1)
        (folder / "till2.txt").write_text(VERSION_2)

    def run(self, version: str = "-", die_at: str = "-") -> subprocess.CompletedProcess[str]:
        """Run the node once: it starts, upgrades to *version*, and dies at the beginning of a step."""
        command = [sys.executable, "-c", NODE, str(self.folder), self.place, version, die_at]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False)

    def lives(self, version: str = "-") -> dict[str, Any]:
        """Run a node that lives, and return what it says of itself."""
        done = self.run(version)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def machine(tmp_path: Path, place: str) -> Machine:
    """Give the test a machine with version 1 of the till on its disk."""
    return Machine(tmp_path, place)


BEFORE_IT_IS_RECORDED = STEPS[: STEPS.index("record") + 1]
"""A node that is killed at the beginning of one of these has recorded nothing yet, and changed nothing either."""


@pytest.mark.parametrize("step", [*STEPS, "resume"])
def test_a_node_that_is_killed_in_a_step_starts_as_if_the_upgrade_had_not_been_asked_for(
    machine: Machine, step: str
) -> None:
    """And says so: what was under way, how far it was, what runs now, and what to do. It can be done at once."""
    assert machine.run("2", die_at=step).returncode == -signal.SIGKILL
    after = machine.lives("2")
    assert (after["runs"], after["state"]) == ("1", "Money(euros=15)")
    recorded = step not in BEFORE_IT_IS_RECORDED
    assert after["history"] == ([["interrupted", None]] if recorded else [])
    told = after["told"]
    assert len(told) == recorded
    for message in told:
        assert "till 1 → 2" in message
        assert "was under way when the node ended" in message
        finished = [*STEPS, "resume"]
        assert f"The last step that it finished was {finished[finished.index(step) - 1]!r}" in message
        assert "no source file was written" in message
        assert "Now: " in message
        assert message.endswith("To have the upgrade, ask for it again.")
    assert (after["status"], after["now"]) == ("completed", "Money(euros=15, currency='EUR')")
    assert ["Money(euros=15)", "Money(euros=15, currency='EUR')"] in after["states"]
    assert (machine.folder / "till.py").read_text() == VERSION_1


def test_what_was_under_way_is_told_once(machine: Machine) -> None:
    """At the first start after it: the history keeps it."""
    machine.run("2", die_at="convert")
    assert len(machine.lives()["told"]) == 1
    again = machine.lives()
    assert (again["told"], again["history"]) == ([], [["interrupted", None]])


def test_a_node_that_is_killed_after_the_end_has_the_upgrade_in_its_history(machine: Machine) -> None:
    """It was completed, and is no longer there: what was not made permanent dies with its node."""
    assert machine.run("2", die_at="end").returncode == -signal.SIGKILL
    after = machine.lives()
    assert (after["runs"], after["history"], after["told"]) == ("1", [["completed", None]], [])


# case: release_handler_SUITE: upgrade
def test_what_was_made_permanent_runs_after_the_kill(machine: Machine) -> None:
    """The file is still the old one: going back silently would be a surprise. A newer file is a newer release."""
    assert machine.run("2", die_at="permanent").returncode == -signal.SIGKILL
    done = machine.run()
    assert json.loads(done.stdout)["runs"] == "2"
    assert "till 2 runs from the store" in done.stderr
    newer = (
        VERSION_1.replace('"1"', '"3"') + "# Python tells kept bytecode by the second and by the length of the file\n"
    )
    (machine.folder / "till.py").write_text(newer)
    done = machine.run()
    assert json.loads(done.stdout)["runs"] == "3"
    assert "the file is newer, and runs" in done.stderr


def test_a_node_that_is_killed_while_it_upgrades_what_is_permanent_goes_back_to_that(machine: Machine) -> None:
    """Not to the file, which is older, and not to what was under way."""
    assert machine.run("2", die_at="permanent").returncode == -signal.SIGKILL
    (machine.folder / "till3.txt").write_text(VERSION_2.replace('"2"', '"3"').replace("EUR", "CHF"))
    assert machine.run("3", die_at="convert").returncode == -signal.SIGKILL
    after = machine.lives()
    assert (after["runs"], after["state"]) == ("2", "Money(euros=15, currency='EUR')")
    (message,) = after["told"]
    assert "till 2 → 3" in message
    assert "till 2 runs from the store" in message
