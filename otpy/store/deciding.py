"""What the store decides, without doing anything: how an upgrade goes on, what a restarted node runs, what to tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from otpy.errors import StoreError
from otpy.store.values import (
    Decision,
    End,
    Ending,
    Interrupted,
    Permanent,
    Planned,
    Record,
    State,
    StoredVersion,
    changes,
)

_FROM: Final[dict[End, tuple[State, ...]]] = {
    "committed": ("prepared", "committed"),
    "rolled_back": ("prepared", "committed", "permanent", "rolled_back"),
}
"""From which state an upgrade may end so. The same state twice is the same news twice; the watch rolls back what was
committed, even if it was made permanent meanwhile."""


def begun(planned: Planned, *, upgrade: int, boot: int, at: datetime) -> Record:
    """Return the record of an upgrade that begins."""
    return Record(
        id=upgrade,
        boot=boot,
        state="prepared",
        outcome="",
        started=at,
        trigger=planned.trigger,
        strategy=planned.strategy,
        asked_by=planned.asked_by,
        modules=changes(planned),
        dependents=planned.dependents,
        processes=planned.processes,
    )


def ended(record: Record, ending: Ending, *, at: datetime) -> Record:
    """Return *record* with its end.

    What the second end of an upgrade does not say (a watch that rolls back knows no pauses) stays as the first said it.

    Raises: StoreError, if an upgrade in that state cannot end so.
    """
    if record.state not in _FROM[ending.state]:
        msg = f"upgrade {record.id} is {record.state} and cannot become {ending.state}; begin a new one"
        raise StoreError(msg)
    return msgspec.structs.replace(
        record,
        state="permanent" if record.state == "permanent" and ending.state == "committed" else ending.state,
        outcome=ending.outcome,
        ended=at,
        seconds=ending.seconds or record.seconds,
        paused_s=ending.paused_s or record.paused_s,
        processes=ending.processes or record.processes,
        migrated=ending.migrated or record.migrated,
        error_class=ending.error_class or record.error_class,
        error=ending.error or record.error,
        warnings=(*record.warnings, *(text for text in ending.warnings if text not in record.warnings)),
    )


def what_runs(on_disk: str | None, *, permanent: Permanent | None, latest: StoredVersion | None) -> Decision:
    """Decide what a starting node runs of a module: the file on disk, or the store's permanent version.

    *on_disk* is the sha256 of the file, None if there is none; *latest* the version that the last completed upgrade
    brought, if there was one. A file that has changed since a version was made permanent is a newer release, and runs.
    """
    if permanent is None:
        return Decision("disk", _not_permanent(on_disk, latest))
    name = f"{permanent.module} {permanent.vsn}"
    decided = f"made permanent at {_moment(permanent.at)} by upgrade {permanent.upgrade}"
    if on_disk is None:
        return Decision("store", f"{name} runs from the store, {decided}; it has no file")
    if on_disk == permanent.sha256:
        return Decision("disk", f"the file of {permanent.module} is what was {decided} ({permanent.vsn})")
    if on_disk == permanent.on_disk:
        return Decision(
            "store", f"{name} runs from the store, {decided}; the file is still the older one of before that upgrade"
        )
    return Decision(
        "disk",
        f"the file of {permanent.module} has changed since {name} was {decided}: the file is newer, and runs",
    )


def what_node_runs(
    on_disk: Mapping[str, str | None], *, permanent: Mapping[str, Permanent], latest: Mapping[str, StoredVersion]
) -> dict[str, Decision]:
    """Decide the same for all modules of a starting node, of which *on_disk* has the files' sha256, by module.

    What one upgrade brought belongs together: if the file of one of its modules is newer, the others run from their
    files too, instead of being mixed with it.
    """
    alone = {
        name: what_runs(sha256, permanent=permanent.get(name), latest=latest.get(name))
        for name, sha256 in on_disk.items()
    }
    overtaken = {
        permanent[name].upgrade: name
        for name, decision in alone.items()
        if name in permanent and decision.source == "disk" and on_disk[name] != permanent[name].sha256
    }
    together = dict(alone)
    for name, decision in alone.items():
        newer = overtaken.get(permanent[name].upgrade) if name in permanent else None
        if decision.source == "store" and newer is not None and on_disk[name] is not None:
            together[name] = Decision(
                "disk",
                f"the file of {name} runs, and not {permanent[name].vsn}, which was made permanent: the same upgrade "
                f"brought {newer}, whose file is newer",
            )
    return together


def interrupted(
    record: Record,
    *,
    on_disk: Mapping[str, str | None],
    permanent: Mapping[str, Permanent],
    latest: Mapping[str, StoredVersion],
) -> Interrupted:
    """Say in plain words what had been going on in *record*, how far it was, and what the node runs now.

    *on_disk* has the sha256 of the modules' files, None for those without one; of a module that it does not name,
    nothing is said that depends on its file.
    """
    last = record.steps[-1].name if record.steps else None
    asked = f" asked for by {record.asked_by}," if record.asked_by else ""
    decided = what_node_runs(on_disk, permanent=permanent, latest=latest)
    lines = [
        (
            f"Upgrade {record.id} ({_changes_in_words(record)}),{asked} begun at {_moment(record.started)}, was under "
            f"way when the node ended. {_reached(last)} All of it was in the memory of that node and is gone with it, "
            "and so are the messages that waited there; no source file was written."
        )
    ]
    for change in record.modules:
        name = change.module
        reason = decided[name].reason if name in decided else _without_looking(name, permanent.get(name))
        lines.append(f"Now: {reason}.")
    lines.append("To have the upgrade, ask for it again.")
    return Interrupted(record, last, "\n".join(lines))


def _not_permanent(on_disk: str | None, latest: StoredVersion | None) -> str:
    if latest is None:
        return "nothing was upgraded here: the file runs"
    name = f"{latest.module} {latest.vsn}"
    if on_disk == latest.sha256:
        return f"the file of {latest.module} is what the last upgrade brought ({latest.vsn})"
    there = "the file runs" if on_disk is not None else "and there is no file"
    return (
        f"the last upgrade brought {name}, which was not made permanent: {there}; to keep an upgrade over a restart, "
        "call make_permanent() or save its sources"
    )


def _without_looking(module: str, permanent: Permanent | None) -> str:
    if permanent is None:
        return f"{module} runs as it is on disk"
    decided = f"made permanent at {_moment(permanent.at)}"
    return f"{module} runs as {permanent.vsn}, {decided}, unless its file has changed since"


def _changes_in_words(record: Record) -> str:
    return ", ".join(f"{change.module} {change.before or '?'} → {change.after}" for change in record.modules)


def _reached(last: str | None) -> str:
    if last is None:
        return "No step of it was finished."
    return f"The last step that it finished was {last!r}."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
