"""Upgrade the packages of others, and write README.md of it: `python -m tests.system`."""

from __future__ import annotations

import sys

from tests.system.stories import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.name}\n")
