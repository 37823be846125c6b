"""IPython's autoreload, in the quicker of its modes: it looks only at modules that it was told of (`%aimport`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell
from IPython.extensions.autoreload import ModuleReloader

from benchmarks.entries.reloading import Reloader, contests
from benchmarks.values import Contest

_Reloader: Any = ModuleReloader  # it has no types


def _own(names: list[str]) -> Any:
    reloader = _Reloader(InteractiveShell.instance())
    reloader.enabled = True
    for name in names:
        reloader.mark_module_reloadable(name)
    reloader.check()  # remembers the files as they are
    return reloader


def _written(reloader: Any, _: list[str]) -> None:
    reloader.check()


CONTESTS: Final[Mapping[str, Contest]] = contests(Reloader(_own, _written))
