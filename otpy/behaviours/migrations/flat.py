"""Copies of states that hold nothing but atomic values: most states of most servers.

Nothing in such a state can be shared with another part of it or lead back to it, so there is nothing to remember while
it is copied: no memo, no ledger, one function. Each answers LATER for an object that has something else in it, which is
then copied the general way.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from otpy.behaviours.migrations.containers import all_atomic
from otpy.behaviours.migrations.copier import LATER
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.behaviours.migrations.layout import DROP
from otpy.behaviours.migrations.specialised import are_plain, compiled, names_of, reading, setting
from otpy.behaviours.migrations.transfer import Transfer

Flat: TypeAlias = Callable[[Any], Any]


def flat_dict(old: dict[Any, Any]) -> Any:
    """Copy a dict of atomic values."""
    return old.copy() if all_atomic(map(type, old)) and all_atomic(map(type, old.values())) else LATER


def flat_list(old: list[Any]) -> Any:
    """Copy a list of atomic values."""
    return old[:] if all_atomic(map(type, old)) else LATER


FLAT: Final[dict[type, Flat]] = {dict: flat_dict, list: flat_list}


def flat(transfer: Transfer, example: Any) -> Flat | None:
    """A function that copies instances with the attributes of *example*, all of them atomic; None if there is none."""
    if isinstance(example, msgspec.Struct):
        return _flat_struct(transfer, example)
    names = names_of(transfer, example)
    if names is None or any(transfer.way(name) is DROP for name in names):
        return None
    known: dict[str, Any] = {"cls": transfer.new, "make": object.__new__, "set_plain": object.__setattr__}
    was = transfer.was
    held = sum(name not in was.slots for name in names)
    counted = ["values = old.__dict__", f"if len(values) != {held}: return LATER"] if was.has_dict else []
    read = [reading(transfer, name, place, known) for place, name in enumerate(names)]
    write = [setting(transfer, name, f"v{place}", known) for place, name in enumerate(names)]
    return _of_atoms(read, ["new = make(cls)", *write, "return new"], known, before=counted)


def _flat_struct(transfer: Transfer, example: msgspec.Struct) -> Flat | None:
    fields = list(example.__struct_fields__)
    if transfer.was.has_dict or not are_plain(fields):
        return None
    read = [f"v{place} = old.{name}" for place, name in enumerate(fields)]
    return _of_atoms(read, ["return copy(old)"], {"copy": copy.copy})


def _of_atoms(read: list[str], then: list[str], names: dict[str, Any], *, before: list[str] | None = None) -> Flat:
    atoms = " and ".join(f"type(v{place}) in atomic" for place in range(len(read))) or "True"
    lines = [
        *(before or []),
        "try:",
        *(f"    {line}" for line in read or ["pass"]),
        "except (KeyError, AttributeError): return LATER",
        f"if not ({atoms}): return LATER",
        *then,
    ]
    made: Flat = compiled("flat(old)", lines, {"atomic": ATOMIC, "LATER": LATER, **names})
    return made
