"""Applications as users write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import otpy
from otpy import application


class Warehouse(otpy.Application[None]):
    """Without a state."""

    vsn = "1"
    env: ClassVar[Mapping[str, Any]] = {"shelves": 3}

    def start(self, type_: str, args: Any) -> otpy.Pid:
        """Start the tree."""
        return otpy.supervisor.start_link([])


class Shop(otpy.Application[list[str]]):
    """With one."""

    applications = (Warehouse, "bank")
    start_phases = ("warm", ("open", {"doors": 2}))

    def start(self, type_: str, args: Any) -> tuple[otpy.Pid, list[str]]:
        """Start the tree, with the keys."""
        return otpy.supervisor.start_link([]), ["key"]

    def start_phase(self, phase: str, start_type: str, args: Any) -> None:
        """Do a phase."""

    def prep_stop(self, state: list[str]) -> list[str]:
        """Hand the keys on."""
        return [key.upper() for key in state]

    def stop(self, state: list[str]) -> None:
        """Give them back."""

    def config_change(self, changed: Mapping[str, Any], new: Mapping[str, Any], removed: Sequence[str]) -> None:
        """Take notice."""


def verbs() -> tuple[list[str], str | None, Any]:
    """Start, look, configure."""
    started: list[str] = application.ensure_all_started([Shop, "bank"], "permanent")
    application.start(Shop, type="transient")
    told: application.Changes = application.configure({"shop": {"price": 3}})["shop"]
    application.set_env("shop", "price", told.changed["price"], persistent=True)
    return started, application.get_application(otpy.self_pid()), application.get_env(Shop, "price", 3)
