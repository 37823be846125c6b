"""Wires from a package down here up to what it may not import: whoever is above says, in a word, where to find it.

The facade connects them when `otpy` is imported, which is before anything else of it; what is at the other end is
loaded when it is first needed.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

processes: Final[list[Callable[[], Any]]] = []
"""Who knows the stacks of processes (otpy.code.lingering.Processes), for `otpy.code`, which knows none; at most one."""

sources: Final[dict[str, str]] = {}
"""The texts of modules as they were imported, as far as somebody has noted them; the files may be edited later."""


_noted: Final[dict[str, weakref.ref[ModuleType]]] = {}


def note_source(module: str) -> None:
    """Note the text of *module*, which is being imported and defines a behaviour: its file says now what will run.

    Once for each module object; not while a new version of one is tried beside it.
    """
    found = sys.modules.get(module)
    known = _noted.get(module)
    if type(found) is not ModuleType or (known is not None and known() is found):
        return
    _noted[module] = weakref.ref(found)
    sources.pop(module, None)
    get_source = getattr(getattr(found, "__loader__", None), "get_source", None)
    if get_source is not None:
        with contextlib.suppress(ImportError, OSError, SyntaxError, UnicodeError):
            source = get_source(module)
            if source is not None:
                sources[module] = source
