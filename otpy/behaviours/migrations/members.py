"""Members of enumerations: they go by their names."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from enum import Enum, Flag
from typing import Any

from otpy.behaviours.migrations.renames import renamed_fields
from otpy.behaviours.migrations.report import class_name
from otpy.errors import MigrationFailed


def names_of(member: Enum) -> list[str]:
    """The name of *member*; the names of those that a combination of flags is made of, none for an empty one."""
    # A combination is asked for its name, not for its members: the class may have other values by now.
    name: Any = getattr(member, "_name_", None)
    if isinstance(member, Flag) and name is not None and name not in type(member).__members__:
        return str(name).split("|")
    return [] if name is None else [str(name)]


def counterpart(cls: Any, member: Enum) -> Any:
    """The member of *cls* that has the name of *member*, or its new one. Raises MigrationFailed if there is none."""
    return member_named(cls, names_of(member))


def member_named(cls: Any, names: list[str]) -> Any:
    """The member of *cls* that `names_of` gave *names* for. Raises MigrationFailed if there is none."""
    now = renamed_fields(cls)
    names = [name if name in cls.__members__ else now.get(name, name) for name in names]
    gone = [name for name in names if name not in cls.__members__]
    if gone:
        raise MigrationFailed(
            f"{class_name(cls)} has no member {', '.join(gone)} any more, and the state has it; "
            f"say what it is called now, @otpy.renamed(fields={{{gone[0]!r}: …}}), or write a code_change"
        )
    return functools.reduce(operator.or_, [cls[name] for name in names]) if names else cls(0)


def is_member_now(cls: type) -> Callable[[Any], bool]:
    """The question whether a member, or a combination, is what *cls* has under its name now."""

    def is_current(member: Any) -> bool:
        try:
            return counterpart(cls, member) is member
        except MigrationFailed:
            return False

    return is_current
