"""Whether a live object can stay, and take over what a newer definition of it has. Decides; changes nothing."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from otpy.code.bodies import is_patchable
from otpy.code.conform.layout import HasPlaces, obstacle
from otpy.code.values import is_wrapper


def can_stay(live: Any, ghost: Any, places: HasPlaces) -> bool:
    """Whether *live* will be what *ghost* is, so that who has it need not do anything."""
    if type(live) is FunctionType and type(ghost) is FunctionType:
        same_name = (live.__module__, live.__qualname__) == (ghost.__module__, ghost.__qualname__)
        return same_name and is_patchable(live.__code__, ghost.__code__)
    if isinstance(live, type) and isinstance(ghost, type):
        return live.__module__ == ghost.__module__ and obstacle(live, ghost, places) is None
    return type(live) is type(ghost) and is_wrapper(live) and is_wrapper(ghost)
