"""What the store decides, as pure functions."""

import msgspec
import pytest

from otpy.errors import StoreError
from otpy.store import Decision, Permanent, Planned, Record, Source, Step, StoredVersion, what_node_runs, what_runs
from otpy.store.deciding import begun, ended, interrupted
from tests.store.kit import BY_WATCH, CART_1, CART_2, COMMITTED, NOON, ROLLED_BACK, SHOP_1, SHOP_2, SHOP_3

PERMANENT = Permanent(
    module="shop",
    vsn="2",
    source=SHOP_2.text,
    sha256=SHOP_2.sha256,
    on_disk=SHOP_1.sha256,
    at=NOON,
    upgrade=4,
)
LATEST = StoredVersion("shop", "3", SHOP_3.sha256, SHOP_3.text, NOON)

BOOTS: list[tuple[str, str | None, Permanent | None, StoredVersion | None, str, str]] = [
    ("nothing known", SHOP_1.sha256, None, None, "disk", "nothing was upgraded here"),
    ("upgraded and not made permanent", SHOP_1.sha256, None, LATEST, "disk", "brought shop 3, which was not made perm"),
    ("upgraded and saved", SHOP_3.sha256, None, LATEST, "disk", "is what the last upgrade brought"),
    ("not permanent, and no file", None, None, LATEST, "disk", "there is no file"),
    ("restarted container", SHOP_1.sha256, PERMANENT, LATEST, "store", "shop 2 runs from the store, made permanent"),
    ("permanent and saved", SHOP_2.sha256, PERMANENT, LATEST, "disk", "the file of shop is what was made permanent"),
    ("new release on disk", SHOP_3.sha256, PERMANENT, None, "disk", "has changed since shop 2 was made permanent"),
    ("no file at all", None, PERMANENT, None, "store", "it has no file"),
]


@pytest.mark.parametrize(
    ("on_disk", "permanent", "latest", "source", "words"), [case[1:] for case in BOOTS], ids=[case[0] for case in BOOTS]
)
def test_a_starting_node_knows_what_it_runs(
    on_disk: str | None, permanent: Permanent | None, latest: StoredVersion | None, source: str, words: str
) -> None:
    """A restarted container must not go back silently, and a newer release must not be overridden silently."""
    decision = what_runs(on_disk, permanent=permanent, latest=latest)
    assert isinstance(decision, Decision)
    assert decision.source == source
    assert words in decision.reason


def test_a_file_that_appeared_later_is_newer() -> None:
    """A module that had no file when it was made permanent, and has one now, was released since."""
    no_file = Permanent(
        module="shop", vsn="2", source=SHOP_2.text, sha256=SHOP_2.sha256, on_disk=None, at=NOON, upgrade=4
    )
    assert what_runs(SHOP_1.sha256, permanent=no_file, latest=None).source == "disk"


def permanent_of(new: Source, old: Source | None, *, upgrade: int) -> Permanent:
    """Return that *new* is permanent, over a file that had *old*."""
    return Permanent(
        module=new.module,
        vsn=new.vsn,
        source=new.text,
        sha256=new.sha256,
        on_disk=None if old is None else old.sha256,
        at=NOON,
        upgrade=upgrade,
    )


def test_what_one_upgrade_brought_is_not_mixed_with_newer_files() -> None:
    """A new release of one of two modules was made for the file of the other, not for what the store has of it."""
    both = {"shop": permanent_of(SHOP_2, SHOP_1, upgrade=4), "cart": permanent_of(CART_2, CART_1, upgrade=4)}
    unchanged = what_node_runs({"shop": SHOP_1.sha256, "cart": CART_1.sha256}, permanent=both, latest={})
    assert {name: decision.source for name, decision in unchanged.items()} == {"shop": "store", "cart": "store"}
    released = what_node_runs({"shop": SHOP_3.sha256, "cart": CART_1.sha256}, permanent=both, latest={})
    assert {name: decision.source for name, decision in released.items()} == {"shop": "disk", "cart": "disk"}
    assert "the same upgrade brought shop, whose file is newer" in released["cart"].reason
    saved = what_node_runs({"shop": SHOP_2.sha256, "cart": CART_1.sha256}, permanent=both, latest={})
    assert {name: decision.source for name, decision in saved.items()} == {"shop": "disk", "cart": "store"}


