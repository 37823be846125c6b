"""What the records of upgrades teach, by hand-made histories."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from otpy.store import Ending, MemoryStore, ModuleChange, Planned, Record, Source, Step
from otpy.upgrade.insight_text import duration, sparkline
from otpy.upgrade.insight_values import Rate, Spread, TimeRange, Trend, time_range
from otpy.upgrade.insights import BUCKETS, ReloadInsights, insights, spread, trend

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def record(hour: float = 0.0, *, module: str = "shop", state: str = "committed", **facts: Any) -> Record:
    """Return an upgrade of *module*, begun so many hours after Monday."""
    base = Record(
        id=int(hour * 60) + 1,
        boot=1,
        state="committed",
        outcome={"committed": "completed", "permanent": "completed"}.get(state, state),
        started=MONDAY + timedelta(hours=hour),
        modules=(ModuleChange(module, "1", "2", "a", "b"),),
    )
    return msgspec.structs.replace(base, state=state, **facts)


def failed(hour: float = 0.0, error_class: str = "MigrationFailed", **facts: Any) -> Record:
    """Return an upgrade that was rolled back with an error."""
    return record(hour, state="rolled_back", error_class=error_class, error=f"{error_class} at {hour}", **facts)


def by_watch(hour: float = 0.0, **facts: Any) -> Record:
    """Return an upgrade that was completed, and that the watch rolled back."""
    told = {"outcome": "rolled_back_by_watch", "error_class": "Crash", "error": "3 crashes"}
    return record(hour, state="rolled_back", **told, **facts)


def test_attempts_are_those_that_have_ended() -> None:
    """An upgrade under way is neither a success nor a failure yet."""
    found = insights(
        [
            record(0),
            record(1, state="permanent"),
            failed(2),
            by_watch(3),
            record(4, state="interrupted"),
            record(5, state="prepared"),
        ]
    )
    assert (found.rate, found.under_way) == (Rate(attempts=5, completed=2), 1)
    assert found.success_rate == 0.4
    assert found.outcomes == {"completed": 2, "rolled_back": 1, "rolled_back_by_watch": 1, "interrupted": 1}


def test_nothing_recorded_is_no_success_rate() -> None:
    """0 of 0 is neither 0 % nor 100 %."""
    found = insights([])
    assert (found.success_rate, found.buckets, found.recommendations) == (None, (), ())
    assert str(found) == "no upgrade has ended in this time"


def test_only_the_time_range_counts() -> None:
    """The beginning is part of it, the end is not, so that ranges that follow each other count everything once."""
    records = [record(hour) for hour in range(10)]
    found = insights(records, TimeRange(MONDAY + timedelta(hours=2), MONDAY + timedelta(hours=5)))
    assert found.rate.attempts == 3
    assert len(found.buckets) == BUCKETS
    assert found.buckets[0].start == MONDAY + timedelta(hours=2)
    assert [bucket.rate.attempts for bucket in found.buckets] == [1, 0, 0, 0] * 3


def test_an_open_range_is_from_the_first_to_the_last() -> None:
    """Whatever order the records come in."""
    found = insights([record(12), record(0), record(6)])
    assert (found.since, found.until) == (MONDAY, MONDAY + timedelta(hours=12))
    assert [bucket.rate.attempts for bucket in found.buckets] == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_upgrades_of_one_moment_are_one_bucket() -> None:
    """A range without length cannot be cut."""
    found = insights([record(1), failed(1)])
    assert [bucket.rate for bucket in found.buckets] == [Rate(2, 1)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], "steady"),
        ([5], "steady"),
        ([0, 0, 0, 0], "steady"),
        ([0, 0, 0, 1], "steady"),
        ([0, 0, 1, 1], "rising"),
        ([1, 1, 0, 0], "falling"),
        ([4, 4, 5, 5], "steady"),
        ([2, 2, 3, 3], "rising"),
        ([3, 3, 2, 2], "falling"),
        ([0, 9, 0], "steady"),
        ([0, 9, 2], "rising"),
    ],
)
def test_a_trend_needs_two_more_and_half_as_many_again(counts: list[int], expected: Trend) -> None:
    """One error more is no trend; the part in the middle belongs to neither half."""
    assert trend(counts) == expected


@given(st.lists(st.integers(0, 20), max_size=15))
def test_a_trend_read_backwards_is_the_opposite(counts: list[int]) -> None:
    """The rule favours neither direction."""
    opposite = {"rising": "falling", "falling": "rising", "steady": "steady"}
    assert trend(counts[::-1]) == opposite[trend(counts)]


@given(st.lists(st.floats(0.001, 1000), min_size=1))
def test_percentiles_are_values_that_were_measured(values: list[float]) -> None:
    """Of the nearest rank: at least half, and at least 95 of 100, are not above."""
    found = spread(values)
    assert {found.p50, found.p95, found.max} <= set(values)
    assert found.max == max(values)
    assert sum(value <= found.p50 for value in values) >= len(values) / 2
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)


def test_what_was_not_measured_does_not_count() -> None:
    """A refused upgrade took no time worth an average, and one that touched no process paused none."""
    assert spread([0.0, 0.0, 3.0, 1.0, 2.0]) == Spread(3, 2.0, 3.0, 3.0)
    assert spread([0.0]) == Spread()


def test_error_patterns_are_by_class_most_frequent_first() -> None:
    """What fails most is what to look at first; the last message is an example."""
    records = [
        record(0),
        *(failed(hour, "SuspendTimeout", module="till") for hour in (1, 20, 21, 23)),
        failed(2, "CompilationFailed"),
        failed(3, "CompilationFailed", module="cart"),
        record(24),
    ]
    first, second = insights(records).error_patterns
    assert (first.error_class, first.count, first.trend, first.modules) == ("SuspendTimeout", 4, "rising", ("till",))
    assert first.counts == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1)
    assert (first.last, first.example) == (MONDAY + timedelta(hours=23), "SuspendTimeout at 23")
    assert (second.error_class, second.trend, second.modules) == ("CompilationFailed", "falling", ("cart", "shop"))


def test_ends_without_an_exception_are_patterns_too() -> None:
    """A node that died and a watch that rolled back are failures like others."""
    found = insights([record(0, state="interrupted"), by_watch(1)])
    assert {pattern.error_class: pattern.example for pattern in found.error_patterns} == {
        "Interrupted": "the node ended while the upgrade was under way",
        "RolledBackByWatch": "3 crashes",
    }


def test_timings_tell_the_slowest_step() -> None:
    """By p95: a step that is slow now and then is what people wait for."""
    steps = [(Step("suspend", 0.1), Step("convert", seconds)) for seconds in (0.01, 0.02, 0.9)]
    found = insights(
        [record(n, steps=step, seconds=0.5 + n, paused_s={"p50": 0.1, "max": 0.2 + n}) for n, step in enumerate(steps)]
    ).timings
    assert found.slowest_step == "convert"
    assert [step.name for step in found.steps] == ["convert", "suspend"]
    assert found.steps[0].seconds == Spread(3, 0.02, 0.9, 0.9)
    assert found.steps[1].share == pytest.approx(0.3 / 1.23)
    assert found.total == Spread(3, 1.5, 2.5, 2.5)
    assert found.pause == Spread(3, 1.2, 2.2, 2.2)
    assert insights([record()]).timings.slowest_step is None


@pytest.mark.parametrize(
    ("records", "problems"),
    [
        ([record(0), failed(1)], ()),
        ([record(0), failed(1), failed(2)], ("2 of 3 upgrades failed",)),
        ([*(record(n) for n in range(7)), failed(8), failed(9)], ()),
        ([*(record(n) for n in range(6)), failed(8), failed(9)], ("2 of 8 upgrades failed",)),
        ([by_watch(0)], ("1 rolled back by the watch",)),
        ([record(0, paused_s={"max": 1.5})], ("half of the upgrades paused a process for 1.5 s or longer",)),
        ([record(0, paused_s={"max": 0.1}), record(1, paused_s={"max": 1.5})], ()),
    ],
)
def test_what_makes_a_module_a_problem(records: list[Record], problems: tuple[str, ...]) -> None:
    """The thresholds are documented, and the words name the numbers."""
    (module,) = insights(records).modules
    assert module.problems == problems


def test_modules_with_problems_come_first() -> None:
    """Each upgrade counts for all of its modules; going back by hand is told."""
    both = (ModuleChange("cart", "1", "2", "a", "b"), ModuleChange("till", "1", "2", "a", "b"))
    found = insights([failed(0, modules=both), failed(1, module="till"), record(2, module="cart", trigger="rollback")])
    assert [(one.module, one.rate, one.rolled_back_by_hand) for one in found.modules] == [
        ("till", Rate(2, 0), 0),
        ("cart", Rate(2, 1), 1),
    ]
    assert [one.module for one in found.problematic_modules] == ["till"]
    assert found.modules[0].errors == {"MigrationFailed": 2}


def test_processes_and_groups_are_counted() -> None:
    """Which strategy and which trigger do well, and whom it all touched."""
    found = insights(
        [record(0, processes=5, strategy="rolling"), failed(1, processes=7, trigger="watcher"), record(2, processes=0)]
    )
    assert (found.processes_affected, found.processes_affected_at_most) == (12, 7)
    assert found.strategies == {"atomic": Rate(2, 1), "rolling": Rate(1, 1)}
    assert found.triggers == {"call": Rate(2, 2), "watcher": Rate(1, 0)}


ADVICE: list[tuple[str, list[Record], list[str]]] = [
    ("all is well", [record(0, state="permanent")], []),
    ("rolled back by the watch", [by_watch(0)], ["canary"]),
    ("an error twice", [failed(0, "SuspendTimeout"), failed(1, "SuspendTimeout", module="b")], ["suspend_timeout"]),
    ("an unknown error twice", [failed(0, "OddError"), failed(1, "OddError", module="b")], ["Look into OddError"]),
    ("an error once", [failed(0, "SuspendTimeout")], []),
    ("forced in tests", [failed(n, "ForcedRollback", module=str(n)) for n in range(5)], []),
    ("most fail", [failed(0), failed(1)], ["Test migrations", "Rehearse upgrades of shop"]),
    (
        "long pauses in suspend",
        [record(0, state="permanent", paused_s={"max": 2.0}, steps=(Step("suspend", 1.9), Step("convert", 0.1)))],
        ["Make handlers shorter"],
    ),
    (
        "long pauses in conversion",
        [record(0, state="permanent", paused_s={"max": 2.0}, steps=(Step("suspend", 0.1), Step("convert", 1.9)))],
        ['strategy="rolling"'],
    ),
    ("not permanent", [record(0, state="permanent"), record(1)], ["make_permanent()"]),
    ("superseded", [record(0), record(1, state="permanent")], []),
    ("the node died twice", [record(n, state="interrupted", module=str(n)) for n in (0, 1)], ["what ended the node"]),
]


@pytest.mark.parametrize(("records", "words"), [case[1:] for case in ADVICE], ids=[case[0] for case in ADVICE])
def test_each_recommendation_rests_on_facts(records: list[Record], words: list[str]) -> None:
    """Advice that nobody can check is not followed; and where nothing is wrong, there is none."""
    found = insights(records).recommendations
    assert len(found) == len(words)
    for advice, part in zip(found, words, strict=True):
        assert part in advice.what
        assert advice.facts


def many() -> list[Record]:
    """Return a history in which everything occurs."""
    return [
        *(record(n, paused_s={"max": 0.01 * n}, steps=(Step("suspend", 0.002),), seconds=0.1) for n in range(1, 9)),
        failed(10),
        failed(20),
        failed(22),
        by_watch(23),
        record(24, state="interrupted"),
    ]


def test_it_goes_through_json() -> None:
    """The node sends it to the command line, and `--json` to other programs."""
    found = insights(many())
    data = msgspec.json.decode(msgspec.json.encode(found.to_dict()))
    assert data["success_rate"] == pytest.approx(8 / 13)
    assert data["slowest_step"] == "suspend"
    assert msgspec.convert(data, ReloadInsights) == found


def test_the_page_shows_a_plot_errors_times_and_advice() -> None:
    """One look has to tell whether something is wrong, and what."""
    records = [record(0, processes=9), record(1, steps=(Step("install", 0.002),)), failed(11), failed(11.5), record(12)]
    assert f"{insights(records)}\n" == PAGE


PAGE = """\
2026-11-16 00:00 to 2026-11-16 12:00 UTC
5 upgrades: 3 completed, 2 failed (60% success)
  completed 3, rolled_back 2
  9 processes affected, at most 9 by one upgrade

