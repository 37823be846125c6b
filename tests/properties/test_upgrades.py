"""Random systems, edits, faults and loads: afterwards all is new or all is as before, and nothing was lost.

`python -m tests.properties --seconds 600` (`make soak`) does it for longer.
"""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.properties.deeds import IN_PEACE, Deed
from tests.properties.features import Module
from tests.properties.strategies import deeds, systems
from tests.properties.world import world

System = tuple[tuple[Module, ...], tuple[tuple[int, int], ...]]


@pytest.mark.timeout(300)
@settings(
    max_examples=8,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes: `make soak ARGS=--shrink`
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(system=systems(), history=st.lists(deeds, min_size=1, max_size=5))
def test_whatever_happens_all_is_new_or_as_before(
    caplog: pytest.LogCaptureFixture, system: System, history: list[Deed]
) -> None:
    """See deeds.py for what happens, and `World.check` for what has to hold."""
    caplog.set_level(logging.CRITICAL)  # crashes are on purpose
    live_through(system, history)


def live_through(system: System, history: list[Deed]) -> None:
    """Let *history* happen to *system* and look at it after each deed."""
    modules, servers = system
    with world(modules, servers) as here:
        for deed in history:
            if isinstance(deed, IN_PEACE):
                here.check_books()
                deed.do(here)
            else:
                with here.load(drivers=1):
                    deed.do(here)
            here.check()
