"""From a file that was written to new code that runs, as a whole upgrade: compared, prepared, installed, recorded."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import otpy
from benchmarks.entries.reloading import Reloader, contests
from benchmarks.values import Contest
from otpy.code.baseline import note_source


def _own(names: list[str]) -> dict[str, Path]:
    """Remember the files, and have their texts noted as what runs: the edits come into the same files."""
    for name in names:
        note_source(name)
    return {name: Path(str(sys.modules[name].__file__)) for name in names}


def _written(files: dict[str, Path], names: list[str]) -> None:
    otpy.upgrade.reload_modules({name: files[name].read_text(encoding="utf-8") for name in names})


CONTESTS: Final[Mapping[str, Contest]] = contests(Reloader(_own, _written))
