"""Random upgrades for a while: `python -m tests.properties --seconds N --seed S`.

Each round has a seed, which is printed; the exit code is 1 if one has found something.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import secrets
import sys
import time

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.properties.deeds import Deed
from tests.properties.strategies import deeds, systems
from tests.properties.test_upgrades import System, live_through

EXAMPLES = 20


def main() -> int:
    """Go on until the time is up, and print what each round has done."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default 600)")
    parser.add_argument("--seed", type=int, help="the first round's seed; each further one has the next number")
    parser.add_argument(
        "--shrink", action="store_true", help="make a history that fails as short as possible, for minutes"
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**32)
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        faulthandler.dump_traceback_later(900, exit=True)
        sys.stdout.write(f"seed {seed}: ")
        sys.stdout.flush()
        began = time.monotonic()
        try:
            _round(seed, shrink=options.shrink)
        except BaseException:
            sys.stdout.write("FAILED\n")
            raise
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(f"{EXAMPLES} histories in {time.monotonic() - began:.1f} s\n")
        seed += 1
    return 0


def _round(seed: int, *, shrink: bool) -> None:
    @hypothesis.seed(seed)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(system=systems(), history=st.lists(deeds, min_size=1, max_size=10))
    def run(system: System, history: list[Deed]) -> None:
        live_through(system, history)

    run()


if __name__ == "__main__":
    sys.exit(main())
