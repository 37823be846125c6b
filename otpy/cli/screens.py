"""Whose output goes where: what code prints that somebody runs in the node from outside goes to that somebody.

While there is such code, `sys.stdout` and `sys.stderr` are stand-ins, which look at a context variable: it is inherited
by tasks, by `otpy.blocking` and by `asyncio.to_thread`, but not by processes. All others print as ever. `sys.stdin` is
one too: such code must not read what is typed at the terminal of the node.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Final, TextIO, TypeAlias, final

from otpy.kernel.here import current

Tell: TypeAlias = Callable[[str, str], object]
"""Takes "out" or "err", and text."""

PIECE: Final = 64 * 1024
"""Characters that are sent at a time."""


@final
class Screen:
    """Where one evaluation prints. Text goes on its way at the end of a line, as on a terminal, and in pieces."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._kind = "out"
        self._waiting: list[str] = []
        self._size = 0
        self._closed = False

    def write(self, kind: str, text: str) -> None:
        """Print *text*. Once it is closed nothing is: the code of a process that has ended for it ends here."""
        if self._closed:
            current()
        for start in range(0, len(text), PIECE):
            self._write(kind, text[start : start + PIECE])

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            self._send()

    def close(self) -> None:
        """Print no more: what still runs was given up. What waits is dropped."""
        self._closed = True

    def _write(self, kind: str, text: str) -> None:
        with self._lock:
            if kind != self._kind:
                self._send()
                self._kind = kind
            self._waiting.append(text)
            self._size += len(text)
            if "\n" in text or self._size >= PIECE:
                self._send()

    def _send(self) -> None:
        """Send what waits. In the lock, so that it stays in order; a client that does not read is waited for."""
        text, self._waiting, self._size = "".join(self._waiting), [], 0
        if text and not self._closed:
            self._tell(self._kind, text)


_mine: Final[contextvars.ContextVar[Screen | None]] = contextvars.ContextVar("otpy_screen", default=None)
_changing = threading.Lock()
_users = 0


@contextlib.contextmanager
def shown_on(screen: Screen) -> Generator[None]:
    """Have what the block prints go to *screen*."""
    token = _mine.set(screen)
    _install()
    try:
        yield
    finally:
        _remove()
        _mine.reset(token)


def _install() -> None:
    global _users  # noqa: PLW0603 - of the interpreter there is one, and so of its streams
    with _changing:
        _users += 1
        streams: Any = sys
        if not isinstance(streams.stdout, Divided):
            streams.stdout = Divided("out", streams.stdout)
        if not isinstance(streams.stderr, Divided):
            streams.stderr = Divided("err", streams.stderr)
        if not isinstance(streams.stdin, Kept):
            streams.stdin = Kept(streams.stdin)


def _remove() -> None:
    """Put back what was there before the first, unless somebody else has put something in its place."""
    global _users  # noqa: PLW0603 - see above
    with _changing:
        _users -= 1
        if _users:
            return
        streams: Any = sys
        for name in ("stdin", "stdout", "stderr"):
            if isinstance(stream := getattr(streams, name), Divided | Kept):
                setattr(streams, name, stream.original)


@final
class Divided:
    """A stream of the interpreter: to the screen of who runs here, or where it went before.

    Not an `io.TextIOBase`: those close themselves when nobody has them any more, and this is not ours to close.
    """

    def __init__(self, kind: str, original: TextIO) -> None:
        self._kind = kind
        self.original = original

    def write(self, text: str) -> int:
        """Print *text*."""
        screen = _mine.get()
        if screen is None:
            return self.original.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        screen.write(self._kind, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Print *lines*."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """See TextIO.flush."""
        screen = _mine.get()
        if screen is None:
            self.original.flush()
        else:
            screen.flush()

    def isatty(self) -> bool:
        """See TextIO.isatty."""
        return _mine.get() is None and self.original.isatty()

    def fileno(self) -> int:
        """See TextIO.fileno."""
        return _number(self.original)

    def close(self) -> None:
        """Close the stream, if it is one's own to close."""
        if _mine.get() is None:
            self.original.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else the stream has, such as `buffer`."""
        return getattr(self.original, name)


@final
class Kept:
    """The standard input of the node, which code that has a screen cannot read and does not close."""

    def __init__(self, original: TextIO) -> None:
        self.original = original

    def readline(self, *size: int) -> str:
        """Read a line."""
        return self._readable().readline(*size)

    def read(self, *size: int) -> str:
        """Read all."""
        return self._readable().read(*size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readable())

    def isatty(self) -> bool:
        """See TextIO.isatty."""
        return _mine.get() is None and self.original.isatty()

    def fileno(self) -> int:
        """See TextIO.fileno."""
        return _number(self.original)

    def close(self) -> None:
        """Close it, if it is one's own to close; `quit()` does that."""
        if _mine.get() is None:
            self.original.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else the stream has, such as `buffer`."""
        return getattr(self.original, name)

    def _readable(self) -> TextIO:
        if _mine.get() is not None:
            raise EOFError("what runs in a node from outside has no standard input: the terminal is the node's")
        return self.original


def _number(stream: TextIO) -> int:
    if _mine.get() is None:
        return stream.fileno()
    raise io.UnsupportedOperation("fileno")
