"""A release: a folder of new sources, seen against what runs.

The folder holds packages and modules as an import path does. What is loaded and has a file there is part of the
release; what is new there is part of it when something of the release imports it. Nothing is put on the import path:
the sources are handed to the upgrade as text.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from otpy.code.imports import from_imports
from otpy.errors import CompilationFailed


class Release(msgspec.Struct, frozen=True):
    """What a folder has for this node."""

    sources: dict[str, str]
    """Module name → source, of all that is loaded or will be imported."""
    paths: dict[str, str] = {}
    """The file of each of them."""
    packages: frozenset[str] = frozenset()
    """Those of them that are packages."""
    missing: tuple[str, ...] = ()
    """Loaded modules of the same packages that the folder does not have: they stay as they are."""


def read_release(path: str | Path) -> Release:
    """Read the folder *path*. Raises ValueError when it has nothing of what is loaded."""
    root = Path(path)
    if not root.is_dir():
        msg = f"{path} is no folder; give the one that holds the packages of the release, as an import path does"
        raise ValueError(msg)
    files = dict(_modules(root))
    loaded = [name for name in files if name in sys.modules]
    if not loaded:
        found = ", ".join(sorted(files)[:5]) or "no Python file"
        msg = f"{path} has no module that is loaded here; it has {found}"
        raise ValueError(msg)
    sources: dict[str, str] = {}
    todo = loaded
    while todo:
        name = todo.pop()
        if name not in sources:
            sources[name] = _text(files[name])
            todo += [other for other in _imported(name, sources[name], files) if other not in sys.modules]
    packages = frozenset(name for name in sources if files[name].name == "__init__.py")
    roots = {name.partition(".")[0] for name in packages}
    missing = sorted(n for n in sys.modules if n.partition(".")[0] in roots and n not in files)
    names = sorted(sources)
    paths = {name: str(files[name]) for name in names}
    return Release({name: sources[name] for name in names}, paths, packages, tuple(missing))


def _text(file: Path) -> str:
    try:
        return importlib.util.decode_source(file.read_bytes())
    except OSError as error:
        msg = f"cannot read {file}: {error.strerror}"
        raise ValueError(msg) from error
    except (SyntaxError, UnicodeDecodeError) as error:
        msg = f"{file} is no Python source: {error}"
        raise ValueError(msg) from error


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and file of every module below *root*; folders need an `__init__.py` to be packages."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and (path / "__init__.py").is_file():
            yield path.name, path / "__init__.py"
            yield from ((f"{path.name}.{name}", file) for name, file in _modules(path))
        elif path.suffix == ".py" and path.stem.isidentifier() and path.stem != "__init__":
            yield path.stem, path


def _imported(name: str, source: str, files: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of the release that *source* may import, with the packages that they are in."""
    package = name if files[name].name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError):
            return  # the upgrade refuses it, with the place
        raise CompilationFailed(f"{files[name]}: {error}", str(files[name])) from error
    names = [name]
    for module, alias in from_imports(tree, package):
        names += [module, f"{module}.{alias.name}"]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    for found in names:
        parts = found.split(".")
        for end in range(1, len(parts) + 1):
            prefix = ".".join(parts[:end])
            if prefix in files:
                yield prefix
