"""pykka: an actor is a thread that takes messages from a queue.

pykka has no supervisor. Its spawn is the bare start of an actor, which returns before the actor's thread has
begun; its restart is a supervisor by hand: an actor that `on_failure` tells of the death, and that starts the
next child and enters it under the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.importing import contest
from benchmarks.entries.pykka import lifecycle, messages
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {**messages.CONTESTS, **lifecycle.CONTESTS, "import": contest("pykka")}
