"""jurigged: told of each edit as its watcher would, without the watcher's delay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jurigged.register import registry

from benchmarks.entries.reloading import Reloader, contests
from benchmarks.values import Contest


def _own(names: list[str]) -> dict[str, Any]:
    return {name: registry.get(registry.prepare(module_name=name)[1]) for name in names}


def _written(files: dict[str, Any], names: list[str]) -> None:
    for name in names:
        files[name].refresh()


CONTESTS: Final[Mapping[str, Contest]] = contests(Reloader(_own, _written))
