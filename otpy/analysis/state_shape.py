"""How the declared state of a behaviour changes, told from the text before anything is run. Static, pure.

`class Cart(GenServer[dict[str, Order]])` declares that states of Cart have Orders in them, and an Order may have Items.
What two versions of the modules say of these classes is compared field by field: "3 states of Cart would get
currency = 'EUR'", "region is required: needs a migration". What is true of the live states, the rehearsal finds out.

Source: UPGRADE.md, the transaction, steps 3 and 8.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias, final

import msgspec

from otpy.analysis.dependencies import resolve_path
from otpy.analysis.reading import Ref, names_of
from otpy.code.differences import members, self_attributes, text, value_of, value_text
from otpy.code.names import FunctionNode
from otpy.code.styles import FIELD_VALUES, Style, import_origins, is_field, is_member, last_name, style_of

Place: TypeAlias = tuple[str, str]
"""Module and qualified name of a class."""


class FieldFacts(msgspec.Struct, frozen=True):
    """One field: `default` as it is written, empty if there is none."""

    name: str
    annotation: str = ""
    default: str = ""


class ShapeChange(msgspec.Struct, frozen=True, kw_only=True):
    """What instances of the class `type` ("shop.cart.Order") gain and lose."""

    type: str
    added: tuple[FieldFacts, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    """Name, old and new annotation."""
    always: bool = False
    """Whether every state is one of these, by its declaration, and does not only have some, perhaps."""

    @property
    def required(self) -> tuple[str, ...]:
        """The added fields that have no default: a migration has to say what they are."""
        return tuple(field.name for field in self.added if not field.default)

    def __str__(self) -> str:
        words = [
            *(
                f"gets {f.name} = {f.default}" if f.default else f"needs {f.name}, which has no default"
                for f in self.added
            ),
            *(f"loses {name}" for name in self.removed),
            *(f"has {new} for {old}" for old, new in self.renamed),
            *(f"{name}: {old} -> {new}" for name, old, new in self.retyped),
        ]
        return f"{self.type} {', '.join(words)}"


def state_changes(
    behaviour: Iterable[Place],
    *,
    old: Mapping[str, ast.Module],
    new: Mapping[str, ast.Module],
    packages: Collection[str] = (),
) -> tuple[ShapeChange, ...]:
    """Return what the new texts change in the classes that states of *behaviour* are declared to have.

    *behaviour*: its class and those that it derives from, as (module, name). *old* and *new*: syntax trees by module,
    also of modules that stay as they are; *packages*: those that relative imports start from.
    """
    before, after = Texts(old, packages), Texts(new, packages)
    places = list(behaviour)
    declared = dict.fromkeys([*before.state_classes(places), *after.state_classes(places)])
    always = before.states(places)
    found: list[ShapeChange] = []
    for place in declared:
        change = change_of(place, before, after)
        if change is not None:
            found.append(msgspec.structs.replace(change, always=place in always))
    return tuple(found)


def change_of(place: Place, before: Texts, after: Texts) -> ShapeChange | None:
    """Return how the fields of one class change; None if they do not, or if it is not in both."""
    if place not in after.classes:
        return None
    renames = after.renames(place)
    was = (place[0], renames.was or place[1])
    if was not in before.classes:
        return None
    old, new = before.fields(was), after.fields(place)
    back = {b: a for a, b in before.renames(was).fields.items() if a not in old}
    renamed = tuple((a, b) for a, b in {**back, **renames.fields}.items() if a in old and b in new and a not in new)
    gone, come = {a for a, _ in renamed}, {b for _, b in renamed}
    enum = after.style(place) == "enum"
    change = ShapeChange(
        type=".".join(place),
        added=() if enum else tuple(field for name, field in new.items() if name not in old and name not in come),
        removed=tuple(name for name in old if name not in new and name not in gone),
        renamed=renamed,
        retyped=tuple(
            (name, old[name].annotation, field.annotation)
            for name, field in new.items()
            if name in old and old[name].annotation != field.annotation
        ),
    )
    return change if change != ShapeChange(type=change.type) else None


class Renames(NamedTuple):
    """What `@otpy.renamed` says of a class: its old name, and old and new names of its fields."""

    was: str
    fields: Mapping[str, str]


@final
class Texts:
    """The classes of some modules, as their texts have them."""

    def __init__(self, trees: Mapping[str, ast.Module], packages: Collection[str] = ()) -> None:
        self.classes: dict[Place, ast.ClassDef] = {}
        self._refs: dict[str, Callable[[ast.expr], Ref | None]] = {}
        self._origins: dict[str, dict[str, str]] = {}
        for module, tree in trees.items():
            self._refs[module] = names_of(module, tree, is_package=module in packages)
            self._origins[module] = import_origins(tree.body)
            self._collect(module, tree.body, "")

    def _collect(self, module: str, body: Iterable[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.classes[module, prefix + node.name] = node
                self._collect(module, node.body, f"{prefix}{node.name}.")

    def state_classes(self, behaviour: Iterable[Place]) -> dict[Place, None]:
        """Return the classes that states of *behaviour* have by its declaration, and those that their fields have."""
        found: dict[Place, None] = {}
        todo = [
            named for each in behaviour for bracket in self._declared(each) for named in self._named_in(each, bracket)
        ]
        while todo:
            place = todo.pop()
            if place in self.classes and place not in found:
                found[place] = None
                todo += self._in_fields(place)
        return found

    def states(self, behaviour: Iterable[Place]) -> set[Place]:
        """Return the classes that every state of *behaviour* is an instance of."""
        found: set[Place] = set()
        for each in behaviour:
            for bracket in self._declared(each):
                parts = bracket.elts if isinstance(bracket, ast.Tuple) else [bracket]
                refs = (self._refs[each[0]](part) for part in parts if isinstance(part, (ast.Name, ast.Attribute)))
                found.update(self._place(ref) for ref in refs if ref is not None)
        return found

    def _declared(self, place: Place) -> list[ast.expr]:
        """`class Cart(GenServer[State])`; or else the annotations of arguments `state`."""
        node = self.classes.get(place)
        if node is None:
            return []
        brackets = [base.slice for base in node.bases if isinstance(base, ast.Subscript)]
        arguments = (a for f in node.body if isinstance(f, FunctionNode) for a in f.args.args)
        return brackets or [a.annotation for a in arguments if a.arg == "state" and a.annotation is not None]

    def _in_fields(self, place: Place) -> Iterator[Place]:
        node = self.classes[place]
        yield from (found for base in node.bases for found in self._named_in(place, base))
        for statement in ast.walk(node):
            if isinstance(statement, ast.AnnAssign):
                yield from self._named_in(place, statement.annotation)

    def _named_in(self, place: Place, annotation: ast.expr) -> Iterator[Place]:
        """Yield the classes that an annotation names, quoted or not."""
        module = place[0]
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    quoted = ast.parse(node.value, mode="eval").body
                except SyntaxError:
                    continue
                yield from self._named_in(place, quoted)
            elif isinstance(node, (ast.Name, ast.Attribute)):
                found = self._refs[module](node)
                if found is not None:
                    yield self._place(found)

    def _place(self, found: Ref) -> Place:
        return resolve_path(found.module, found.name, self._refs.__contains__)

    # -- one class -----------------------------------------------------------------------------------

    def style(self, place: Place) -> Style:
        """Return what annotated names are in the class."""
        module = place[0]
        siblings = {name: node for (owner, name), node in self.classes.items() if owner == module}
        return style_of(self.classes[place], siblings, self._origins[module])

    def fields(self, place: Place, _seen: frozenset[Place] = frozenset()) -> dict[str, FieldFacts]:
        """Return the fields of the class by name, those of its bases first, as far as they are in these texts."""
        if place not in self.classes or place in _seen:
            return {}
        node = self.classes[place]
        found: dict[str, FieldFacts] = {}
        for base in reversed(node.bases):
            for above in self._named_in(place, base.value if isinstance(base, ast.Subscript) else base):
                found.update(self.fields(above, _seen | {place}))
        style = self.style(place)
        for name, member in members(node).items():
            if is_field(member, style):
                found[name] = _field(name, member)
            elif is_member(member, name, style):
                found[name] = FieldFacts(name, "", value_text(member))
        if style == "plain":
            found.update(_set_in_init(node))
        return found

    def renames(self, place: Place) -> Renames:
        """Return what `@otpy.renamed(was, fields={…})` says of the class."""
        for decorator in self.classes[place].decorator_list:
            if isinstance(decorator, ast.Call) and last_name(decorator) == "renamed":
                given = {keyword.arg: keyword.value for keyword in decorator.keywords}
                was = _literal(decorator.args[0] if decorator.args else given.get("was"))
                fields = _literal(given.get("fields"))
                return Renames(was if isinstance(was, str) else "", fields if isinstance(fields, dict) else {})
        return Renames("", {})


def _literal(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None


def _field(name: str, member: ast.stmt) -> FieldFacts:
    annotation = text(member.annotation) if isinstance(member, ast.AnnAssign) else ""
    value = value_of(member)
    if isinstance(value, ast.Call) and last_name(value) in FIELD_VALUES:
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        made = given.get("default_factory") or given.get("factory")
        value = given.get("default") or (ast.Call(func=made, args=[], keywords=[]) if made is not None else None)
    return FieldFacts(name, annotation, text(value) if value is not None else "")


def _set_in_init(node: ast.ClassDef) -> dict[str, FieldFacts]:
    """Return what `__init__` of a plain class sets, with its value where that does not depend on arguments."""
    init = next((f for f in node.body if isinstance(f, FunctionNode) and f.name == "__init__"), None)
    if init is None:
        return {}
    defaults = _defaults(init.args)
    found: dict[str, FieldFacts] = {}
    for name, value in self_attributes(init).items():
        given = defaults.get(value.id) if isinstance(value, ast.Name) else value
        known = given is not None and not any(isinstance(n, ast.Name) for n in ast.walk(given))
        found[name] = FieldFacts(name, "", text(given) if known and given is not None else "")
    return found


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    found = {a.arg: default for a, default in zip(with_default, arguments.defaults, strict=True)}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {**found, **{a.arg: default for a, default in pairs if default is not None}}
