"""A command's end of a shell in a node: has it run pieces of Python, prints what they print, and may interrupt them."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

from otpy.cli.exits import Failed
from otpy.cli.frames import Event, Result
from otpy.cli.plain import sendable

if TYPE_CHECKING:
    from otpy.cli.client import Conversation

_ENDS: Final = frozenset({"done", "interrupted", "ended"})


@final
class Remote:
    """The shell, as somebody at the terminal sees it. One thing at a time: see shells.Shell."""

    def __init__(self, talk: Conversation) -> None:
        """Begin the conversation *talk*. `about` is what the shell says of itself and of the node."""
        self._talk = talk
        self._ids = itertools.count(1)
        self.about: dict[str, Any] = self._until(lambda event: event.name == "ready").facts

    def run(self, source: str) -> bool:
        """Run *source* to its end, and return whether it came there without an error."""
        end = self._done("run", source=source)
        match end:
            case Event("interrupted", {"pid": pid}):
                _note(f"interrupted; {pid} goes on with the same names")
            case Event("ended", {"pid": pid, "reason": reason}):
                _note(f"the shell's process was ended with {reason}; {pid} goes on with the same names")
            case _:
                pass
        return end.name == "done" and not end.facts["failed"]

    def complete(self, text: str) -> list[str]:
        """Return what *text*, the beginning of a name, may become."""
        found: list[str] = self._done("complete", text=text).facts.get("value") or []
        return found

    def _done(self, what: str, **facts: str) -> Event:
        """Have the shell do something, and wait for its end."""
        ident = next(self._ids)
        with _interrupt(lambda: self._talk.say("interrupt")) as may_ask:
            self._talk.say(what, id=ident, **{name: sendable(text) for name, text in facts.items()})
            may_ask()
            return self._until(lambda event: event.name in _ENDS and event.facts["id"] == ident)

    def _until(self, wanted: Callable[[Event], bool]) -> Event:
        """Return the next event that is *wanted*; of those before it, print what there is to print."""
        while True:
            event = self._talk.next()
            if isinstance(event, Result):
                raise Failed("the node has closed the shell; see its log")
            if wanted(event):
                return event
            match event:
                case Event("out", {"text": text}):
                    sys.stdout.write(text)
                    sys.stdout.flush()
                case Event("err", {"text": text}):
                    sys.stdout.flush()
                    sys.stderr.write(text)
                    sys.stderr.flush()
                case Event("ended", {"pid": pid, "reason": reason}):
                    _note(f"meanwhile the shell's process was ended with {reason}; {pid} goes on with the same names")
                case _:
                    pass


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def _interrupt(ask: Callable[[], object]) -> Generator[Callable[[], None]]:
    """Have the first Ctrl-C in the block *ask* the node to stop; with a second one, nobody waits for its answer.

    A handler, since it must not come between two bytes of an answer; nor between two of what is said itself, so it asks
    only from when the block calls what it is given.
    """
    wanted = allowed = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal wanted
        if wanted:
            raise KeyboardInterrupt("the node did not answer; what runs is ended when it sees that the shell is gone")
        wanted = True
        if allowed:
            ask()

    def may_ask() -> None:
        nonlocal allowed
        allowed = True
        if wanted:  # asking twice does no harm
            ask()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield may_ask
    finally:
        signal.signal(signal.SIGINT, before)
