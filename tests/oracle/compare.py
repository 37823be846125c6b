"""Comparing what was seen with what was recorded.

A log is compared in order, but for `["par", [[event, …], …]]` in the recording: the events of the groups come there in
any interleaving, each group's own in order. Rows of supervisors whose children have no ids are compared as sets.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TypeAlias

from tests.oracle.forms import Form
from tests.oracle.recording import Step

Event: TypeAlias = list[Form]

_TYPES = {"worker", "supervisor"}
_ROW = (3, 4)  # [id, state, type], and the rows below a supervisor


def difference(expected: Step, actual: Step) -> str | None:
    """Return the first difference between two steps, or None."""
    for key, wanted in expected.items():
        seen = actual.get(key)
        if key == "log" and isinstance(wanted, list) and isinstance(seen, list):
            message = log_difference(wanted, seen)
        else:  # the log of links is an object, with an order in each process
            message = _value_difference(wanted, seen)
        if message is not None:
            return f"{key}: {message}"
    return None


def log_difference(expected: list[Event], actual: list[Event]) -> str | None:
    """Return the first difference between a recorded log and one seen, or None."""
    left = deque(actual)
    for event in expected:
        message = _take_groups(event[1], left) if event[0] == "par" else _take(event, left)
        if message is not None:
            return message
    return f"unexpected {_show(left[0])}" if left else None


def _take(event: Event, left: deque[Event]) -> str | None:
    if not left:
        return f"missing {_show(event)}"
    seen = left.popleft()
    return None if _same(seen, event) else f"expected {_show(event)}, got {_show(seen)}"


def _take_groups(groups: list[list[Event]], left: deque[Event]) -> str | None:
    """Take the events of *groups* from the front of *left*, as long as the next one heads some group.

    Events name their process and incarnation, so no two groups can wait for the same event: the first match is right.
    """
    waiting = [deque(group) for group in groups if group]
    while waiting:
        heads = " or ".join(_show(group[0]) for group in waiting)
        if not left:
            return f"missing {heads}"
        event = left.popleft()
        group = next((group for group in waiting if _same(group[0], event)), None)
        if group is None:
            return f"expected {heads} (in any order), got {_show(event)}"
        group.popleft()
        waiting = [group for group in waiting if group]
    return None


def _value_difference(expected: Form, actual: Form) -> str | None:
    if _same(_canonical(expected), _canonical(actual)):
        return None
    return f"expected {_show(expected)}, got {_show(actual)}"


def _same(one: Form, other: Form) -> bool:
    """Compare as JSON does, to which `true` and 1 are two things."""
    return _show(one) == _show(other)


def _canonical(form: Form) -> Form:
    """Return *form* with rows in a fixed order where their order says nothing."""
    if isinstance(form, list):
        items = [_canonical(item) for item in form]
        return sorted(items, key=_show) if items and all(_is_nameless_row(item) for item in items) else items
    if isinstance(form, dict):
        return {key: _canonical(item) for key, item in form.items()}
    return form


def _is_nameless_row(item: Form) -> bool:
    return isinstance(item, list) and len(item) in _ROW and item[0] == "undefined" and item[2] in _TYPES


def _show(form: Form) -> str:
    return json.dumps(form, sort_keys=True)
