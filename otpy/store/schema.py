"""The tables, and how a database of an older otpy comes to have them.

All names begin with `otpy_`, so that the tables can live in a database that has others. Moments are microseconds after
1970 (times.py), sources and snapshots are bytes, lists and maps are msgpack. What may be large stands last in its row,
so that SQLite need not read it to get at the rest. The number of the schema is in a table of one row; whatever changes
the tables raises it and adds a step to `_STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
    update,
)

from otpy.errors import StoreError
from otpy.store.packing import storable

NUMBER: Final = 1
"""The schema that this otpy writes."""

metadata: Final = MetaData()


@final
class Words(TypeDecorator[str]):
    """Text that either database takes: what UTF-8 or PostgreSQL cannot hold is written as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return *value* as it is written."""
        return None if value is None else storable(value)


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _of_upgrade(*, primary_key: bool = False) -> Column[int]:
    reference = ForeignKey("otpy_upgrades.id", ondelete="CASCADE")
    return Column("upgrade", Integer, reference, primary_key=primary_key, index=not primary_key, nullable=False)


schema_number: Final = Table("otpy_schema", metadata, Column("number", Integer, nullable=False))

boots: Final = Table(
    "otpy_boots",
    metadata,
    _id(),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("host", Words, nullable=False),
    Column("process", Integer, nullable=False),
    sqlite_autoincrement=True,
)
"""The starts of the node on this store; `ended` stays empty when it is killed."""

versions: Final = Table(
    "otpy_versions",
    metadata,
    _id(),
    Column("module", Words, nullable=False),
    Column("vsn", Words, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("source", LargeBinary, nullable=False),
    UniqueConstraint("module", "sha256"),
    sqlite_autoincrement=True,
)

upgrades: Final = Table(
    "otpy_upgrades",
    metadata,
    _id(),
    Column("boot", ForeignKey("otpy_boots.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("trigger", Words, nullable=False),
    Column("strategy", Words, nullable=False),
    Column("asked_by", Words, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("seconds", Float(53), nullable=False),
    Column("processes", Integer, nullable=False),
    Column("migrated", Integer, nullable=False),
    Column("error_class", Words),
    Column("error", Words),
    Column("dependents", LargeBinary, nullable=False),
    Column("paused_s", LargeBinary, nullable=False),
    Column("warnings", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

module_changes: Final = Table(
    "otpy_module_changes",
    metadata,
    _of_upgrade(primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("module", Words, nullable=False),
    Column("before", ForeignKey("otpy_versions.id")),
    Column("after", ForeignKey("otpy_versions.id"), nullable=False),
    Index("otpy_module_changes_by_module", "module"),
)
"""What an upgrade did to which module, as versions."""

plans: Final = Table("otpy_plans", metadata, _of_upgrade(primary_key=True), Column("plan", LargeBinary, nullable=False))

steps: Final = Table(
    "otpy_steps",
    metadata,
    _of_upgrade(primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("before", LargeBinary, nullable=False),
    Column("after", LargeBinary, nullable=False),
)
"""The steps that were finished, with the states before and after in words."""

snapshots: Final = Table(
    "otpy_snapshots",
    metadata,
    _id(),
    _of_upgrade(),
    Column("process", Words, nullable=False),
    Column("behaviour", Words, nullable=False),
    Column("vsn", Words, nullable=False),
    Column("moment", Text, nullable=False),
    Column("not_stored", Words, nullable=False),
    Column("state", LargeBinary),
    sqlite_autoincrement=True,
)

permanents: Final = Table(
    "otpy_permanents",
    metadata,
    _id(),
    Column("module", Words, nullable=False),
    Column("version", ForeignKey("otpy_versions.id"), nullable=False),
    Column("upgrade", ForeignKey("otpy_upgrades.id"), nullable=False),
    Column("on_disk", Text),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""What was made permanent. The newest row of a module counts whose upgrade was not rolled back since."""

events: Final = Table(
    "otpy_events",
    metadata,
    _id(),
    Column("boot", ForeignKey("otpy_boots.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("name", Words, nullable=False),
    Column("facts", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

cache: Final = Table(
    "otpy_cache",
    metadata,
    Column("key", Words, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
"""Compiled code. `used` is exact to an hour: a cache that writes at each look is slow."""


def bring_up_to_date(connection: Connection, where: str) -> None:
    """Make the tables, or bring those of an older otpy to the present schema, in the transaction of *connection*.

    Raises: StoreError, if a newer otpy has made them.
    """
    number = _found(connection)
    if number is None:
        metadata.create_all(connection)
        connection.execute(insert(schema_number).values(number=NUMBER))
        return
    if number > NUMBER:
        msg = (
            f"the store {where} has schema {number}, and this otpy knows schemas up to {NUMBER}: a newer otpy has made "
            "it; use that one, or give this node a store of its own"
        )
        raise StoreError(msg)
    for step in _STEPS[number:]:
        step(connection)
    if number < NUMBER:
        connection.execute(update(schema_number).values(number=NUMBER))


def _found(connection: Connection) -> int | None:
    """The number of the schema that is there; None if there is none."""
    if not inspect(connection).has_table(schema_number.name):
        return None
    number: int = connection.execute(select(schema_number.c.number)).scalar_one()
    return number


def _from_0(connection: Connection) -> None:
    """Schema 0, of the first trials, knew no starts of the node, and no files beside what is permanent."""
    metadata.create_all(connection, tables=[boots, events, cache])
    connection.execute(insert(boots).values(started=0, ended=0, host="unknown", process=0))
    for statement in (
        # SQLite adds no column that is both NOT NULL and a foreign key.
        "ALTER TABLE otpy_upgrades ADD COLUMN boot INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE otpy_permanents ADD COLUMN on_disk TEXT",
    ):
        connection.execute(text(statement))


_STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_from_0,)
"""The step at place n brings schema n to n + 1."""
