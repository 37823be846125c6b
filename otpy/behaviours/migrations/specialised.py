"""Code written for one class, for the instances that are nearly all there are: each has the same attributes.

The general way (`transfer.Transfer`) looks at every attribute of every instance anew. What it finds out is the same for
all instances that have the same attributes, so it can be written down as a function, once, in the way in which
dataclasses writes `__init__`: without loops, and with each attribute set in the fastest way that its class allows. An
instance that has other attributes goes the general way.
"""

from __future__ import annotations

import copy
import keyword
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from otpy.behaviours.migrations.copier import LATER, Handler
from otpy.behaviours.migrations.fields import NO_DEFAULT
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.behaviours.migrations.layout import CACHED_HASH, DROP, PLAIN
from otpy.behaviours.migrations.transfer import Transfer

MANY: Final = 60
"""More attributes than that are not worth the code."""


def specialise(transfer: Transfer, example: Any, otherwise: Handler) -> Handler | None:
    """A handler for instances with the attributes of *example*; others are handed to *otherwise*.

    None, if there is no faster way than the general one.
    """
    if isinstance(example, msgspec.Struct):
        return _struct(transfer, otherwise)
    if transfer.is_named_tuple and transfer.changes:
        return _named_tuple(transfer, otherwise)
    names = names_of(transfer, example)
    if names is None or {transfer.renames.get(name, name) for name in names} < set(names):
        return None
    return _instance(transfer, names, otherwise)


def names_of(transfer: Transfer, example: Any) -> list[str] | None:
    """The attributes of *example*, if code can be written for all that have them; else None.

    All slots are among them: that another instance has set one that *example* has not, such code would not see.
    """
    was = transfer.was
    if was.base is not object or transfer.is_pydantic:
        return None
    names = list(was.attributes(example))
    return names if are_plain(names) and was.slots.keys() <= set(names) else None


def are_plain(names: list[str]) -> bool:
    """Whether *names* can be written in code, and are few enough."""
    return len(names) <= MANY and all(
        name.isidentifier() and not keyword.iskeyword(name) and name != CACHED_HASH for name in names
    )


def compiled(head: str, lines: list[str], names: dict[str, Any]) -> Any:
    """The function of *lines* that uses *names*; *head* is its name and parameters."""
    source = f"def {head}:\n" + "".join(f"    {line}\n" for line in lines)
    exec(source, names)  # noqa: S102 - made here, from names that are identifiers
    return names[head.partition("(")[0]]


def _handler(lines: list[str], names: dict[str, Any]) -> Handler:
    made: Handler = compiled("transfer(c, old)", lines, names)
    return made


def _notes(facts: list[tuple[str, type, str]], names: dict[str, Any]) -> Iterator[str]:
    """What the ledger is told: the same for every instance."""
    if facts:
        yield "facts = c.ledger.facts"
    for number, fact in enumerate(facts):
        names[f"fact{number}"] = fact
        yield f"facts[fact{number}] = facts.get(fact{number}, 0) + 1"


# -- instances with attributes ---------------------------------------------------------------------


def _instance(transfer: Transfer, given: list[str], otherwise: Handler) -> Handler:
    new, was = transfer.new, transfer.was
    names: dict[str, Any] = {
        "atomic": ATOMIC,
        "cls": new,
        "default": transfer.default,
        "LATER": LATER,
        "make": object.__new__,
        "otherwise": otherwise,
        "resume": transfer.resume,
        "set_plain": object.__setattr__,
    }
    in_dict = [name for name in given if name not in was.slots]
    facts: list[tuple[str, type, str]] = []
    read: list[str] = []
    write: list[str] = []
    for place, name in enumerate(given):
        read.append(reading(transfer, name, place, names))
        write += _writing(transfer, name, place, names, facts)
    now = {transfer.renames.get(name, name) for name in given}
    write += _filling(transfer, [name for name in transfer.fields if name not in now], names, facts)
    if transfer.changes:
        facts.append(("migrated", new, ""))
    hashed = transfer.layout.is_hashed_by_content
    lines = [
        *(["values = old.__dict__", f"if len(values) != {len(in_dict)}: return otherwise(c, old)"] * was.has_dict),
        "try:",
        *(f"    {line}" for line in read or ["pass"]),
        "except (KeyError, AttributeError): return otherwise(c, old)",
        "new = make(cls)",
        "c.memo[id(old)] = new",
        "c.originals.append(old)",
        *(["c.open.add(id(old))"] * hashed),
        *write,
        *(["c.open.discard(id(old))"] * hashed),
        *_notes(facts, names),
        "return new",
    ]
    return _handler(lines, names)


def reading(transfer: Transfer, name: str, place: int, names: dict[str, Any]) -> str:
    """The statement that takes an attribute of the old instance, past the `__getattribute__` of its class."""
    slot = transfer.was.slots.get(name)
    if slot is None:
        return f"v{place} = values[{name!r}]"
    if getattr(transfer.was.cls, name, None) is slot and not _has_own(transfer.was.cls, "__getattribute__"):
        return f"v{place} = old.{name}"
    names[f"get{place}"] = slot.__get__
    return f"v{place} = get{place}(old)"


