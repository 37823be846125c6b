"""The store of a node: where it is, and what it means when the node starts and ends.

By default it is a file of the node's own, `$XDG_STATE_HOME/otpy/NODE/otpy.db`, which only its user can read (0700).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otpy import upgrade
from otpy.cli.exits import Failed
from otpy.errors import StoreError
from otpy.store import open_store
from otpy.upgrade.boot import permanent_versions

if TYPE_CHECKING:
    from collections.abc import Generator

    from otpy.store import Recorder

NONE: Final = "none"
"""What is given for no store at all."""


def place_of(given: str | None, node: str) -> str | Path | None:
    """Return where the store of *node* is, *given* with `--store`; None if it is to have none."""
    if given is None:
        return state_folder() / node / "otpy.db"
    return None if given == NONE else given


def state_folder() -> Path:
    """Return where this user's programs keep what outlives them, for otpy."""
    told = os.environ.get("XDG_STATE_HOME", "")
    home = Path(told) if Path(told).is_absolute() else Path.home() / ".local" / "state"
    return home / "otpy"


@contextmanager
def opened(place: str | Path | None) -> Generator[Recorder | None]:
    """Have upgrades recorded in the store at *place* for the time of a block, and its permanent versions imported.

    Yield it; None if there is none. Raises Failed if it cannot be used, with what to do.
    """
    if place is None:
        yield None
        return
    try:
        store = open_store(place)
    except StoreError as error:
        raise Failed(f"{error}; or run without one: --store none") from error
    with store:
        upgrade.use_store(store)
        try:
            with permanent_versions(store):
                yield store
        finally:
            upgrade.use_store(None)
