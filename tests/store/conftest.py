"""What the tests of the store share: places for stores, in SQLite and, if OTPY_TEST_POSTGRES says where, PostgreSQL."""

import contextlib
import os
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from otpy.store import MemoryStore, Recorder, open_store

SERVER = os.environ.get("OTPY_TEST_POSTGRES")
"""The address of a PostgreSQL server in which tests may make and drop schemas; `make test-postgres` starts one."""

DATABASES = ["sqlite", "postgres"] if SERVER else ["sqlite"]


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the test the place of a store that is not there yet, in each database in turn."""
    with new_place(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=["memory", *DATABASES])
def recorder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recorder]:
    """Give the test each kind of recorder in turn, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    with new_place(request.param, tmp_path) as found, open_store(found) as store:
        yield store


@contextlib.contextmanager
def new_place(kind: str, folder: Path) -> Generator[str]:
    """Yield the place of a store that is not there yet; in PostgreSQL it is a schema of its own, dropped afterwards."""
    if kind == "sqlite":
        yield str(folder / "store" / "otpy.db")
        return
    assert SERVER is not None
    name = f"otpy_{uuid.uuid4().hex}"
    _on_server(f"CREATE SCHEMA {name}")
    address = make_url(SERVER).update_query_dict({"options": f"-csearch_path={name}"})
    yield address.render_as_string(hide_password=False)
    _on_server(f"DROP SCHEMA {name} CASCADE")


def _on_server(statement: str) -> None:
    assert SERVER is not None
    engine = create_engine(make_url(SERVER).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
