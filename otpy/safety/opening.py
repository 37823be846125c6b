"""Does this open a file for writing? Told from the mode, where it stands in the source."""

from __future__ import annotations

import ast
import re
from typing import Final

from otpy.safety.names import argument, literal_text
from otpy.safety.source import Use

_OPENERS: Final = {
    "builtins.open": (1, "mode"),
    "codecs.open": (1, "mode"),
    "os.fdopen": (1, "mode"),
    "io.FileIO": (1, "mode"),
    "gzip.open": (1, "mode"),
    "gzip.GzipFile": (1, "mode"),
    "bz2.open": (1, "mode"),
    "bz2.BZ2File": (1, "mode"),
    "lzma.open": (1, "mode"),
    "lzma.LZMAFile": (1, "mode"),
    "zipfile.ZipFile": (1, "mode"),
    "tarfile.open": (1, "mode"),
    "dbm.open": (1, "flag"),
}
"""What opens files, with the place of its mode."""

_PATH: Final = re.compile(r"pathlib\.(Posix|Windows)?Path(\.cwd|\.home|\.from_uri)?\(\)(\.\w+(\(\))?)*")
_PATH_WRITES: Final = frozenset(
    (
        *("write_text", "write_bytes", "unlink", "mkdir", "rmdir", "touch", "rename", "replace", "chmod", "lchmod"),
        *("symlink_to", "hardlink_to", "copy", "copy_into", "move", "move_into"),
    )
)
SURELY_PATHS: Final = frozenset(("write_text", "write_bytes", "symlink_to", "hardlink_to"))
"""Methods that are taken for those of a path, whatever they are called on."""
NAMES: Final = frozenset((*_OPENERS, "os.open", "pathlib.open", *(f"pathlib.{method}" for method in _PATH_WRITES)))
"""The names by which files are written, by the module that they are from."""

_WRITING_FLAGS: Final = frozenset(("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"))


def writes(use: Use) -> str | None:
    """What the call *use* writes with, as one names it to people; None if it writes no file, or nobody can tell."""
    if use.call is None:
        return None
    for name in use.names:
        owner, _, method = name.rpartition(".")
        if name in _OPENERS and _writing(argument(use.call, *_OPENERS[name])):
            return name.removeprefix("builtins.")
        if name == "os.open" and _flags(argument(use.call, 1, "flags")):
            return name
        if _PATH.fullmatch(owner) and (
            method in _PATH_WRITES or (method == "open" and _writing(argument(use.call, 0, "mode")))
        ):
            return f"Path.{method}"
    if use.attribute in SURELY_PATHS and not use.names and isinstance(use.node, ast.Attribute):
        return f"Path.{use.attribute}"
    return None


def _writing(mode: ast.expr | None) -> bool:
    text = literal_text(mode) if mode is not None else None
    return text is not None and any(letter in text for letter in "wax+cn")


def _flags(flags: ast.expr | None) -> bool:
    named = {
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(flags or ast.Constant(None))
        if isinstance(n, ast.Attribute | ast.Name)
    }
    return not _WRITING_FLAGS.isdisjoint(named)
