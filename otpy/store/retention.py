"""What a store forgets, so that it does not grow for ever."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Select, delete, func, select, union

from otpy.store.schema import events, module_changes, permanents, snapshots, upgrades, versions
from otpy.store.values import RESERVE, Limits


def trim(connection: Connection, limits: Limits) -> None:
    """Delete what is more than *limits* allow, oldest first, and what belongs to nothing any more."""
    rank = func.row_number().over(partition_by=permanents.c.module, order_by=permanents.c.id.desc())
    ranked = (
        select(permanents.c.id, rank.label("rank"))
        .join(upgrades, upgrades.c.id == permanents.c.upgrade)
        .where(upgrades.c.state == "permanent")
        .subquery()
    )
    reserve = select(ranked.c.id).where(ranked.c.rank <= RESERVE)
    surplus = _older_than(upgrades.c.id, limits.upgrades)
    connection.execute(delete(permanents).where(permanents.c.upgrade.in_(surplus), permanents.c.id.not_in(reserve)))
    gone = delete(upgrades).where(
        upgrades.c.id.in_(surplus),
        upgrades.c.state != "prepared",
        upgrades.c.id.not_in(select(permanents.c.upgrade)),
    )
    if connection.execute(gone).rowcount:
        _forget_versions(connection)
    connection.execute(delete(snapshots).where(snapshots.c.upgrade.in_(_older_than(upgrades.c.id, limits.snapshots))))
    connection.execute(delete(events).where(events.c.id.in_(_older_than(events.c.id, limits.events))))


def _older_than(ids: Column[int], count: int) -> Select[Any]:
    """Select all but the newest *count*."""
    return select(ids).order_by(ids.desc()).offset(count)


def _forget_versions(connection: Connection) -> None:
    used: Any = union(
        select(module_changes.c.before).where(module_changes.c.before.is_not(None)),
        select(module_changes.c.after),
        select(permanents.c.version),
    )
    connection.execute(delete(versions).where(versions.c.id.not_in(used)))
