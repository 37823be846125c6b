"""The part of a conversion that is the user's, for one process alone."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy.behaviours.gen_server import GenServer
from otpy.upgrade.users_part import UsersPart
from otpy.upgrade.ways import Way
from tests.support import eventually, inside


class Fails(GenServer[int]):
    """Cannot convert anything."""

    def init(self, arg: int) -> otpy.Ok[int]:
        """The state."""
        return otpy.Ok(arg)

    def code_change(self, old_vsn: Any, state: int, extra: Any = None) -> otpy.Ok[int]:
        """Fail."""
        raise ValueError(state)


@inside
def test_a_copy_of_the_dead_is_refused_like_any_other() -> None:
    """A rehearsal converts copies; that the process has ended meanwhile must not let the bare error through."""
    pid: Any = Fails.start(1)
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: not otpy.is_alive(pid))
    with pytest.raises(otpy.MigrationFailed, match="ValueError: 1"):
        UsersPart(Way("code_change"), Fails).change(pid, 1)