Upgrades over time
    3 ┤                                             ░░░
      │                                             ░░░
      │ ███ ███                                     ███
    0 └────────────────────────────────────────────────
       2026-11-16 00:00                2026-11-16 12:00
       ███ completed  ░░░ failed

Errors
  MigrationFailed    2             █  ↑ rising  shop

Times
  install        p50    2.0 ms  p95    2.0 ms  max    2.0 ms  ████████████████████

Modules with problems
  shop: 2 of 5 upgrades failed

What to do
  1. Test migrations on states like the live ones: they could not be converted.
     - MigrationFailed: 2 times, rising, in shop
     - the last one: MigrationFailed at 11.5
  2. Call make_permanent(), or save the sources, if these are to outlive a restart of the node.
     - shop: upgrade 721 was not made permanent
"""


def test_colours_change_nothing_of_the_text() -> None:
    """Who has no colours misses nothing."""
    found = insights(many())
    console = Console(width=200, force_terminal=True, color_system="standard")
    with console.capture() as caught:
        console.print(found)
    assert "\x1b[32m" in caught.get()
    without = re.sub("\x1b\\[[0-9;]*m", "", caught.get())
    assert [line.rstrip() for line in without.splitlines()] == str(found).splitlines()


def test_memory_and_database_records_are_read_alike() -> None:
    """It takes what any store's history gives."""
    store = MemoryStore()
    number = store.begin(Planned(sources=(Source("shop", "2", ""),), processes=3))
    store.step(number, Step("install", 0.25))
    store.end(number, Ending(state="committed", outcome="completed", seconds=0.5, paused_s={"max": 0.125}))
    found = insights(store.history())
    assert (found.success_rate, found.timings.slowest_step, found.processes_affected) == (1.0, "install", 3)


