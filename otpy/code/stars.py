"""`from … import *`: where it imports from, and which names it does not bring any more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from otpy.code.definitions import Definition
from otpy.code.imports import from_imports
from otpy.code.journal import MISSING


def star_sources(definition: Definition, package: str) -> list[str]:
    """The modules of which *definition* imports whatever they have."""
    if definition.kind not in ("import", "statement"):
        return []
    found = (each for statement in definition.nodes for each in from_imports(statement, package))
    return [source for source, alias in found if alias.name == "*"]


def is_exported(namespace: Mapping[str, Any], name: str) -> bool:
    """Whether `from … import *` gives *name*."""
    listed = namespace.get("__all__")
    return name in listed if listed is not None else not name.startswith("_")


def names_left(
    importer: Mapping[str, Any],
    source: Mapping[str, Any],
    *,
    own: Collection[str],
    still: Iterable[Mapping[str, Any]],
) -> Iterator[str]:
    """The names in *importer* that a star brought from *source*, as that was, and that nobody brings any more.

    *own*: names that the importer binds itself. *still*: the namespaces that stars import from now.
    """
    namespaces = list(still)
    for name, value in source.items():
        was_brought = name not in own and importer.get(name, MISSING) is value and is_exported(source, name)
        if was_brought and not any(name in names and is_exported(names, name) for names in namespaces):
            yield name