def _writing(
    transfer: Transfer, name: str, place: int, names: dict[str, Any], facts: list[tuple[str, type, str]]
) -> Iterator[str]:
    now = transfer.renames.get(name, name)
    way = transfer.way(now)
    if way is DROP:
        facts.append(("dropped", transfer.new, now))
        return
    if now != name:
        facts.append(("renamed", transfer.new, f"{name} → {now}"))
    yield f"if type(v{place}) not in atomic:"
    yield f"    v{place} = c.now(v{place})"
    yield f"    if v{place} is LATER: return resume(c, old, new, {place})"
    yield setting(transfer, now, f"v{place}", names)


def setting(transfer: Transfer, name: str, value: str, names: dict[str, Any]) -> str:
    """The statement that gives the new instance an attribute, past the `__setattr__` of its class."""
    new = transfer.new
    way = transfer.layout.way(name)
    if not _has_own(new, "__setattr__") and (
        way is PLAIN or getattr(new, name, None) is transfer.layout.slots.get(name, way)
    ):
        return f"new.{name} = {value}"
    if way is PLAIN:
        return f"set_plain(new, {name!r}, {value})"
    names[f"set_{name}"] = way
    return f"set_{name}(new, {value})"


def _has_own(cls: type, name: str) -> bool:
    """Whether instances of *cls* have another way of getting or setting attributes than objects have."""
    return getattr(cls, name) is not getattr(object, name)


def _filling(
    transfer: Transfer, missing: list[str], names: dict[str, Any], facts: list[tuple[str, type, str]]
) -> Iterator[str]:
    for name in missing:
        constant = transfer.fields[name].constant
        value = f"default(c, new, {name!r})"
        if constant is not NO_DEFAULT:
            names[f"constant_{name}"] = constant
            value = f"constant_{name}"
            facts.append(("filled", transfer.new, name))
        yield setting(transfer, name, value, names)


# -- Structs and named tuples of atomic values -----------------------------------------------------


def _struct(transfer: Transfer, otherwise: Handler) -> Handler | None:
    make: Any = transfer.new
    names: dict[str, Any] = {"atomic": ATOMIC, "otherwise": otherwise, "make": make}
    given: list[str] = list(transfer.was.cls.__struct_fields__)  # type: ignore[attr-defined]
    if not are_plain(given) or hasattr(make, "__post_init__") or transfer.was.has_dict or transfer.layout.has_dict:
        return None
    if not transfer.changes:
        names["make"] = copy.copy
        return _of_atoms([f"old.{name}" for name in given], "make(old)", [], names)
    found = _arguments(transfer, given, names)
    if found is None:
        return None
    arguments, facts = found
    call = ", ".join(f"{name}={value}" for name, value in arguments.items())
    return _of_atoms([f"old.{name}" for name in given], f"make({call})", facts, names)


def _named_tuple(transfer: Transfer, otherwise: Handler) -> Handler | None:
    names: dict[str, Any] = {
        "atomic": ATOMIC,
        "otherwise": otherwise,
        "cls": transfer.new,
        "make": tuple.__new__,
    }
    found = _arguments(transfer, list(transfer.old_names), names)
    if found is None or not transfer.old_names:
        return None
    arguments, facts = found
    values = "".join(f"{arguments[name]}, " for name in transfer.fields)
    wanted = len(transfer.old_names)
    return _of_atoms(
        [f"old[{place}]" for place in range(wanted)], f"make(cls, ({values}))", facts, names, length=wanted
    )


def _arguments(
    transfer: Transfer, given: list[str], names: dict[str, Any]
) -> tuple[dict[str, str], list[tuple[str, type, str]]] | None:
    """What the new object is made of, by the name of its field, and what the ledger is told; None if that may vary."""
    arguments: dict[str, str] = {}
    facts: list[tuple[str, type, str]] = []
    for place, name in enumerate(given):
        now = transfer.renames.get(name, name)
        if now not in transfer.fields:
            facts.append(("dropped", transfer.new, now))
            continue
        if now != name:
            facts.append(("renamed", transfer.new, f"{name} → {now}"))
        arguments[now] = f"v{place}"
    for name in transfer.fields:
        if name not in arguments:
            constant = transfer.fields[name].constant
            if constant is NO_DEFAULT:
                return None
            names[f"constant_{name}"] = constant
            arguments[name] = f"constant_{name}"
            facts.append(("filled", transfer.new, name))
    return arguments, [*facts, ("migrated", transfer.new, "")]


def _of_atoms(
    parts: list[str],
    call: str,
    facts: list[tuple[str, type, str]],
    names: dict[str, Any],
    *,
    length: int | None = None,
) -> Handler:
    atoms = " and ".join(f"type(v{place}) in atomic" for place in range(len(parts))) or "True"
    lines = [
        *([f"if len(old) != {length}: return otherwise(c, old)"] if length is not None else []),
        "try:",
        *([f"    v{place} = {part}" for place, part in enumerate(parts)] or ["    pass"]),
        "except AttributeError: return otherwise(c, old)",
        f"if not ({atoms}): return otherwise(c, old)",
        f"new = c.memo[id(old)] = {call}",
        "c.originals.append(old)",
        *_notes(facts, names),
        "return new",
    ]
    return _handler(lines, names)