def test_modules_of_different_upgrades_are_decided_apart() -> None:
    """They were upgraded one without the other, so they can run so; and what has no file runs from the store."""
    apart = {"shop": permanent_of(SHOP_2, SHOP_1, upgrade=4), "cart": permanent_of(CART_2, CART_1, upgrade=5)}
    released = what_node_runs({"shop": SHOP_3.sha256, "cart": CART_1.sha256}, permanent=apart, latest={})
    assert released["cart"].source == "store"
    both = {"shop": permanent_of(SHOP_2, SHOP_1, upgrade=4), "cart": permanent_of(CART_2, None, upgrade=4)}
    no_file = what_node_runs({"shop": SHOP_3.sha256, "cart": None, "new": SHOP_1.sha256}, permanent=both, latest={})
    assert {name: decision.source for name, decision in no_file.items()} == {
        "shop": "disk",
        "cart": "store",
        "new": "disk",
    }


def record(*steps: Step) -> Record:
    """Return an upgrade of two modules that has finished *steps*."""
    planned = Planned(sources=(SHOP_2, CART_2), running=(SHOP_1,), asked_by="anna")
    return msgspec.structs.replace(begun(planned, upgrade=7, boot=1, at=NOON), steps=steps)


def test_an_interruption_is_told_in_plain_words() -> None:
    """Who finds the node restarted reads what was going on, how far it was, and what runs now."""
    told = interrupted(
        record(Step("suspend", 0.1), Step("install", 0.2)),
        on_disk={"shop": SHOP_1.sha256},
        permanent={"shop": PERMANENT},
        latest={},
    )
    assert told.last_step == "install"
    assert told.message == (
        "Upgrade 7 (shop 1 → 2, cart ? → 2), asked for by anna, begun at 2026-11-22 12:00:00 UTC, was under way when "
        "the node ended. The last step that it finished was 'install'. All of it was in the memory of that node and is "
        "gone with it, and so are the messages that waited there; no source file was written.\n"
        "Now: shop 2 runs from the store, made permanent at 2026-11-22 12:00:00 UTC by upgrade 4; the file is still "
        "the older one of before that upgrade.\n"
        "Now: cart runs as it is on disk.\n"
        "To have the upgrade, ask for it again."
    )


def test_an_interruption_before_the_first_step_says_so() -> None:
    """Nothing that was done is as much worth saying as something."""
    told = interrupted(record(), on_disk={}, permanent={"shop": PERMANENT}, latest={})
    assert told.last_step is None
    assert "No step of it was finished." in told.message
    assert "shop runs as 2, made permanent at 2026-11-22 12:00:00 UTC, unless its file has changed" in told.message


@pytest.mark.parametrize("state", ["rolled_back", "interrupted"])
def test_what_is_over_cannot_be_committed(state: str) -> None:
    """A record tells one story."""
    over = Record(id=1, boot=1, state=state, outcome="", started=NOON)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=f"is {state} and cannot become committed"):
        ended(over, COMMITTED, at=NOON)


def test_news_of_a_commit_leaves_what_is_permanent_permanent() -> None:
    """An end that is written again, because it was owed, takes nothing back."""
    permanent = Record(id=1, boot=1, state="permanent", outcome="completed", started=NOON)
    with pytest.raises(StoreError, match="cannot become committed"):
        ended(permanent, COMMITTED, at=NOON)
    assert ended(permanent, BY_WATCH, at=NOON).state == "rolled_back"


def test_warnings_of_both_ends_are_kept_once() -> None:
    """What the upgrade warned of is still true after the watch rolled it back."""
    first = ended(begun(Planned(sources=(CART_1,)), upgrade=1, boot=1, at=NOON), COMMITTED, at=NOON)
    assert ended(first, ROLLED_BACK, at=NOON).warnings == ()
