"""Lines from somebody who types, with history and completion, or from a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final, TypeAlias, final

try:
    import readline
except ImportError:  # Python was built without it: lines are typed as the terminal has them
    readline = None  # type: ignore[assignment]

Complete: TypeAlias = Callable[[str], list[str]]

HISTORY: Final = 1000
"""Lines that are remembered from one shell to the next."""
_BETWEEN_NAMES: Final = " \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?"
_TAB: Final = "    "


class Interrupted(Exception):
    """Ctrl-C, while a line was typed."""


@final
class Terminal:
    """A person. `line` asks with a prompt."""

    def __init__(self, name: str) -> None:
        self._prompt = f"{name}> "
        self._more = f"{'...':>{len(name)}}> "

    def line(self, *, more: bool) -> str | None:
        """Return the next line; None at the end (Ctrl-D). *more*: of something that has begun. Raises Interrupted."""
        try:
            return input(self._more if more else self._prompt)
        except EOFError:
            sys.stdout.write("\n")
            return None
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            raise Interrupted from None


@final
class Pipe:
    """A program, or a file: no prompt."""

    def line(self, *, more: bool) -> str | None:
        """Return the next line; None at the end."""
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None


@contextlib.contextmanager
def remembered(history: Path, complete: Complete) -> Generator[None]:
    """Have lines that are typed in the block edited, completed, and remembered in the file *history*."""
    if readline is None:
        yield
        return
    with contextlib.suppress(OSError):  # there is none yet, or it is not ours to read: then nothing is remembered
        readline.read_history_file(history)
    readline.set_history_length(HISTORY)
    before = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(_Completer(complete))
    readline.set_completer_delims(_BETWEEN_NAMES)
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
        with contextlib.suppress(OSError):
            history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            history.touch(mode=0o600)
            readline.write_history_file(history)


@final
class _Completer:
    """What readline asks: again and again for one text, until there is nothing more."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete
        self._left: Iterator[str] = iter(())

    def __call__(self, text: str, state: int) -> str | None:
        if not state:
            self._left = iter(self._complete(text) if text else [_TAB])
        return next(self._left, None)
