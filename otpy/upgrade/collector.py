"""Full collections of Python's garbage collector, put off while processes rest, and while sources are compiled.

A full collection looks at every object of the program, and all else stands still: half a second with a hundred thousand
states. The conversions, and the syntax trees, are so many objects that there would be several. The young generations
are collected as ever, so garbage does not pile up; what was put off comes afterwards. Interpreters whose collector does
its work in small portions pay no heed to this, and need not.
"""

from __future__ import annotations

import gc
from typing import Final, final

NEVER: Final = 2**31 - 1
"""The highest threshold there is."""


@final
class FullCollections:
    """Those of one rest: put off when it is made, until `allow`, or the end of the block."""

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        gc.set_threshold(*self._before[:2], NEVER)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.allow()

    def allow(self) -> None:
        """Let them come again as they did before; whoever has set something else meanwhile keeps that.

        `gc.set_threshold(5000, 20)` leaves the third as it is: that is not meant by it.
        """
        young, middle, full = gc.get_threshold()
        if full == NEVER:
            gc.set_threshold(young, middle, self._before[2])
