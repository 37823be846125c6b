"""How attributes come from one instance into another: of the class's successor, of the edited class, or of the same.

No `__init__`, `__setattr__` or `__setstate__` of a class runs, and a `__post_init__` only where a `msgspec.Struct` has
one. What runs is the defaults of added fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, final

import msgspec

from otpy.behaviours.migrations.containers import copies
from otpy.behaviours.migrations.copier import LATER, Copier, Steps
from otpy.behaviours.migrations.fields import Fields
from otpy.behaviours.migrations.kinds import ATOMIC
from otpy.behaviours.migrations.layout import DROP, PLAIN, Layout, Way, put
from otpy.behaviours.migrations.report import class_name
from otpy.behaviours.migrations.shapes import Shape, is_dropped, renames_of
from otpy.behaviours.migrations.shells import exception_steps, shell_steps, struct_attributes
from otpy.errors import MigrationFailed

ADVICE: Final = "write code_change(old_vsn, state, extra) for the behaviour that has it in its state"


@final
class Transfer:
    """How the attributes of instances of *cls* come into instances of *new*.

    *before* and *after* are the shapes of the two; None: they are the same, and the instances are copied as they are.
    """

    def __init__(self, cls: type, new: type, *, before: Shape | None = None, after: Shape | None = None) -> None:
        self.new = new
        self.was = Layout(cls)
        self.layout = Layout(new)
        self.before = before
        self.after = after
        self.old_names: tuple[str, ...] = tuple(before.fields) if before is not None else ()
        self.fields: Fields = _wanted(before, after) if before is not None and after is not None else {}
        """The fields that the new instance must have."""
        self.renames = renames_of(before, after) if before is not None and after is not None else {}
        self.is_pydantic = hasattr(new, "__pydantic_validator__")
        self.ways: dict[str, Way] = {}
        """How each attribute is set; filled as attributes are met."""

    @property
    def changes(self) -> bool:
        """Whether instances get another shape or class."""
        return self.before is not None

    @property
    def is_named_tuple(self) -> bool:
        """Whether the fields of instances stand in a tuple, in their order."""
        return self.was.base is tuple and hasattr(self.was.cls, "_fields")

    def instance(self, c: Copier, old: Any) -> Any:
        """The handler for plain instances, and for those that are builtin containers too."""
        if self.was.base is not object:
            return c.later(self._instance_steps(c, old))
        new: Any = object.__new__(self.new)
        if self.layout.is_hashed_by_content:
            c.open.add(id(old))
        return self.attributes(c, old, c.remember(old, new))

    def _instance_steps(self, c: Copier, old: Any) -> Steps:
        new = yield from shell_steps(self.was, self.layout, c, old)
        made = self.attributes(c, old, new)
        return (yield) if made is LATER else made

    def attributes(self, c: Copier, old: Any, new: Any) -> Any:
        """Take over what has a place in the new class, and give defaults to the rest."""
        values = self.values(c, self.was.attributes(old))
        items = iter(values.items())
        ways, atomic, set_plain = self.ways, ATOMIC, object.__setattr__
        for name, value in items:
            way = ways[name] if name in ways else self.way(name)
            if way is DROP:
                c.ledger.note("dropped", self.new, name)
                continue
            made = value if type(value) in atomic else c.now(value)
            if made is LATER:
                return c.later(self._attributes_later(c, old, new, items, name))
            if way is PLAIN:
                set_plain(new, name, made)
            else:
                put(way, new, name, made)
        return self.finish(c, old, new, values)

    def resume(self, c: Copier, old: Any, new: Any, place: int) -> Any:
        """Go on for handlers that were written for one order of attributes: what stands at *place* is being made."""
        items = [(self.renames.get(name, name), value) for name, value in self.was.attributes(old).items()]
        return c.later(self._attributes_later(c, old, new, iter(items[place + 1 :]), items[place][0]))

    def _attributes_later(self, c: Copier, old: Any, new: Any, items: Iterator[tuple[str, Any]], name: str) -> Steps:
        """Go on with the attribute *name*, whose value is being made, and the *items* behind it."""
        put(self.way(name), new, name, (yield))
        for following, value in items:
            way = self.ways[following] if following in self.ways else self.way(following)
            if way is DROP:
                c.ledger.note("dropped", self.new, following)
                continue
            made = c.now(value)
            put(way, new, following, (yield) if made is LATER else made)
        return self.finish(c, old, new, self.values(None, self.was.attributes(old)))

    def values(self, c: Copier | None, values: dict[str, Any]) -> dict[str, Any]:
        """*values* under the names that they have now; *c* is told of renames."""
        if self.renames.keys().isdisjoint(values):
            return values
        found: dict[str, Any] = {}
        for name, value in values.items():
            now = self.renames.get(name, name)
            if now != name and now in values:
                continue  # it has been given the new name already, beside the old one
            found[now] = value
            if now != name and c is not None:
                c.ledger.note("renamed", self.new, f"{name} → {now}")
        return found

    def way(self, name: str) -> Way:
        """How the attribute *name* is set in the new class."""
        way = DROP if self.is_dropped(name) else self.layout.way(name)
        self.ways[name] = way
        return way

    def is_dropped(self, name: str) -> bool:
        """Whether the attribute *name* has no place any more."""
        return self.before is not None and self.after is not None and is_dropped(name, self.before, self.after)

    def finish(self, c: Copier, old: Any, new: Any, given: Mapping[str, Any]) -> Any:
        """Everything that the old object had is in its place."""
        if self.changes:
            for name in self.missing(given):
                put(self.layout.way(name), new, name, self.default(c, new, name))
            if self.is_pydantic:
                self._complete_pydantic(c, new)
            c.ledger.note("migrated", self.new)
        if self.layout.is_hashed_by_content:
            c.complete(old)
        return new

    def missing(self, given: Mapping[str, Any]) -> list[str]:
        """The fields that are not in *given*, in their order: a default may be made from those before it."""
        return [] if given.keys() >= self.fields.keys() else [name for name in self.fields if name not in given]

    def default(self, c: Copier, new: Any, name: str) -> object:
        """The default of the field *name*, for the object *new*."""
        make = self.fields[name].make
        if make is None:
            raise MigrationFailed(
                f"{class_name(self.new)} has a new field {name!r} without a default, "
                f"and the state has instances without it; give it a default, or {ADVICE}"
            )
        try:
            value = make(new)
        except Exception as error:
            raise MigrationFailed(f"the default of {class_name(self.new)}.{name} raised {error!r}") from error
        c.ledger.note("filled", self.new, name)
        return value

    def _complete_pydantic(self, c: Copier, new: Any) -> None:
        """What pydantic keeps beside the fields: which were set, and private attributes with their defaults."""
        known: set[str] = getattr(new, "__pydantic_fields_set__", set())
        still = {self.renames.get(name, name) for name in known} & self.fields.keys()
        object.__setattr__(new, "__pydantic_fields_set__", still)
        declared = getattr(self.new, "__private_attributes__", {})
        had: Any = getattr(new, "__pydantic_private__", None) or {}
        if declared or had:
            gone = (self.before.private if self.before is not None else frozenset()) - declared.keys()
            private = {name: value for name, value in had.items() if name not in gone}
            for name in gone & had.keys():
                c.ledger.note("dropped", self.new, name)
            for name in declared.keys() - private.keys():
                private[name] = declared[name].get_default()
                c.ledger.note("filled", self.new, name)
            object.__setattr__(new, "__pydantic_private__", private)

    # -- other kinds ---------------------------------------------------------------------------------

    def exception(self, c: Copier, old: Any) -> Any:
        """The handler for exceptions."""
        return c.later(self._exception_steps(c, old))

    def _exception_steps(self, c: Copier, old: Any) -> Steps:
        new: Any = yield from exception_steps(self.new, c, old)
        for was, now in self.renames.items():
            if was in vars(new) and now not in vars(new):
                new.__dict__[now] = new.__dict__.pop(was)
                c.ledger.note("renamed", self.new, f"{was} → {now}")
        for name in [name for name in vars(new) if self.is_dropped(name)]:
            del new.__dict__[name]
            c.ledger.note("dropped", self.new, name)
        for name in self.missing(vars(new)):
            object.__setattr__(new, name, self.default(c, new, name))
        c.ledger.note("migrated", self.new)
        return new

    def named_tuple(self, c: Copier, old: Any) -> Any:
        """The handler for named tuples, whose fields go by name."""
        return c.later(self._named_tuple_steps(c, old))

    def _named_tuple_steps(self, c: Copier, old: Any) -> Steps:
        values = yield from self._by_name(c, zip(self.old_names, old, strict=False))
        if id(old) in c.memo:
            return c.memo[id(old)]
        for name in self.missing(values):
            values[name] = self.default(c, None, name)
        c.ledger.note("migrated", self.new)
        return c.remember(old, tuple.__new__(self.new, [values[name] for name in self.fields]))

    def _by_name(self, c: Copier, items: Iterable[tuple[str, Any]]) -> Steps:
        """The copies of the values in *items* that have a field now, by its name."""
        made: dict[str, Any] = {}
        for name, value in self.values(c, dict(items)).items():
            if name in self.fields:
                (made[name],) = yield from copies(c, (value,))
            else:
                c.ledger.note("dropped", self.new, name)
        return made

    def struct(self, c: Copier, old: Any) -> Any:
        """The handler for `msgspec.Struct`s."""
        return c.later(self._struct_steps(c, old))

    def _struct_steps(self, c: Copier, old: Any) -> Steps:
        """A Struct is made by its class alone, so its `__post_init__` would run: then the parts come first."""
        new: Any = None
        make: Any = self.new
        if not hasattr(make, "__post_init__"):
            new = c.begin(old, make(**dict.fromkeys(self.fields)))
        elif id(old) in c.open:
            raise MigrationFailed(
                f"a {class_name(self.new)} holds itself, and its __post_init__ wants it whole; {ADVICE}"
            )
        c.open.add(id(old))
        values = yield from self._by_name(c, ((name, getattr(old, name)) for name in old.__struct_fields__))
        for name in self.missing(values):
            values[name] = self.default(c, new, name)
        if new is None:
            new = c.remember(old, make(**values))
        else:
            for name, value in values.items():
                msgspec.structs.force_setattr(new, name, value)
        yield from struct_attributes(c, old, new)
        c.complete(old)
        c.ledger.note("migrated", self.new)
        return new


def _wanted(before: Shape, after: Shape) -> Fields:
    """The fields that an instance must have; of a plain class only those that its `__init__` has come to set."""
    if after.kind != "plain":
        return after.fields
    return {name: each for name, each in after.fields.items() if name not in before.fields}
