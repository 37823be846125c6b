"""asyncio by hand: an actor is a task that takes messages from a queue, as one writes it in an afternoon.

A call puts a future into the message and waits for it with a time limit. There are no links, monitors, names or
restarts; its spawn is a task with a callback for its end, and the wait for its first step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.asyncio_by_hand import lifecycle, messages
from benchmarks.entries.importing import contest
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {
    **messages.CONTESTS,
    **lifecycle.CONTESTS,
    "import": contest("asyncio"),
}
