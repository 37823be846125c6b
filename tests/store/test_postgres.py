"""What only a server can do to a store. These tests are there if OTPY_TEST_POSTGRES says where one is."""

import os
import uuid

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from otpy.errors import StoreError
from otpy.store import Planned, open_store
from tests.store.conftest import SERVER
from tests.store.kit import COMMITTED, SHOP_2

if SERVER:

    def test_a_wrong_password_is_named() -> None:
        """The server is there, so the advice is another."""
        assert SERVER is not None
        another = uuid.uuid4().hex
        address = make_url(SERVER).set(password=another).render_as_string(hide_password=False)
        with pytest.raises(StoreError, match="the server refuses this user or password") as caught:
            open_store(address)
        assert another not in str(caught.value)

    def test_a_database_that_is_not_there_is_named() -> None:
        """It has to be made once, by somebody who may."""
        assert SERVER is not None
        address = make_url(SERVER).set(database="nobody_made_this").render_as_string(hide_password=False)
        with pytest.raises(StoreError, match="no such database: make it with `createdb`"):
            open_store(address)

    @pytest.mark.parametrize("place", ["postgres"], indirect=True)
    def test_a_connection_that_broke_is_made_anew(place: str) -> None:
        """PostgreSQL is restarted now and then; the node goes on, and still has the store for itself."""
        assert SERVER is not None
        engine = create_engine(make_url(SERVER).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with open_store(place) as store, engine.connect() as other:
            number = store.begin(Planned(sources=(SHOP_2,)))
            other.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE :who"),
                {"who": f"process {os.getpid()} on %"},
            )
            assert store.end(number, COMMITTED) is None
            with pytest.raises(StoreError, match=f"in use by process {os.getpid()} on"):
                open_store(place)
        engine.dispose()
