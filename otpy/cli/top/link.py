"""The connection with a node, on a thread of its own: it asks again and again, and connects again when it was lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, final

import msgspec

from otpy.cli.client import Conversation, ask, conversation
from otpy.cli.exits import CommandError, Failed
from otpy.cli.frames import Event
from otpy.cli.rows import Batch, Details, Level

RETRY_SECONDS: Final = 1.0


class Wants(NamedTuple):
    """What is visible besides the list: whose children in the tree, which process in detail, past upgrades."""

    levels: Sequence[int] = ()
    details: int | None = None
    history: bool = False


class News(NamedTuple):
    """What came; None is what was not asked for. A text in place of details says why there are none."""

    batch: Batch
    levels: list[Level] | None
    details: Details | str | None
    history: Any


class Closed(Exception):
    """Nobody looks any more."""


class Screen(Protocol):
    """Who shows what comes. All of it is called on the thread of the link; it raises Closed when nobody looks."""

    def wants(self) -> Wants:
        """Return what is visible."""
        ...

    def connected(self) -> None:
        """The node is there, and what follows is all anew."""
        ...

    def lost(self, why: str) -> None:
        """The node is gone, or does not answer as it should."""
        ...

    def took(self, news: News) -> None:
        """Show what came."""
        ...


@final
class Link:
    """Asks the node behind the socket *path* every *interval* seconds, from `start` to `stop`."""

    def __init__(self, path: Path, screen: Screen, interval: float) -> None:
        self._path = path
        self._screen = screen
        self.interval = interval
        self.retry = RETRY_SECONDS
        self.paused = False
        self._stopped = False
        self._hurry = threading.Event()
        self._upgrades = -1
        self._thread = threading.Thread(target=self._run, name="otpy-top", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. Nobody waits for a node that does not answer."""
        self._stopped = True
        self._hurry.set()

    def hurry(self) -> None:
        """Ask now, also while paused."""
        self._hurry.set()

    def state_of(self, pid: int) -> Details:
        """Return the details of a process with its state. Raises CommandError."""
        return details_of(self._path, pid, state=True)

    def _run(self) -> None:
        with contextlib.suppress(Closed):
            self._ask_again_and_again()

    def _ask_again_and_again(self) -> None:
        while not self._stopped:
            try:
                with conversation(self._path, "top", {}) as talk:
                    self._follow(talk)
            except CommandError as error:
                if not self._stopped:
                    self._screen.lost(str(error))
            self._wait(self.retry)

    def _follow(self, talk: Conversation) -> None:
        self._upgrades = -1
        batch = _batch(talk)
        self._screen.connected()
        while not self._stopped:
            self._screen.took(self._news(talk, batch))
            while not self._wait(None if self.paused else self.interval) and self.paused:
                continue
            if not self._stopped:
                batch = _batch(talk)

    def _news(self, talk: Conversation, batch: Batch) -> News:
        """Return *batch*, and what is visible besides."""
        wants = self._screen.wants()
        levels = _levels(talk, wants.levels) if wants.levels else None
        details = None if wants.details is None else self._details(wants.details)
        history: Any = None
        if wants.history and batch.upgrades != self._upgrades:
            history, self._upgrades = ask(self._path, "history", {}), batch.upgrades
        return News(batch, levels, details, history)

    def _details(self, pid: int) -> Details | str:
        try:
            return details_of(self._path, pid)
        except CommandError as error:
            return str(error)

    def _wait(self, seconds: float | None) -> bool:
        """Wait *seconds*, or for ever; return whether somebody is in a hurry."""
        hurried = self._hurry.wait(seconds)
        self._hurry.clear()
        return hurried


def details_of(path: Path, pid: int, *, state: bool = False) -> Details:
    """Ask the node for all about one process. Raises CommandError."""
    return msgspec.convert(ask(path, "process", {"pid": pid, "state": state}), Details)


def all_processes(path: Path) -> Batch:
    """Ask the node for all its processes, once. Raises CommandError."""
    with conversation(path, "top", {}) as talk:
        return _batch(talk)


def _batch(talk: Conversation) -> Batch:
    talk.say("next")
    return msgspec.convert(_answer(talk, "batch"), Batch)


def _levels(talk: Conversation, pids: Sequence[int]) -> list[Level]:
    talk.say("levels", pids=list(pids))
    return msgspec.convert(_answer(talk, "levels"), list[Level])


def _answer(talk: Conversation, name: str) -> Any:
    """Return what the node answers under *name*. Raises Failed if it ends the conversation."""
    while isinstance(event := talk.next(), Event):
        if event.name == name:
            return event.facts[name]
    raise Failed("the node has ended the conversation")
