"""Applications that cannot be."""

from __future__ import annotations

from typing import Any

import otpy
from otpy import application


class Wrong(otpy.Application[list[str]]):
    """Callbacks that return, or take, something else."""

    def start(self, type_: str, args: Any) -> tuple[otpy.Pid, int]:  # error: the state is a list
        """Start with a number."""
        return otpy.self_pid(), 1

    def prep_stop(self, state: int) -> int:  # error: the state is a list
        """Take a number."""
        return state


def wrong_verbs() -> None:
    """Arguments that are none."""
    application.start(Wrong, "for ever")  # error: permanent, transient or temporary
    application.start(7)  # error: an application
    application.configure({"shop": 3})  # error: a table
    application.set_env("shop", 3, 4)  # error: a key is a str
    application.get_env(list, "key")  # error: an application
    vsn: int = application.which_applications()[0].name  # error: a str
    del vsn
