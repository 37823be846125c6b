"""otpy: every measure as its manual would have it, from inside the runtime (`otpy.run`) unless it asks for a thread.

A server of a chain, a ring or a fan-in is a GenServer with its state a number or a pid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.importing import contest
from benchmarks.entries.otpy import fairness, lifecycle, messages, reload, upgrade
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {
    **messages.CONTESTS,
    **lifecycle.CONTESTS,
    **fairness.CONTESTS,
    **upgrade.CONTESTS,
    **reload.CONTESTS,
    "import": contest("otpy"),
}
