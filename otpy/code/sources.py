"""The text behind file names: what tracebacks, `inspect.getsource` and debuggers show for each version.

Every version has a name of its own, `<otpy shop.cart 2>`, in `linecache`. An entry without a modification time is one
that `linecache.checkcache` leaves alone. Nothing here is kept when someone calls `linecache.clearcache()`.
"""

from __future__ import annotations

import io
import linecache
from types import CodeType

from otpy.code.journal import Journal


def version_filename(name: str, number: int) -> str:
    """The file name of version *number* of module *name*."""
    return f"<otpy {name} {number}>"


def lines_of(source: str) -> list[str]:
    """*source* in lines as `linecache` has them, each with its end."""
    # Not str.splitlines: it breaks at form feeds and the like, where Python's own line numbers do not.
    lines = io.StringIO(source, newline=None).readlines()
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


def show(filename: str, lines: list[str]) -> None:
    """Make *lines* the text of *filename*."""
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)


def hide(filename: str) -> None:
    """Forget the text of *filename*."""
    linecache.cache.pop(filename, None)


def pin(filename: str, lines: list[str], journal: Journal) -> None:
    """Make *lines* the text of a real file, whatever the disk says: it is what runs."""
    before = linecache.cache.get(filename)

    def restore() -> None:
        if before is None:
            hide(filename)
        else:
            linecache.cache[filename] = before

    journal.write(f"text of {filename}", restore)
    show(filename, lines)


def refiled(code: CodeType, filename: str, *, only: str) -> CodeType:
    """*code* and the code inside it under another file name, where the name is *only* now."""
    constants = tuple(refiled(c, filename, only=only) if isinstance(c, CodeType) else c for c in code.co_consts)
    if code.co_filename != only and all(new is old for new, old in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_filename=filename if code.co_filename == only else code.co_filename, co_consts=constants)
