"""`kill -9` at random moments: what was acknowledged is there, and nothing is there by half."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from otpy.store import Limits, open_store
from otpy.store.database import Store

ROOT = Path(__file__).parent.parent.parent

KILLS = 16

WRITER = """
import sys
from otpy.store import *
place, first = sys.argv[1], int(sys.argv[2])

def say(*words):
    print(*words, flush=True)

with open_store(place, limits=Limits(snapshots=1000)) as store:
    say("open")
    for n in range(first, first + 100_000):
        modules = [f"m{i}" for i in range(1 + n % 3)]
        sources = tuple(Source(m, str(n), f"n = {n}  # {m} " + "x" * 3000) for m in modules)
        upgrade = store.begin(Planned(sources=sources, plan=b"p" * n, asked_by=str(n)))
        say("begun", n, upgrade)
        for step in range(3):
            store.step(upgrade, Step(f"step {step}", 0.0, {"<1>": "s" * 2000}))
            say("step", n, step)
        state = Snapshot(process="<1>", behaviour="B", vsn=str(n), state=b"s" * 1000)
        store.snapshot(upgrade, [state] * 4)
        say("snapshots", n)
        store.end(upgrade, Ending(state="committed", outcome=f"completed {n}", migrated=n))
        say("ended", n)
        if n % 2:
            store.make_permanent()
            say("permanent", n)
"""


@pytest.mark.timeout(180)
def test_no_acknowledged_record_is_lost_and_none_is_half(place: str) -> None:
    """The machine that a node runs on does not ask before it kills; the record must be right whenever that is."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    dice = random.Random(seed)  # noqa: S311
    said: dict[str, set[tuple[int, ...]]] = {}
    first = 1
    for _ in range(KILLS):
        for what, *numbers in _write_until_killed(
            place, first, lines=dice.randrange(1, 40), milliseconds=dice.random()
        ):
            said.setdefault(what, set()).add(tuple(map(int, numbers)))
        with open_store(place, limits=Limits(snapshots=1000)) as store:
            last = _check(store, said)
        first = last + 1
    assert len(said["ended"]) > KILLS // 2


def _write_until_killed(place: str, first: int, *, lines: int, milliseconds: float) -> list[list[str]]:
    """Run the writer, kill it a moment after it has said so many lines, and return all that it has said."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, place, str(first)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    heard = [writer.stdout.readline() for _ in range(lines)]
    with pytest.raises(subprocess.TimeoutExpired):
        writer.wait(milliseconds / 1000)
    writer.kill()
    rest, _ = writer.communicate()
    assert writer.returncode == -9
    # A line that was cut off was not said.
    return [line.split() for line in [*heard, *rest.splitlines(keepends=True)] if line.endswith("\n")]


def _check(store: Store, said: dict[str, set[tuple[int, ...]]]) -> int:
    """Compare the store with what was said, and return the number of the last upgrade that it has."""
    records = {int(record.asked_by): record for record in store.history()}
    assert {n for n, _ in said.get("begun", ())} <= set(records)
    ended = {n for (n,) in said.get("ended", ())}
    assert ended <= {n for n, record in records.items() if record.state != "interrupted"}
    permanent = {n for (n,) in said.get("permanent", ())}
    assert permanent <= {n for n, record in records.items() if record.state == "permanent"}
    steps = said.get("step", set())
    for n, record in records.items():
        full = store.upgrade(record.id)
        assert [change.module for change in full.modules] == [f"m{i}" for i in range(1 + n % 3)]
        assert store.plan(record.id) == b"p" * n
        assert [step.name for step in full.steps] == [f"step {i}" for i in range(len(full.steps))]
        assert {(n, i) for i in range(3)} & steps <= {(n, i) for i in range(len(full.steps))}
        assert all(step.before == {"<1>": "s" * 2000} for step in full.steps)
        assert len(store.snapshots(record.id)) in ({4} if (n,) in said.get("snapshots", ()) else {0, 4})
        if record.state == "interrupted":
            assert (record.migrated, record.ended) == (0, None)
        else:
            assert (record.outcome, record.migrated) == (f"completed {n}", n)
    for made in store.permanent_versions().values():
        assert records[int(made.vsn)].state == "permanent"
        assert made.source.startswith(f"n = {made.vsn}  # {made.module} ")
    return max(records, default=0)
