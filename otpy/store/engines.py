"""The connection to the database: one per node, which SQLAlchemy's pool hands from thread to thread.

SQLite. Every transaction is a `BEGIN IMMEDIATE`: one that begins as a reader and turns to writing fails at once with
"database is locked", whatever the timeout. The journal is a write-ahead log, so that a commit costs one `fsync`, and a
step that is marked during an upgrade none. SQLite before 3.51.3 can damage such a database when two connections write
and checkpoint at the same moment; here there is only one, and `locking_mode=EXCLUSIVE` has SQLite itself refuse any
other, whichever program it is of (docs/decisions/0007-one-connection-and-a-write-ahead-log.md).

PostgreSQL. Each new connection first takes an advisory lock, so that here too a store belongs to one node.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from otpy.errors import StoreError
from otpy.store.holding import this_process

QUICK: Final = "otpy_quick"
"""The execution option of a transaction that survives `kill -9`, but perhaps not a power failure."""

_WAIT_SECONDS: Final = 30.0
"""For the connection, while another thread uses it."""

_LOG_PAGES: Final = 1000
"""From this size on the log is copied back into the file, by the transaction that finds it so."""

_CONNECT_SECONDS: Final = 10
_LOCK_WAIT: Final = "2s"
"""The session of a node that was killed, or of a connection that broke, takes a moment to end."""

_OTPY: Final = 0x6F747079
"""The first half of the key of PostgreSQL's advisory lock; the second is the schema."""

_ACCEPTED: Final = "give the path of a file, or postgresql://USER:PASSWORD@HOST/DATABASE"


def file_of(place: str | Path) -> Path | None:
    """Return the file that *place* names (a path, or an address that begins with `sqlite:///`), None if it is a server.

    Raises: StoreError, if it is neither.
    """
    if isinstance(place, str) and "://" in place:
        url = _url(place)
        if url.get_backend_name() == "postgresql":
            return None
        if url.get_backend_name() != "sqlite":
            msg = f"{url.render_as_string()!r} is no place for a store: {_ACCEPTED}"
            raise StoreError(msg)
        place = url.database or ""
    if str(place) in {"", ":memory:"}:
        msg = f"{str(place)!r} is no place for a store: {_ACCEPTED}; a node without a database has a MemoryStore"
        raise StoreError(msg)
    path = Path(place).expanduser().resolve()
    if path.is_dir():
        msg = f"{path} is a folder: give the path of a file in it, such as {path / 'otpy.db'}"
        raise StoreError(msg)
    return path


def sqlite_engine(path: Path) -> Engine:
    """Return the engine for the database file *path*."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_WAIT_SECONDS,
        # The pool sees to it that one thread at a time uses the connection.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 0.0},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def postgres_engine(address: str) -> Engine:
    """Return the engine for the server at *address*. Raises: StoreError, if its driver is not installed."""
    url = _url(address).set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(
            url,
            pool_size=1,
            max_overflow=0,
            pool_timeout=_WAIT_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "application_name": this_process()[:63],
                "connect_timeout": int(url.query.get("connect_timeout", _CONNECT_SECONDS)),  # type: ignore[arg-type]
            },
        )
    except ModuleNotFoundError as error:
        msg = "a store in PostgreSQL needs psycopg: pip install 'otpy[postgres]'"
        raise StoreError(msg) from error
    event.listen(engine, "connect", _hold_postgres)
    event.listen(engine, "begin", _begin_postgres)
    return engine


def address_of(engine: Engine) -> str:
    """Return what names the store to people, without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=True)


def _url(address: str) -> URL:
    try:
        url = make_url(address.replace("postgres://", "postgresql://", 1))
        url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        msg = f"what was given is no address of a store: {_ACCEPTED}"
        raise StoreError(msg) from error
    return url


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in (
        "locking_mode = EXCLUSIVE",  # first: from then on the log needs no shared memory, and nobody else gets in
        "journal_mode = WAL",
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: fsync alone does not reach the disk there
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    quick = connection.get_execution_options().get(QUICK, False)
    connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if quick else 'FULL'}")
    # Copying the log back into the file takes milliseconds: not while processes are suspended.
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {0 if quick else _LOG_PAGES}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get(QUICK, False):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _hold_postgres(connection: Any, _record: object) -> None:
    """Take the lock of the store for as long as this connection lives."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_WAIT}'")
        try:
            cursor.execute(f"SELECT pg_advisory_lock({_OTPY}, hashtext(current_schema()))")
            cursor.execute("SET lock_timeout = 0")
        except Exception as error:
            connection.rollback()
            if getattr(error, "sqlstate", None) != "55P03":
                raise
            holder = _holder(cursor)
            msg = (
                f"the store in this database is in use by {holder}; stop that one, or give this node a database or a "
                "schema (?options=-csearch_path=NAME) of its own"
            )
            raise StoreError(msg) from error
    connection.commit()


def _holder(cursor: Any) -> str:
    cursor.execute(
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
        "AND classid = %s AND objid::bigint = hashtext(current_schema())::bigint & 4294967295 AND granted "
        "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (_OTPY,),
    )
    row = cursor.fetchone()
    return str(row[0]) if row and row[0] else "another program"
