"""A store that an older otpy has made is brought up to date, with all that is in it."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, inspect, text
from sqlalchemy.engine import URL, make_url

from otpy.store import ModuleChange, open_store
from otpy.store.packing import packed
from otpy.store.schema import metadata
from tests.store.kit import COMMITTED, SHOP_1, SHOP_2, SHOP_3, upgrade

SCHEMA_0 = """
CREATE TABLE otpy_schema (number INTEGER NOT NULL);
INSERT INTO otpy_schema VALUES (0);
CREATE TABLE otpy_versions (
    id {id}, module TEXT NOT NULL, vsn TEXT NOT NULL, sha256 TEXT NOT NULL, created BIGINT NOT NULL,
    source {bytes} NOT NULL, UNIQUE (module, sha256));
CREATE TABLE otpy_upgrades (
    id {id}, state TEXT NOT NULL, outcome TEXT NOT NULL, trigger TEXT NOT NULL, strategy TEXT NOT NULL,
    asked_by TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT, seconds DOUBLE PRECISION NOT NULL,
    processes INTEGER NOT NULL, migrated INTEGER NOT NULL, error_class TEXT, error TEXT,
    dependents {bytes} NOT NULL, paused_s {bytes} NOT NULL, warnings {bytes} NOT NULL);
CREATE TABLE otpy_module_changes (
    upgrade INTEGER NOT NULL REFERENCES otpy_upgrades (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    module TEXT NOT NULL, before INTEGER REFERENCES otpy_versions (id),
    after INTEGER NOT NULL REFERENCES otpy_versions (id), PRIMARY KEY (upgrade, position));
CREATE INDEX otpy_module_changes_by_module ON otpy_module_changes (module);
CREATE TABLE otpy_plans (
    upgrade INTEGER PRIMARY KEY REFERENCES otpy_upgrades (id) ON DELETE CASCADE, plan {bytes} NOT NULL);
CREATE TABLE otpy_steps (
    upgrade INTEGER NOT NULL REFERENCES otpy_upgrades (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    name TEXT NOT NULL, at BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL, before {bytes} NOT NULL,
    after {bytes} NOT NULL, PRIMARY KEY (upgrade, position));
CREATE TABLE otpy_snapshots (
    id {id}, upgrade INTEGER NOT NULL REFERENCES otpy_upgrades (id) ON DELETE CASCADE, process TEXT NOT NULL,
    behaviour TEXT NOT NULL, vsn TEXT NOT NULL, moment TEXT NOT NULL, not_stored TEXT NOT NULL, state {bytes});
CREATE TABLE otpy_permanents (
    id {id}, module TEXT NOT NULL, version INTEGER NOT NULL REFERENCES otpy_versions (id),
    upgrade INTEGER NOT NULL REFERENCES otpy_upgrades (id), at BIGINT NOT NULL);
"""
"""The tables of schema 0, as they were made by hand."""

DIALECTS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "bytes": "BLOB"},
    "postgresql": {"id": "SERIAL PRIMARY KEY", "bytes": "BYTEA"},
}


@pytest.fixture
def old_place(place: str) -> str:
    """Give the test a store of schema 0 in which shop 1 → 2 is permanent and shop 2 → 3 was under way."""
    if "://" in place:
        url = make_url(place).set(drivername="postgresql+psycopg")
    else:
        Path(place).parent.mkdir(mode=0o700)
        url = URL.create("sqlite", database=place)
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in SCHEMA_0.format(**DIALECTS[engine.dialect.name]).split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
        _fill(connection)
    engine.dispose()
    return place


def _fill(connection: Connection) -> None:
    for source in (SHOP_1, SHOP_2, SHOP_3):
        _insert(connection, "versions", module="shop", vsn=source.vsn, sha256=source.sha256, created=1, source=b"x = 1")
    for number, state in ((1, "permanent"), (2, "prepared")):
        lists = {"dependents": packed(["till"]), "paused_s": packed({"max": 0.5}), "warnings": packed([])}
        words = {"state": state, "outcome": "", "trigger": "call", "strategy": "atomic", "asked_by": ""}
        counts = {"started": number, "seconds": 0.5, "processes": 3, "migrated": 2}
        _insert(connection, "upgrades", **lists, **words, **counts)
        _insert(
            connection, "module_changes", upgrade=number, position=0, module="shop", before=number, after=number + 1
        )
        _insert(connection, "plans", upgrade=number, plan=b"plan")
    nothing = packed({})
    _insert(
        connection, "steps", upgrade=2, position=0, name="install", at=2, seconds=0.5, before=nothing, after=nothing
    )
    _insert(connection, "permanents", module="shop", version=2, upgrade=1, at=1)


def _insert(connection: Connection, table: str, **row: object) -> None:
    columns = Table(f"otpy_{table}", MetaData(), autoload_with=connection)
    connection.execute(insert(columns).values(**row))


def test_a_store_of_schema_0_is_brought_up_to_date(old_place: str) -> None:
    """Nobody loses the history of a node to a new release of otpy."""
    with open_store(old_place) as store:
        (told,) = store.recover()
        assert told.last_step == "install"
        first, second = store.history()
        assert (first.state, second.state) == ("permanent", "interrupted")
        assert first.modules == (ModuleChange("shop", "1", "2", SHOP_1.sha256, SHOP_2.sha256),)
        assert (first.dependents, first.paused_s, first.boot) == (("till",), {"max": 0.5}, 1)
        permanent = store.permanent_versions()["shop"]
        assert (permanent.vsn, permanent.on_disk, permanent.upgrade) == ("2", None, 1)
        assert store.plan(1) == b"plan"
        upgrade(store, SHOP_3, ending=COMMITTED)
        store.make_permanent(on_disk={"shop": SHOP_1.sha256})
        store.cache.put("key", b"value")
    with open_store(old_place) as store:
        assert store.permanent_versions()["shop"].on_disk == SHOP_1.sha256
        assert store.history()[-1].boot == 2
        assert store.cache.get("key") == b"value"


def test_a_store_that_was_brought_up_to_date_has_the_columns_of_a_new_one(old_place: str) -> None:
    """A column that is missing would show itself only when somebody needs it."""
    with open_store(old_place) as store, store._transaction() as connection:
        looked = inspect(connection)
        for table in metadata.sorted_tables:
            found = {column["name"] for column in looked.get_columns(table.name)}
            assert found == {column.name for column in table.columns}, table.name
