"""What the tests of tables share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import otpy
from otpy import Table
from tests.support import get

Kind = Any
KINDS = ("set", "ordered_set", "bag", "duplicate_bag")


def owner_of(make: Callable[[], Table]) -> tuple[otpy.Pid, Table]:
    """Start a process that makes a table and lives until it gets a message."""
    asker = otpy.self_pid()

    def own() -> None:
        otpy.send(asker, make())
        otpy.receive()

    return otpy.spawn(own), get()


def _is_done(message: Any) -> bool:
    return isinstance(message, tuple) and message[0] == "done"


def run_in_process(fn: Callable[[], Any]) -> Any:
    """Run *fn* in another process and return what it returns or raises."""
    asker = otpy.self_pid()

    def run() -> None:
        try:
            otpy.send(asker, ("done", fn()))
        except otpy.OtpyError as error:
            otpy.send(asker, ("done", error))

    otpy.spawn(run)
    return otpy.receive(_is_done, timeout=20.0)[1]


class Clash:
    """A key whose hash is that of all others of its class."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clash) and self.name == other.name

    def __hash__(self) -> int:
        return 7

    def __lt__(self, other: Clash) -> bool:
        return self.name < other.name
