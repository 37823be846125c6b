"""Fairness again, asked by the main thread, whose stack no hog can stand on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import otpy
from benchmarks.entries.otpy.fairness import beside_hogs
from benchmarks.values import Contest, Figure


def outside(size: int) -> Figure:
    """Asked by the main thread."""
    with otpy.runtime():
        return beside_hogs(size, time.sleep)


CONTESTS: Final[Mapping[str, Contest]] = {"fairness": outside}
