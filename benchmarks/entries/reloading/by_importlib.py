"""importlib.reload: runs the file again in the module; who depends on it has to be reloaded by hand, in order."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Final

from benchmarks.entries.reloading import Reloader, contests
from benchmarks.values import Contest


def _own(names: list[str]) -> None:
    """Nothing to do before."""


def _written(_: None, names: list[str]) -> None:
    for name in names:
        importlib.reload(sys.modules[name])


CONTESTS: Final[Mapping[str, Contest]] = contests(Reloader(_own, _written, told_of_dependents=True))
