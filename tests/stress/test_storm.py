"""A few short storms; `python -m tests.stress --seconds N` has more of them."""

from __future__ import annotations

import logging
import secrets
import sys

import pytest

from tests.stress.storm import Storm


@pytest.mark.timeout(200)
def test_a_storm_loses_nothing_and_hurts_nobody_but_its_victims(caplog: pytest.LogCaptureFixture) -> None:
    """See storm.py for what has to hold. The seed is printed, for `python -m tests.stress --seed`."""
    caplog.set_level(logging.CRITICAL, "otpy")
    for _ in range(4):
        seed = secrets.randbelow(2**32)
        sys.stdout.write(f"seed {seed}\n")
        counts = Storm(seed, seconds=1.0, crowd=1000).rage()
        assert counts["messages"] > 0
        assert counts["kills"] > 0
