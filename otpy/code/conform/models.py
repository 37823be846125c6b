"""pydantic: what is compiled from the fields of a class makes instances of the ghost, and has to be compiled again.

Compiled are models, dataclasses of pydantic, and type adapters, such as those of the routes of a web application.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from otpy.code.conform.layout import descendants
from otpy.code.conform.namespaces import read_all, restore_all
from otpy.code.conform.steps import Step, fill, renew

COMPILED: Final = ("__pydantic_validator__", "__pydantic_serializer__", "validator", "serializer")
SCHEMA: Final = "__pydantic_core_schema__"


def model_steps(models: list[type], users: Iterable[Any]) -> Iterator[Step]:
    """The *models* are compiled again, and then their *users*, see `users_of`.

    Raises, when such a step is taken: what pydantic raises about a model that cannot be compiled.
    """
    for model in models:
        yield step_for(model)
    known = set(map(id, models))
    for user in users:
        if id(user) not in known:
            yield step_for(user)


def step_for(compiled: Any) -> Step:
    """The step that compiles a model, a dataclass or a type adapter again."""
    again = functools.partial(compile_again, compiled)
    if isinstance(compiled, type):
        read, restore = functools.partial(read_all, compiled), functools.partial(restore_all, compiled)
        return renew(f"validation of {compiled.__qualname__}", read, again, restore)
    items = vars(compiled)
    return renew("validation of a type adapter", items.copy, again, functools.partial(fill, items))


def is_model(cls: type) -> bool:
    """Whether *cls* is a pydantic model, or a dataclass of pydantic."""
    return SCHEMA in vars(cls)


def compile_again(compiled: Any) -> None:
    """Make the validator and the serialiser anew."""
    if not isinstance(compiled, type):
        module = sys.modules.get(compiled._module_name)  # noqa: SLF001 - where it looks names up when it is made
        compiled.rebuild(force=True, _types_namespace=vars(module) if module is not None else {})
    elif hasattr(compiled, "model_rebuild"):
        compiled.model_rebuild(force=True)
    else:
        sys.modules["pydantic.dataclasses"].rebuild_dataclass(compiled, force=True)


def compiled_parts(compiled: Iterable[Any]) -> Iterator[object]:
    """The validators and serialisers of models, dataclasses and type adapters."""
    for each in compiled:
        yield from (vars(each)[name] for name in COMPILED if name in vars(each))


def users_of(models: Collection[type]) -> list[Any]:
    """The models, dataclasses and type adapters that are alive and have one of *models* in their schema.

    What is in the schema of another one comes before that.
    """
    if not models:
        return []
    schemas = {id(compiled): (compiled, schema) for compiled, schema in _schemas()}
    wanted = {id(model) for model in models}
    users = {key for key, (_, schema) in schemas.items() if key not in wanted and mentioned(schema, wanted)}
    inside = {key: mentioned(schemas[key][1], wanted | users) - {key} for key in users}
    return [schemas[key][0] for key in sorted(users, key=lambda key: len(inside[key]))]


def _schemas() -> Iterator[tuple[Any, object]]:
    """All that is compiled and alive, each with its schema. Not by `gc.get_objects`, see finding.py."""
    for cls in descendants(object):
        if SCHEMA in vars(cls):
            yield cls, vars(cls)[SCHEMA]
    adapter = getattr(sys.modules.get("pydantic.type_adapter"), "TypeAdapter", None)
    for thing in gc.get_referrers(adapter) if adapter is not None else ():
        if type(thing) is adapter:
            yield thing, vars(thing).get("core_schema")


def mentioned(schema: object, wanted: Collection[int]) -> set[int]:
    """Those of the objects with these ids that are anywhere in a schema, which is made of dictionaries and lists."""
    match schema:
        case dict():
            return {found for value in schema.values() for found in mentioned(value, wanted)}
        case list() | tuple():
            return {found for value in schema for found in mentioned(value, wanted)}
        case _:
            return {id(schema)} if id(schema) in wanted else set()
