"""Values to rows and back: what is read and written, inside a transaction that somebody else has begun."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from otpy.store.packing import packed, unpacked
from otpy.store.schema import events, module_changes, permanents, plans, snapshots, steps, upgrades, versions
from otpy.store.times import to_moment, to_number
from otpy.store.values import (
    Event,
    ModuleChange,
    Permanent,
    Planned,
    Record,
    Snapshot,
    Source,
    Step,
    StoredVersion,
)

COMPLETED = ("committed", "permanent")


def insert_upgrade(connection: Connection, planned: Planned, *, boot: int, at: datetime) -> int:
    """Write an upgrade that begins, with its versions and its plan, and return its id."""
    moment = to_number(at)
    upgrade: int = connection.execute(
        insert(upgrades)
        .values(
            boot=boot,
            state="prepared",
            outcome="",
            trigger=planned.trigger,
            strategy=planned.strategy,
            asked_by=planned.asked_by,
            started=moment,
            seconds=0.0,
            processes=planned.processes,
            migrated=0,
            dependents=packed(planned.dependents),
            paused_s=packed({}),
            warnings=packed(()),
        )
        .returning(upgrades.c.id)
    ).scalar_one()
    connection.execute(insert(plans).values(upgrade=upgrade, plan=planned.plan))
    running = {source.module: source for source in planned.running}
    for position, source in enumerate(planned.sources):
        before = running.get(source.module)
        connection.execute(
            insert(module_changes).values(
                upgrade=upgrade,
                position=position,
                module=source.module,
                before=None if before is None else _version_id(connection, before, moment),
                after=_version_id(connection, source, moment),
            )
        )
    return upgrade


def update_upgrade(connection: Connection, record: Record) -> None:
    """Write what may change of an upgrade after it began."""
    connection.execute(
        update(upgrades)
        .where(upgrades.c.id == record.id)
        .values(
            state=record.state,
            outcome=record.outcome,
            ended=None if record.ended is None else to_number(record.ended),
            seconds=record.seconds,
            processes=record.processes,
            migrated=record.migrated,
            error_class=record.error_class,
            error=record.error,
            paused_s=packed(record.paused_s),
            warnings=packed(record.warnings),
        )
    )


def insert_steps(connection: Connection, upgrade: int, done: Sequence[Step], *, now: datetime) -> bool:
    """Write steps after those that an upgrade has; return False if there is no such upgrade."""
    written = select(func.count(steps.c.position)).where(steps.c.upgrade == upgrade).scalar_subquery()
    first: int | None = connection.execute(select(written).where(upgrades.c.id == upgrade)).scalar()
    if first is None or not done:
        return first is not None
    connection.execute(
        insert(steps),
        [
            {
                "upgrade": upgrade,
                "position": position,
                "name": step.name,
                "at": to_number(step.at or now),
                "seconds": step.seconds,
                "before": packed(step.before),
                "after": packed(step.after),
            }
            for position, step in enumerate(done, first)
        ],
    )
    return True


def insert_snapshots(connection: Connection, upgrade: int, states: Iterable[Snapshot]) -> None:
    """Write the states of processes."""
    fields = Snapshot.__struct_fields__
    if rows := [{"upgrade": upgrade, **{name: getattr(state, name) for name in fields}} for state in states]:
        connection.execute(insert(snapshots), rows)


def insert_permanent(
    connection: Connection, *, upgrade: int, change: ModuleChange, on_disk: str | None, at: datetime
) -> None:
    """Write that restarted nodes run what *upgrade* did to a module; said again, it is said anew."""
    again = (permanents.c.module == change.module) & (permanents.c.upgrade == upgrade)
    connection.execute(delete(permanents).where(again))
    connection.execute(
        insert(permanents).values(
            module=change.module,
            version=select(versions.c.id).where(_is(change.module, change.after_sha256)).scalar_subquery(),
            upgrade=upgrade,
            on_disk=on_disk,
            at=to_number(at),
        )
    )
    connection.execute(update(upgrades).where(upgrades.c.id == upgrade).values(state="permanent"))


def read_records(connection: Connection, chosen: Select[tuple[int]], *, details: bool) -> tuple[Record, ...]:
    """Return the upgrades whose ids *chosen* selects, oldest first; their steps with states in words if *details*."""
    ids = chosen.subquery()
    of_chosen = select(ids.c.id)
    changed = _changes(connection, of_chosen)
    done = _steps(connection, of_chosen, details=details)
    query = select(upgrades).where(upgrades.c.id.in_(of_chosen)).order_by(upgrades.c.id)
    return tuple(
        _record(row, tuple(changed[row["id"]]), tuple(done[row["id"]])) for row in connection.execute(query).mappings()
    )


def read_versions(connection: Connection, chosen: Select[tuple[int]]) -> tuple[StoredVersion, ...]:
    """Return the versions whose ids *chosen* selects, in the order in which they were first seen."""
    query = select(versions).where(versions.c.id.in_(chosen)).order_by(versions.c.id)
    return tuple(
        StoredVersion(row["module"], row["vsn"], row["sha256"], _text(row["source"]), to_moment(row["created"]))
        for row in connection.execute(query).mappings()
    )


def read_permanent(connection: Connection) -> dict[str, Permanent]:
    """Return what is permanent, by module: the newest of each whose upgrade was not rolled back."""
    newest = (
        select(func.max(permanents.c.id))
        .join(upgrades, upgrades.c.id == permanents.c.upgrade)
        .where(upgrades.c.state == "permanent")
        .group_by(permanents.c.module)
    )
    query = (
        select(permanents, versions.c.vsn, versions.c.sha256, versions.c.source)
        .join(versions, versions.c.id == permanents.c.version)
        .where(permanents.c.id.in_(newest))
        .order_by(permanents.c.id)
    )
    return {
        row["module"]: Permanent(
            module=row["module"],
            vsn=row["vsn"],
            source=_text(row["source"]),
            sha256=row["sha256"],
            on_disk=row["on_disk"],
            at=to_moment(row["at"]),
            upgrade=row["upgrade"],
        )
        for row in connection.execute(query).mappings()
    }


def read_snapshots(connection: Connection, upgrade: int) -> tuple[Snapshot, ...]:
    """Return the states that were kept for an upgrade."""
    query = select(snapshots).where(snapshots.c.upgrade == upgrade).order_by(snapshots.c.id)
    fields = Snapshot.__struct_fields__
    return tuple(Snapshot(**{name: row[name] for name in fields}) for row in connection.execute(query).mappings())


def read_events(connection: Connection, chosen: Select[tuple[int]]) -> tuple[Event, ...]:
    """Return the events whose ids *chosen* selects, oldest first."""
    query = select(events).where(events.c.id.in_(chosen)).order_by(events.c.id)
    return tuple(
        Event(row["name"], to_moment(row["at"]), unpacked(row["facts"])) for row in connection.execute(query).mappings()
    )


def latest_version_ids() -> Select[tuple[int]]:
    """Select the versions that the last completed upgrade of each module brought."""
    newest = (
        select(module_changes.c.module, func.max(module_changes.c.upgrade).label("upgrade"))
        .join(upgrades, upgrades.c.id == module_changes.c.upgrade)
        .where(upgrades.c.state.in_(COMPLETED))
        .group_by(module_changes.c.module)
        .subquery()
    )
    return select(module_changes.c.after).join(
        newest,
        (module_changes.c.module == newest.c.module) & (module_changes.c.upgrade == newest.c.upgrade),
    )


def _version_id(connection: Connection, source: Source, moment: int) -> int:
    """The id of a version, which is written if it is new."""
    known = select(versions.c.id).where(_is(source.module, source.sha256))
    found: int | None = connection.execute(known).scalar()
    if found is not None:
        return found
    added = insert(versions).values(
        module=source.module,
        vsn=source.vsn,
        sha256=source.sha256,
        source=source.text.encode(errors="surrogatepass"),
        created=moment,
    )
    number: int = connection.execute(added.returning(versions.c.id)).scalar_one()
    return number


def _is(module: str, sha256: str) -> Any:
    return (versions.c.module == module) & (versions.c.sha256 == sha256)


def _changes(connection: Connection, of_chosen: Select[tuple[int]]) -> dict[int, list[ModuleChange]]:
    before, after = versions.alias(), versions.alias()
    query = (
        select(
            module_changes.c.upgrade,
            module_changes.c.module,
            before.c.vsn,
            after.c.vsn,
            before.c.sha256,
            after.c.sha256,
        )
        .join(after, after.c.id == module_changes.c.after)
        .outerjoin(before, before.c.id == module_changes.c.before)
        .where(module_changes.c.upgrade.in_(of_chosen))
        .order_by(module_changes.c.upgrade, module_changes.c.position)
    )
    found: dict[int, list[ModuleChange]] = defaultdict(list)
    for upgrade, *facts in connection.execute(query):
        found[upgrade].append(ModuleChange(*facts))
    return found


def _steps(connection: Connection, of_chosen: Select[tuple[int]], *, details: bool) -> dict[int, list[Step]]:
    columns = [steps.c.upgrade, steps.c.name, steps.c.seconds, steps.c.at]
    if details:
        columns += [steps.c.before, steps.c.after]
    query = select(*columns).where(steps.c.upgrade.in_(of_chosen)).order_by(steps.c.upgrade, steps.c.position)
    found: dict[int, list[Step]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        before, after = (unpacked(row[name], dict[str, str]) if details else {} for name in ("before", "after"))
        found[row["upgrade"]].append(Step(row["name"], row["seconds"], before, after, to_moment(row["at"])))
    return found


def _record(row: RowMapping, changed: tuple[ModuleChange, ...], done: tuple[Step, ...]) -> Record:
    return Record(
        id=row["id"],
        boot=row["boot"],
        state=row["state"],
        outcome=row["outcome"],
        started=to_moment(row["started"]),
        ended=None if row["ended"] is None else to_moment(row["ended"]),
        trigger=row["trigger"],
        strategy=row["strategy"],
        asked_by=row["asked_by"],
        modules=changed,
        dependents=unpacked(row["dependents"], tuple[str, ...]),
        processes=row["processes"],
        migrated=row["migrated"],
        seconds=row["seconds"],
        paused_s=unpacked(row["paused_s"], dict[str, float]),
        error_class=row["error_class"],
        error=row["error"],
        warnings=unpacked(row["warnings"], tuple[str, ...]),
        steps=done,
    )


def _text(source: bytes) -> str:
    return source.decode(errors="surrogatepass")
