"""fauxtp: actors are tasks of an anyio task group, with GenServer and Supervisor after OTP.

A measure runs in a plain coroutine, as fauxtp's own programs do. Its spawn is `spawn_child_actor` of a running
actor with a notice of the exit: what its Supervisor does for each child, without the registry, whose copying of
all names at each change would be most of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.fauxtp import lifecycle, messages
from benchmarks.entries.importing import contest
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {
    **messages.CONTESTS,
    **lifecycle.CONTESTS,
    "import": contest("fauxtp"),
}
