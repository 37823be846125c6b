"""Which modules, by their files, import a name that an edit removes."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from otpy.code.imports import absolute, imports_in


class Importer(NamedTuple):
    """An import of a name: in which *file* and *line*, and by which *module*."""

    file: Path
    line: int
    module: str
    name: str


def importers(module: str, names: Collection[str], files: Iterable[Path]) -> Iterator[Importer]:
    """Yield who among *files* imports one of *names* from *module*. What cannot be read, or does not parse, is not."""
    for file in files:
        try:
            text = file.read_bytes()
            if not any(name.encode() in text for name in names):
                continue
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError):
            continue
        own = module_name(file)
        package = own if file.stem == "__init__" else own.rpartition(".")[0]
        for node in imports_in(tree):
            if isinstance(node, ast.ImportFrom) and absolute(node, package) == module:
                yield from (Importer(file, node.lineno, own, a.name) for a in node.names if a.name in names)


def neighbours(file: Path) -> list[Path]:
    """Return the other files of the packages that *file* is in; if it is in none, those beside it."""
    path = file.resolve()
    folder = path.parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    found = folder.rglob("*.py") if (folder / "__init__.py").is_file() else folder.glob("*.py")
    return sorted(other for other in found if other != path)


def module_name(file: Path) -> str:
    """Return the name by which the module in *file* is imported, by the packages around it."""
    path = file.resolve()
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def shown_path(file: Path) -> str:
    """Return *file* as people would write it: from here, if it is below."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
