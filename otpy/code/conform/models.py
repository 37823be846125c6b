"""pydantic models: what is compiled from their fields makes instances of the ghost, and has to be compiled again."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from otpy.code.conform.layout import descendants
from otpy.code.conform.namespaces import read_all, restore_all
from otpy.code.conform.steps import Step, renew

COMPILED: Final = ("__pydantic_validator__", "__pydantic_serializer__")
SCHEMA: Final = "__pydantic_core_schema__"


def model_steps(models: list[type]) -> Iterator[Step]:
    """The *models* are compiled again, and with them all models that have one of them in a field.

    Raises, when such a step is taken: what pydantic raises about a model that cannot be compiled.
    """
    for model in [*models, *users_of(models)]:
        read = functools.partial(read_all, model)
        restore = functools.partial(restore_all, model)
        yield renew(f"validation of {model.__qualname__}", read, functools.partial(compile_again, model), restore)


def is_model(cls: type) -> bool:
    """Whether *cls* is a pydantic model."""
    return SCHEMA in vars(cls)


def compile_again(model: Any) -> None:
    """Make the validator and the serialiser of *model* anew."""
    model.model_rebuild(force=True)


def compiled_parts(models: Iterable[type]) -> Iterator[object]:
    """The validators and serialisers of *models*."""
    for model in models:
        yield from (vars(model)[name] for name in COMPILED if name in vars(model))


def users_of(models: list[type]) -> list[type]:
    """The other models that are alive and whose schema has one of *models* in it."""
    roots = {base for model in models for base in model.__mro__ if base.__module__.startswith("pydantic.")}
    family = {id(subclass): subclass for root in roots for subclass in descendants(root)}
    wanted = set(map(id, models))
    return [cls for key, cls in family.items() if key not in wanted and mentions(vars(cls).get(SCHEMA), wanted)]


def mentions(schema: object, wanted: set[int]) -> bool:
    """Whether one of the objects with these ids is anywhere in a schema, which is made of dictionaries and lists."""
    match schema:
        case dict():
            return any(mentions(value, wanted) for value in schema.values())
        case list() | tuple():
            return any(mentions(value, wanted) for value in schema)
        case _:
            return id(schema) in wanted