@pytest.mark.parametrize(
    ("asked", "length"),
    [("90s", 90), ("1.5h", 5400), (" 7d ", 7 * 86_400), ("2 w", 14 * 86_400), (timedelta(minutes=3), 180)],
)
def test_a_length_is_the_last_so_long(asked: str | timedelta, length: float) -> None:
    """As people say it: the last seven days."""
    assert time_range(asked, now=MONDAY) == TimeRange(MONDAY - timedelta(seconds=length), MONDAY)


def test_other_ranges_are_as_given() -> None:
    """None is all time."""
    assert time_range(None, now=MONDAY) == TimeRange()
    assert time_range(TimeRange(until=MONDAY), now=MONDAY) == TimeRange(until=MONDAY)


@pytest.mark.parametrize("bad", ["yesterday", "7", "-3d", timedelta(-1), 7.5, "7 parsecs"])
def test_what_is_no_range_is_refused(bad: object) -> None:
    """The message says what is accepted."""
    with pytest.raises(ValueError, match="give a length such as '90m', '24h' or '7d'"):
        time_range(bad, now=MONDAY)


def test_ranges_that_make_no_sense_are_refused() -> None:
    """A naive moment, or an end before the beginning, is a mistake."""
    with pytest.raises(ValueError, match="has no time zone"):
        TimeRange(since=MONDAY.replace(tzinfo=None))
    with pytest.raises(ValueError, match="swap the two"):
        TimeRange(MONDAY, MONDAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.000002, "2 µs"), (0.0125, "12.5 ms"), (2.0, "2.00 s"), (75.0, "75.00 s")]
)
def test_durations_are_in_the_unit_that_is_easy_to_read(seconds: float, words: str) -> None:
    """Pauses are microseconds or seconds."""
    assert duration(seconds) == words


def test_a_sparkline_shows_one_as_more_than_none() -> None:
    """A single error among many is seen."""
    assert sparkline([0, 1, 100]) == " ▁█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "
