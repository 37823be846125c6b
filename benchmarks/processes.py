"""Starting programs: the one place that does."""

from __future__ import annotations

import subprocess
from typing import final


@final
class RunFailed(Exception):
    """A program ended with an error, or took longer than it may; `why` is one line."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def output_of(command: list[str], *, timeout: float) -> str:
    """What `command` prints, after it has ended well; it is killed after `timeout` seconds.

    Raises RunFailed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"took longer than {timeout:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise RunFailed(f"exit code {done.returncode}: {lines[-1] if lines else 'no output'}")
    return done.stdout
