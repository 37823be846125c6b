"""What every recorder does, in memory or in a database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from otpy.errors import StoreError
from otpy.store import Ending, ModuleChange, Planned, Record, Recorder, Snapshot, Source, Step
from tests.store.kit import BY_WATCH, CART_2, COMMITTED, ROLLED_BACK, SHOP_1, SHOP_2, SHOP_3, upgrade


def test_a_record_has_all_that_was_said(recorder: Recorder) -> None:
    """History, insights and a person who asks what happened need every fact."""
    planned = Planned(
        sources=(SHOP_2, CART_2),
        running=(SHOP_1,),
        trigger="watcher",
        strategy="rolling",
        asked_by="anna",
        dependents=("till",),
        processes=7,
        plan=b'{"steps": []}',
    )
    number = recorder.begin(planned)
    recorder.step(number, Step("suspend", 0.25))
    recorder.step(number, Step("convert", 0.5, {"<1>": "{'a': 1}"}, {"<1>": "{'a': 1, 'b': 2}"}))
    ending = Ending(
        state="committed",
        outcome="completed",
        seconds=1.5,
        paused_s={"p50": 0.5, "max": 0.75},
        migrated=6,
        warnings=("a stray stays old",),
    )
    assert recorder.end(number, ending) is None

    found = recorder.upgrade(number)
    assert found.ended is not None
    assert found.ended >= found.started
    assert found == Record(
        id=number,
        boot=found.boot,
        state="committed",
        outcome="completed",
        started=found.started,
        ended=found.ended,
        trigger="watcher",
        strategy="rolling",
        asked_by="anna",
        modules=(
            ModuleChange("shop", "1", "2", SHOP_1.sha256, SHOP_2.sha256),
            ModuleChange("cart", None, "2", None, CART_2.sha256),
        ),
        dependents=("till",),
        processes=7,
        migrated=6,
        seconds=1.5,
        paused_s={"p50": 0.5, "max": 0.75},
        warnings=("a stray stays old",),
        steps=(
            Step("suspend", 0.25, at=found.steps[0].at),
            Step("convert", 0.5, {"<1>": "{'a': 1}"}, {"<1>": "{'a': 1, 'b': 2}"}, at=found.steps[1].at),
        ),
    )
    assert recorder.plan(number) == b'{"steps": []}'


def test_history_tells_names_and_times_of_steps_only(recorder: Recorder) -> None:
    """A listing of a thousand upgrades does not carry the states of all their processes."""
    number = recorder.begin(Planned(sources=(SHOP_2,)))
    recorder.step(number, Step("convert", 0.5, {"<1>": "old"}, {"<1>": "new"}))
    (step,) = recorder.history()[0].steps
    assert (step.name, step.seconds, step.before, step.after) == ("convert", 0.5, {}, {})


def test_history_is_by_module_count_and_time(recorder: Recorder) -> None:
    """`otpy history shop --limit 2` and insights ask for parts."""
    numbers = [upgrade(recorder, source) for source in (SHOP_1, CART_2, SHOP_2, SHOP_3)]
    records = recorder.history()
    assert [record.id for record in records] == numbers
    assert [record.id for record in recorder.history("shop")] == [numbers[0], numbers[2], numbers[3]]
    assert [record.id for record in recorder.history("shop", limit=2)] == numbers[2:]
    assert recorder.history(limit=0) == ()
    assert recorder.history("nothing") == ()
    with pytest.raises(ValueError, match="limit=-1: give how many"):
        recorder.history(limit=-1)
    with pytest.raises(ValueError, match="limit=-1: give how many"):
        recorder.events(limit=-1)
    since, until = records[1].started, records[3].started
    assert [record.id for record in recorder.history(since=since, until=until)] == numbers[1:3]


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ([COMMITTED], "committed"),
        ([ROLLED_BACK], "rolled_back"),
        ([COMMITTED, COMMITTED], "committed"),
        ([COMMITTED, BY_WATCH], "rolled_back"),
        ([ROLLED_BACK, ROLLED_BACK], "rolled_back"),
    ],
)
def test_an_upgrade_ends_and_may_be_rolled_back_later(recorder: Recorder, ends: list[Ending], state: str) -> None:
    """The watch takes back what was committed; the same news twice is no error."""
    number = recorder.begin(Planned(sources=(SHOP_2,)))
    for ending in ends:
        assert recorder.end(number, ending) is None
    found = recorder.upgrade(number)
    assert (found.state, found.outcome) == (state, ends[-1].outcome)


def test_what_was_rolled_back_cannot_be_committed(recorder: Recorder) -> None:
    """A record that says both would say nothing."""
    number = upgrade(recorder, SHOP_2, ending=ROLLED_BACK)
    with pytest.raises(StoreError, match=f"upgrade {number} is rolled_back and cannot become committed"):
        recorder.end(number, COMMITTED)
    assert recorder.upgrade(number).state == "rolled_back"


def test_the_second_end_keeps_what_it_does_not_know(recorder: Recorder) -> None:
    """The watch knows why it rolled back, and not how long the upgrade paused anybody."""
    ending = Ending(state="committed", outcome="completed", seconds=2.0, paused_s={"max": 0.5}, migrated=3)
    number = upgrade(recorder, SHOP_2, ending=ending)
    recorder.end(number, BY_WATCH)
    found = recorder.upgrade(number)
    assert (found.seconds, found.paused_s, found.migrated, found.error) == (2.0, {"max": 0.5}, 3, "3 crashes")


@pytest.mark.parametrize("ask", ["upgrade", "plan"])
def test_an_unknown_upgrade_is_an_error(recorder: Recorder, ask: str) -> None:
    """A typing error on the command line is answered, and with a way to go on."""
    with pytest.raises(StoreError, match=r"has no upgrade 99; history\(\) lists"):
        getattr(recorder, ask)(99)
    with pytest.raises(StoreError, match="no upgrade 99"):
        recorder.step(99, Step("convert", 0.0))
    with pytest.raises(StoreError, match="no upgrade 99"):
        recorder.end(99, COMMITTED)
    with pytest.raises(StoreError, match="no upgrade 99"):
        recorder.snapshot(99, [])


def test_versions_are_kept_once_in_the_order_of_appearance(recorder: Recorder) -> None:
    """Going to and fro between two versions does not store their sources again and again."""
    for old, new in ((SHOP_1, SHOP_2), (SHOP_2, SHOP_1), (SHOP_1, SHOP_3)):
        upgrade(recorder, new, running=(old,))
    found = recorder.versions("shop")
    assert [(version.vsn, version.source, version.sha256) for version in found] == [
        (source.vsn, source.text, source.sha256) for source in (SHOP_1, SHOP_2, SHOP_3)
    ]
    assert recorder.versions("cart") == ()


def test_make_permanent_takes_the_last_completed_upgrade_of_each_module(recorder: Recorder) -> None:
    """What runs is made permanent: not what failed, not what was superseded or rolled back."""
    upgrade(recorder, SHOP_2, running=(SHOP_1,))
    both = upgrade(recorder, SHOP_3, CART_2)
    upgrade(recorder, SHOP_2, ending=ROLLED_BACK)
    upgrade(recorder, CART_2, ending=None)
    made = recorder.make_permanent(on_disk={"shop": SHOP_1.sha256})
    assert {(one.module, one.vsn, one.source, one.on_disk, one.upgrade) for one in made} == {
        ("shop", "3", SHOP_3.text, SHOP_1.sha256, both),
        ("cart", "2", CART_2.text, None, both),
    }
    assert recorder.permanent_versions() == {one.module: one for one in made}
    assert [record.state for record in recorder.history()] == ["committed", "permanent", "rolled_back", "prepared"]


def test_make_permanent_of_some_modules_leaves_the_others(recorder: Recorder) -> None:
    """A person may be sure of one module and not yet of another."""
    upgrade(recorder, SHOP_2)
    upgrade(recorder, CART_2)
    assert [one.module for one in recorder.make_permanent(["cart"])] == ["cart"]
    assert set(recorder.permanent_versions()) == {"cart"}
    assert set(recorder.latest_versions()) == {"cart", "shop"}


def test_make_permanent_refuses_what_was_not_upgraded(recorder: Recorder) -> None:
    """A misspelt name must not pass for success."""
    upgrade(recorder, SHOP_2)
    with pytest.raises(StoreError, match=r"basket: no upgrade was completed .* upgraded were: shop"):
        recorder.make_permanent(["shop", "basket"])
    assert recorder.permanent_versions() == {}
    with pytest.raises(TypeError, match=r"such as \['shop'\]"):
        recorder.make_permanent("shop")


def test_nothing_upgraded_makes_nothing_permanent(recorder: Recorder) -> None:
    """`make_permanent()` at any time is harmless."""
    assert recorder.make_permanent() == ()
    assert recorder.permanent_versions() == {}
    assert recorder.latest_versions() == {}


def test_rolling_a_permanent_version_back_brings_back_the_one_before(recorder: Recorder) -> None:
    """A node must not restart into what the watch has just thrown out."""
    upgrade(recorder, SHOP_2)
    recorder.make_permanent()
    bad = upgrade(recorder, SHOP_3)
    recorder.make_permanent()
    assert recorder.permanent_versions()["shop"].vsn == "3"
    recorder.end(bad, BY_WATCH)
    assert recorder.permanent_versions()["shop"].vsn == "2"
    assert recorder.latest_versions()["shop"].vsn == "2"


def test_snapshots_are_bytes_or_a_reason(recorder: Recorder) -> None:
    """A state that cannot be stored is named instead of being left out."""
    states = (
        Snapshot(process="<1>", behaviour="shop.Till", vsn="1", state=b"\x80"),
        Snapshot(process="<2>", behaviour="shop.Till", vsn="1", not_stored="holds a socket"),
    )
    after = Snapshot(process="<1>", behaviour="shop.Till", vsn="2", moment="after", state=b"\x81")
    number = upgrade(recorder, SHOP_2, ending=None)
    recorder.snapshot(number, states)
    recorder.snapshot(number, [after])
    assert recorder.snapshots(number) == (*states, after)
    assert recorder.snapshots(number + 1) == ()


def test_events_keep_plain_facts(recorder: Recorder) -> None:
    """Analysis asks for the last ones of a name."""
    for count in range(3):
        recorder.event("watch.crash", {"count": count, "pids": ["<1>"]})
    recorder.event("other", {})
    assert [event.facts["count"] for event in recorder.events("watch.crash", limit=2)] == [1, 2]
    assert recorder.events()[-1].name == "other"
    with pytest.raises(TypeError, match="give text, numbers"):
        recorder.event("bad", {"what": object()})


@pytest.mark.parametrize("text", ["a\0b", "\ud800 alone", "✓ naïve"])
def test_any_text_can_be_recorded(recorder: Recorder, text: str) -> None:
    """The message of a user's exception may hold what a database cannot; the record is written all the same."""
    number = recorder.begin(Planned(sources=(Source("shop", "1", f"x = {text!a}  # {text}"),), asked_by=text))
    recorder.step(number, Step("convert", 0.0, {"<1>": text}, {text: "<1>"}))
    ending = Ending(state="rolled_back", outcome="rolled_back", error=text, warnings=(text,))
    assert recorder.end(number, ending) is None
    assert recorder.upgrade(number).error in {text, text.replace("\0", "\\x00").replace("\ud800", "\\ud800")}
    assert recorder.versions("shop")[0].source == f"x = {text!a}  # {text}"


def test_time_zones_are_asked_for(recorder: Recorder) -> None:
    """A naive moment means something else on every machine."""
    upgrade(recorder, SHOP_2)
    naive = recorder.history()[0].started.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        recorder.history(since=naive - timedelta(days=1))


def test_any_thread_reads_while_one_writes(recorder: Recorder) -> None:
    """The coordinator has a thread of its own, and people ask meanwhile; nobody sees half an upgrade."""

    def write() -> None:
        for _ in range(30):
            number = recorder.begin(Planned(sources=(SHOP_2, CART_2)))
            recorder.step(number, Step("convert", 0.1))
            recorder.end(number, COMMITTED)

    def read() -> list[Record]:
        return [record for _ in range(30) for record in recorder.history(limit=3)]

    with ThreadPoolExecutor(5) as threads:
        writer = threads.submit(write)
        seen = [record for reader in [threads.submit(read) for _ in range(4)] for record in reader.result()]
        writer.result()
    assert len(recorder.history()) == 30
    assert all(len(record.modules) == 2 for record in seen)
    assert all(len(record.steps) == 1 for record in seen if record.state == "committed")
