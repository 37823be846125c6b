"""The records of upgrades in a database: SQLite in a file of the node's own, or PostgreSQL, with the same code.

What a method has returned is on disk, except for steps (`Recorder.step`) and the compile cache, which a power failure
may take. What it has not returned is there as a whole, or not at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import msgspec
from sqlalchemy import Connection, Engine, Select, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from otpy.errors import StoreError
from otpy.store import rows
from otpy.store.blobs import StoredBlobs
from otpy.store.deciding import ended, interrupted
from otpy.store.engines import QUICK, address_of, file_of, postgres_engine, sqlite_engine
from otpy.store.failures import StoreUnusable, explained
from otpy.store.holding import FileLock, prepare_file, this_process
from otpy.store.memory import no_such_upgrade
from otpy.store.packing import packed
from otpy.store.picking import check_limit, names, to_make_permanent
from otpy.store.retention import trim
from otpy.store.schema import boots, bring_up_to_date, events, module_changes, plans, upgrades, versions
from otpy.store.times import to_number, utc_now
from otpy.store.values import (
    Ending,
    Event,
    Interrupted,
    Limits,
    Permanent,
    Planned,
    Record,
    Snapshot,
    Step,
    StoredVersion,
)

log = logging.getLogger("otpy.store")

_EVENTS_BETWEEN_TRIMS = 256


@final
class Store:
    """A `Recorder` in a database; `otpy.store.open_store` makes one. Any thread may use it, also several at once."""

    def __init__(
        self, place: str | Path, *, limits: Limits | None = None, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._limits = limits or Limits()
        self._now = now
        self._process = os.getpid()
        self._closed = False
        self._owed_lock = threading.Lock()
        self._owed_steps: dict[int, list[Step]] = {}
        self._owed_ends: dict[int, tuple[Ending, datetime]] = {}
        with contextlib.ExitStack() as opening:
            self._engine, self._release = _engine(place)
            opening.callback(self._release)
            opening.callback(self._engine.dispose)
            self.where = address_of(self._engine)
            self._boot, self._interrupted = self._open()
            opening.pop_all()
        self._cache = StoredBlobs(self._transaction, limits=self._limits, now=now)

    @property
    def cache(self) -> StoredBlobs:
        """The cache of compiled code."""
        return self._cache

    # -- recording --

    def begin(self, planned: Planned) -> int:
        """Record that an upgrade begins, and return its id. Raises: StoreError; then it must not begin."""
        with self._transaction() as connection:
            paid = self._pay(connection)
            upgrade = rows.insert_upgrade(connection, planned, boot=self._boot, at=self._now())
        self._paid(paid)
        return upgrade

    def step(self, upgrade: int, step: Step) -> None:
        """Record that a step was finished; one that cannot be written comes with the end.

        Raises: StoreError, if there is no such upgrade.
        """
        done = msgspec.structs.replace(step, at=step.at or self._now())
        with self._owed_lock:
            owed = [*self._owed_steps.pop(upgrade, ()), done]
        try:
            with self._transaction(quick=True) as connection:
                known = rows.insert_steps(connection, upgrade, owed, now=self._now())
        except StoreUnusable:
            with self._owed_lock:
                self._owed_steps[upgrade] = owed
        else:
            if not known:
                raise no_such_upgrade(upgrade, self.where)

    def end(self, upgrade: int, ending: Ending) -> str | None:
        """Record how an upgrade ended; return None, or what to tell people if that cannot be written now.

        Raises: StoreError, if there is no such upgrade, or it cannot end so.
        """
        at = self._now()
        try:
            with self._transaction() as connection:
                paid = self._pay(connection)
                self._write_end(connection, upgrade, ending, at)
                trim(connection, self._limits)
        except StoreUnusable as error:
            with self._owed_lock:
                self._owed_ends[upgrade] = (ending, at)
            return (
                f"upgrade {upgrade} is {ending.state.replace('_', ' ')}, but that could not be written: {error}. It is "
                "written with the next upgrade, or when the node stops; should the node be killed before, it will "
                "report the upgrade as interrupted"
            )
        self._paid((*paid, upgrade))
        return None

    def snapshot(self, upgrade: int, states: Iterable[Snapshot]) -> None:
        """Keep the states of processes for an upgrade. Raises: StoreError; then none of them is kept."""
        taken = tuple(states)
        with self._transaction() as connection:
            self._find(connection, upgrade)
            rows.insert_snapshots(connection, upgrade, taken)

    def event(self, name: str, facts: Mapping[str, Any]) -> None:
        """Record something for analysis. Raises: StoreError; TypeError, if *facts* are not plain data."""
        data = packed(dict(facts))
        added = insert(events).values(boot=self._boot, at=to_number(self._now()), name=name, facts=data)
        with self._transaction(quick=True) as connection:
            number: int = connection.execute(added.returning(events.c.id)).scalar_one()
            if number % _EVENTS_BETWEEN_TRIMS == 0:
                trim(connection, self._limits)

    def make_permanent(
        self, modules: Iterable[str] | None = None, *, on_disk: Mapping[str, str | None] | None = None
    ) -> tuple[Permanent, ...]:
        """Have restarted nodes run what upgrades brought since this node started. Raises: StoreError."""
        wanted = names(modules)
        with self._transaction() as connection:
            paid = self._pay(connection)
            of_boot = select(upgrades.c.id).where(upgrades.c.boot == self._boot)
            records = rows.read_records(connection, of_boot, details=False)
            chosen = to_make_permanent(records, boot=self._boot, modules=wanted)
            for upgrade, change in chosen:
                rows.insert_permanent(
                    connection,
                    upgrade=upgrade,
                    change=change,
                    on_disk=(on_disk or {}).get(change.module),
                    at=self._now(),
                )
            permanent = rows.read_permanent(connection)
        self._paid(paid)
        return tuple(permanent[change.module] for _, change in chosen)

    # -- asking --

    def permanent_versions(self) -> dict[str, Permanent]:
        """Return what a restarted node runs, by module."""
        with self._transaction() as connection:
            return rows.read_permanent(connection)

    def latest_versions(self) -> dict[str, StoredVersion]:
        """Return what the last completed upgrade of each module brought, whether or not it is permanent."""
        with self._transaction() as connection:
            found = rows.read_versions(connection, rows.latest_version_ids())
        return {version.module: version for version in found}

    def versions(self, module: str) -> tuple[StoredVersion, ...]:
        """Return the versions of *module* that the store has, in the order in which they were first seen."""
        with self._transaction() as connection:
            return rows.read_versions(connection, select(versions.c.id).where(versions.c.module == module))

    def history(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Record, ...]:
        """Return the upgrades, oldest first: of module *name*, the last *limit* of them, begun since and before."""
        check_limit(limit)
        chosen = select(upgrades.c.id).order_by(upgrades.c.id.desc()).limit(limit)
        if name is not None:
            touched = select(module_changes.c.upgrade).where(module_changes.c.module == name)
            chosen = chosen.where(upgrades.c.id.in_(touched))
        if since is not None:
            chosen = chosen.where(upgrades.c.started >= to_number(since))
        if until is not None:
            chosen = chosen.where(upgrades.c.started < to_number(until))
        with self._transaction() as connection:
            return rows.read_records(connection, chosen, details=False)

    def upgrade(self, upgrade: int) -> Record:
        """Return one upgrade. Raises: StoreError, if there is no such."""
        with self._transaction() as connection:
            return self._find(connection, upgrade, details=True)

    def plan(self, upgrade: int) -> bytes:
        """Return the plan of an upgrade as it was given. Raises: StoreError, if there is no such upgrade."""
        with self._transaction() as connection:
            found: bytes | None = connection.execute(select(plans.c.plan).where(plans.c.upgrade == upgrade)).scalar()
        if found is None:
            raise no_such_upgrade(upgrade, self.where)
        return found

    def snapshots(self, upgrade: int) -> tuple[Snapshot, ...]:
        """Return the states that were kept for an upgrade."""
        with self._transaction() as connection:
            return rows.read_snapshots(connection, upgrade)

    def events(self, name: str | None = None, *, limit: int | None = None) -> tuple[Event, ...]:
        """Return the events, oldest first: those called *name*, the last *limit* of them."""
        check_limit(limit)
        chosen = select(events.c.id).order_by(events.c.id.desc()).limit(limit)
        if name is not None:
            chosen = chosen.where(events.c.name == name)
        with self._transaction() as connection:
            return rows.read_events(connection, chosen)

    def recover(self, on_disk: Mapping[str, str | None] | None = None) -> tuple[Interrupted, ...]:
        """Return the upgrades that were under way when the node ended before this start, with words for the log."""
        if not self._interrupted:
            return ()
        with self._transaction() as connection:
            found = rows.read_records(
                connection, select(upgrades.c.id).where(upgrades.c.id.in_(self._interrupted)), details=True
            )
            permanent = rows.read_permanent(connection)
            latest = {version.module: version for version in rows.read_versions(connection, rows.latest_version_ids())}
        return tuple(interrupted(record, on_disk=on_disk or {}, permanent=permanent, latest=latest) for record in found)

    # -- opening and closing --

    def backup(self, file: str | Path) -> None:
        """Copy what is in a SQLite store to *file*, a new one, while the store is in use: nobody else may open it.

        Raises: StoreError, if there is such a file, it cannot be written, or the store is in PostgreSQL.
        """
        if self._engine.dialect.name != "sqlite":
            msg = f"the store {self.where} is in PostgreSQL: back it up with pg_dump"
            raise StoreError(msg)
        path = Path(file)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            msg = f"{path} is there already; a backup is a new file"
            raise StoreError(msg) from error
        except OSError as error:
            raise explained(error, str(path)) from error
        try:
            with self._connection() as connection:
                raw: Any = connection.connection.driver_connection  # SQLAlchemy would begin a transaction first
                try:
                    raw.execute("VACUUM INTO ?", (str(path),))
                except sqlite3.Error as error:
                    raise explained(DBAPIError("VACUUM INTO", None, error), str(path)) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Write what could not be written before, and give the store up; once is enough."""
        if self._closed or os.getpid() != self._process:
            return
        try:
            with self._transaction() as connection:
                self._pay(connection)
                connection.execute(update(boots).where(boots.c.id == self._boot).values(ended=to_number(self._now())))
        except StoreError as error:
            log.warning("the end of this node, and what was owed to the store, could not be written: %s", error)
        self._closed = True
        self._engine.dispose()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> tuple[int, tuple[int, ...]]:
        """Bring the tables up to date, and write that the node starts; return its number and what was interrupted."""
        with self._transaction() as connection:
            bring_up_to_date(connection, self.where)
            this = insert(boots).values(started=to_number(self._now()), host=this_process(), process=self._process)
            boot: int = connection.execute(this.returning(boots.c.id)).scalar_one()
            under_way = update(upgrades).where(upgrades.c.state == "prepared")
            lost = connection.execute(
                under_way.values(state="interrupted", outcome="interrupted").returning(upgrades.c.id)
            )
            found = tuple(sorted(lost.scalars()))
            trim(connection, self._limits)
        return boot, found

    @contextlib.contextmanager
    def _transaction(self, *, quick: bool = False) -> Generator[Connection]:
        """One transaction: all of the block, or nothing. Raises: StoreUnusable."""
        with self._connection() as connection:
            connection.execution_options(**{QUICK: quick})
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def _connection(self) -> Generator[Connection]:
        """The one connection, for the block. Raises: StoreUnusable."""
        if self._closed:
            msg = f"the store {self.where} is closed; open it again"
            raise StoreError(msg)
        if os.getpid() != self._process:
            msg = f"the store {self.where} was opened before a fork, by process {self._process}: open stores after it"
            raise StoreError(msg)
        try:
            with self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise explained(error, self.where) from error

    # -- what could not be written at its time --

    def _pay(self, connection: Connection) -> tuple[int, ...]:
        """Write the ends that are owed, and return the upgrades that they are of."""
        with self._owed_lock:
            owed = tuple(self._owed_ends.items())
        for upgrade, (ending, at) in owed:
            self._write_end(connection, upgrade, ending, at)
        return tuple(upgrade for upgrade, _ in owed)

    def _paid(self, written: Iterable[int]) -> None:
        """Forget what was owed: the transaction that wrote it is committed."""
        with self._owed_lock:
            for upgrade in written:
                self._owed_steps.pop(upgrade, None)
                self._owed_ends.pop(upgrade, None)

    def _write_end(self, connection: Connection, upgrade: int, ending: Ending, at: datetime) -> None:
        record = ended(self._find(connection, upgrade), ending, at=at)
        with self._owed_lock:
            steps = tuple(self._owed_steps.get(upgrade, ()))
        rows.insert_steps(connection, upgrade, steps, now=at)
        rows.update_upgrade(connection, record)

    def _find(self, connection: Connection, upgrade: int, *, details: bool = False) -> Record:
        chosen: Select[tuple[int]] = select(upgrades.c.id).where(upgrades.c.id == upgrade)
        if not (found := rows.read_records(connection, chosen, details=details)):
            raise no_such_upgrade(upgrade, self.where)
        return found[0]


def _engine(place: str | Path) -> tuple[Engine, Callable[[], None]]:
    """Return the engine for *place*, and how to give up what was taken for it."""
    if (path := file_of(place)) is None:
        return postgres_engine(str(place)), _nothing
    try:
        prepare_file(path)
        lock = FileLock(path)
    except OSError as error:
        raise explained(error, str(path)) from error
    return sqlite_engine(path), lock.release


def _nothing() -> None:
    """PostgreSQL's lock goes with the connection."""
