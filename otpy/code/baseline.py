"""What runs now? The version of a live module that otpy has not loaded itself.

The text on the disk may have been edited since the module was imported, and a difference to the wrong text would be
worse than none. So it is believed only if it agrees with what runs: with the functions that are alive, and with the
time and size that Python noted in the byte-code file. Behaviours can have their text noted when their class is made.
"""

from __future__ import annotations

import struct
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from otpy.code.functions import functions_of
from otpy.code.history import histories
from otpy.code.sources import show
from otpy.code.version import Version, read_version
from otpy.errors import CompilationFailed

noted: Final[dict[str, str]] = {}


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
    return filename if isinstance(filename, str) and filename.endswith(".py") and Path(filename).is_file() else None


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
    try:
        version = read_version(name, source, number=histories.next_number(name), path=home)
    except CompilationFailed:
        return None
    if not agrees(version, vars(live), home):
        return None
    show(version.filename, source)
    return version


def agrees(version: Version, namespace: dict[str, Any], home: str | None) -> bool:
    """Whether all functions of the module that are alive are in the code of *version*."""
    known = set(every_code(version.code))
    files = {home, version.code.co_filename, str(namespace.get("__file__"))}
    return all(f.__code__ in known for f in functions_of(namespace)[0] if _made_in(f, files))


def _made_in(function: FunctionType, files: set[str | None]) -> bool:
    return function.__code__.co_filename in files


def every_code(code: CodeType) -> list[CodeType]:
    """*code* and all code in it."""
    found = [code]
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found += every_code(inner)
    return found


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
