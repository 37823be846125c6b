"""What runs now? The version of a live module that otpy has not loaded itself.

The text on the disk may have been edited since the module was imported, and a difference to the wrong text would be
worse than none. So it is believed only if it agrees with what runs: with the functions that are alive, and with the
time and size that Python noted in the byte-code file. Behaviours can have their text noted when their class is made.
"""

from __future__ import annotations

import struct
import sys
from importlib.util import MAGIC_NUMBER
from os.path import isfile
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final
from weakref import ref

from otpy import wires
from otpy.code.codes import every_code
from otpy.code.finding import walk
from otpy.code.history import histories
from otpy.code.sources import show
from otpy.code.version import Version, read_version
from otpy.errors import CompilationFailed

noted: Final = wires.sources


def note_source(name: str) -> None:
    """Remember the text of module *name*, which is being imported, as what runs; once per module."""
    if name not in noted and histories.current(name) is None:
        source = source_of(name)
        if source is not None:
            noted[name] = source


def source_of(name: str) -> str | None:
    """The text of module *name*: of the version that runs if otpy knows it, else what its loader gives."""
    current = histories.current(name)
    if current is not None:
        return current.source
    loader = getattr(sys.modules.get(name), "__loader__", None)
    get_source = getattr(loader, "get_source", None)
    if get_source is None:
        return None
    try:
        source: str | None = get_source(name)
    except (ImportError, OSError, SyntaxError, UnicodeError):
        return None
    return source


def home_of(live: ModuleType | None) -> str | None:
    """The file that *live* comes from, if there is one."""
    filename = getattr(live, "__file__", None)
    if not isinstance(filename, str) or not filename.endswith(".py"):
        return None
    # Every dependent is asked; a Path costs as much as all else.
    return filename if isfile(filename) else None  # noqa: PTH113


def baseline(name: str, live: ModuleType) -> Version | None:
    """The version of *live* that runs; None when its text is not known."""
    known = histories.current(name)
    if known is not None:
        return known
    home = home_of(live)
    source = noted.get(name)
    if source is None:
        source = source_of(name)
        if source is None or (home is not None and edited_since_import(live, Path(home))):
            return None
    version = _read(name, live, source, home)
    if version is None or not agrees(version, live, home):
        return None
    _read_before[name] = ref(live), version
    show(version.filename, version.parsed.lines)
    return version


_read_before: Final[dict[str, tuple[ref[ModuleType], Version]]] = {}
"""By module name: what was found to be the version of a module. It gets no other number when it is asked for again."""


def _read(name: str, live: ModuleType, source: str, home: str | None) -> Version | None:
    """The version of *live* that *source* is; None if it cannot be compiled."""
    module, version = _read_before.get(name, (None, None))
    if version is not None and module is not None and module() is live and version.source == source:
        return version
    try:
        return read_version(name, source, number=histories.next_number(name), path=home)
    except CompilationFailed:
        return None


def agrees(version: Version, live: ModuleType, home: str | None) -> bool:
    """Whether all functions that the module shows are in the code of *version*.

    Others may be alive that have its namespace and are none of it: what was made for a version that was given up.
    """
    known = set(every_code(version.code))
    files = {home, version.filename, str(vars(live).get("__file__"))}
    return all(f.__code__ in known for f in walk(vars(live), version.name) if _made_in(f, files))


def _made_in(function: FunctionType, files: set[str | None]) -> bool:
    return function.__code__.co_filename in files


def edited_since_import(live: ModuleType, home: Path) -> bool:
    """Whether the byte-code file that was written at import speaks of another text than the disk has."""
    cached = getattr(live, "__cached__", None) or getattr(live.__spec__, "cached", None)
    try:
        header = Path(cached or "").read_bytes()[:16]
        stat = home.stat()
    except OSError:
        return False
    if len(header) < 16 or header[:4] != MAGIC_NUMBER or header[4:8] != b"\0\0\0\0":  # noqa: PLR2004 - PEP 552
        return False
    mtime, size = struct.unpack("<II", header[8:16])
    return bool(mtime != int(stat.st_mtime) & 0xFFFFFFFF or size != stat.st_size & 0xFFFFFFFF)
