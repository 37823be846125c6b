"""Clients that post numbered things to one server, and the book that the server keeps of them.

A server that uses `entered` refuses no posting, but notes what is lost, comes twice or is overtaken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, final

import otpy

PATIENCE: Final = 60.0

BOOK: Final = """
def entered(book, client, number):
    wrong = book["wrong"] if number == book["last"].get(client, 0) + 1 else (*book["wrong"], (client, number))
    return {"last": {**book["last"], client: number}, "wrong": wrong}

EMPTY = {"last": {}, "wrong": ()}
"""
"""Source for the module of a server: the book, and how a posting is entered."""


@final
class Clients:
    """Threads that post to *server*, one after the other, what `thing()` makes, and ask it something now and then."""

    def __init__(self, server: str, thing: Callable[[], Any], *, count: int = 3) -> None:
        self.server = server
        self.thing = thing
        self.posted = {f"client {number}": 0 for number in range(count)}
        self.errors: list[BaseException] = []
        self._over = threading.Event()

    @contextmanager
    def busy(self) -> Generator[None]:
        """Have them post inside the block, and have had a first answer before it."""
        self._over.clear()
        ready = [threading.Event() for _ in self.posted]
        threads = [
            threading.Thread(target=self._work, args=(name, begun))
            for name, begun in zip(self.posted, ready, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            for begun in ready:
                assert begun.wait(PATIENCE)
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(PATIENCE)
        assert not self.errors, self.errors

    def _work(self, name: str, begun: threading.Event) -> None:
        try:
            while not self._over.is_set():
                for _ in range(3):
                    self.posted[name] += 1
                    otpy.cast(self.server, (name, self.posted[name], self.thing()))
                assert otpy.call(self.server, "ping", timeout=PATIENCE) == "pong"
                begun.set()
        except BaseException as error:  # noqa: BLE001 - raised again where the clients are looked at
            self.errors.append(error)
            begun.set()

    def check(self, book: dict[str, Any]) -> None:
        """Assert that the server has had each posting, once and in order."""
        assert book == {"last": self.posted, "wrong": ()}
