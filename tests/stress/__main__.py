"""Storm after storm: `python -m tests.stress --seconds N --seed S`. The exit code is 1 if one found something."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import secrets
import sys
import time

from tests.stress.storm import PATIENCE, Storm


def main() -> int:
    """Run storms until the time is up, and print what each has done."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, help="the first storm's seed; each further one has the next number")
    parser.add_argument("--storm", type=float, default=2.0, help="seconds of one storm (default 2)")
    parser.add_argument("--crowd", type=int, default=3000, help="how many processes stand around (default 3000)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**32)
    logging.getLogger("otpy").setLevel(logging.CRITICAL)  # crashes and blocking handlers are all on purpose
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        faulthandler.dump_traceback_later(options.storm + 2 * PATIENCE, exit=True)
        began = time.monotonic()
        try:
            counts = Storm(seed, seconds=options.storm, crowd=options.crowd).rage()
        except BaseException:
            sys.stdout.write(f"seed {seed}: FAILED\n")
            raise
        faulthandler.cancel_dump_traceback_later()
        done = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        sys.stdout.write(f"seed {seed}: {done} in {time.monotonic() - began:.1f} s\n")
        sys.stdout.flush()
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
