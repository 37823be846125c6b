"""Instances of replaced classes that no process holds: they stay what they are, and an operator should know."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection


def strays(classes: Collection[type]) -> list[str]:
    """Return for each of *classes* that still has instances how many, in words.

    Looks through the whole heap, so it is for when everybody goes on. Objects that the collector does not know (without
    any place for a reference) are not found.
    """
    if not classes:
        return []
    wanted = set(classes)
    found = Counter(type(holder) for holder in gc.get_referrers(*classes) if type(holder) in wanted)
    return [
        f"{count} {'instance' if count == 1 else 'instances'} of the old {cls.__module__}.{cls.__qualname__}, which no "
        "process holds in its state or its messages, stay what they are"
        for cls, count in found.items()
    ]
