"""What the measures on pykka share: an actor that runs a measure from inside, and one that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pykka

from benchmarks.values import Figure

Ref = pykka.ActorRef[Any]


class Main(pykka.ThreadingActor):
    """Runs the function that it is sent: what a measure does from inside."""

    def on_receive(self, message: Callable[[], Figure]) -> Figure:
        """Run it and answer with its figure."""
        return message()


def inside(main: Callable[[], Figure]) -> Figure:
    """Run `main` in an actor, then stop all actors."""
    try:
        figure: Figure = Main.start().ask(main, block=True)
        return figure
    finally:
        pykka.ActorRegistry.stop_all(block=False)


class Counter(pykka.ThreadingActor):
    """Counts what it is told, and answers a "get" with the count."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> Any:
        """Count, or answer."""
        if message == "get":
            return self.count
        self.count += 1
        return None
