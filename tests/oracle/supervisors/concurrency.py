"""Which events of a recorded step come in no fixed order.

A simple_one_for_one supervisor and a DynamicSupervisor end their children all at once. The recordings say so with
`par`, but leave out of it the children that the action of the step names, which stand before or behind it in the order
in which they happened to end. Here they are put in, but for those whom the action itself ended: their deaths came
first.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracle.compare import Event
from tests.oracle.supervisors.cast import ROOT, label_of
from tests.oracle.supervisors.scenario import Batch, Call, ExitChild, Gated, Spec, StartChild, Sup, SupervisorScenario

_ENDS = frozenset({"terminate", "exit"})


def pools(scenario: SupervisorScenario) -> frozenset[str]:
    """Return the labels of the supervisors in *scenario* that end their children all at once."""
    found = list(_pools(ROOT, scenario.supervisor))
    for action in scenario.actions:
        for call in calls_of(action):
            if isinstance(call, StartChild) and isinstance(call.spec, Spec):
                found += _pools_of_child(call.sup, call.spec)
    return frozenset(found)


def _pools(label: str, sup: Sup) -> Iterator[str]:
    if sup.flags.simple or sup.flags.dynamic:
        yield label
    for spec in sup.children:
        yield from _pools_of_child(label, spec)


def _pools_of_child(parent: str, spec: Spec) -> Iterator[str]:
    if isinstance(spec.sup, Sup):
        yield from _pools(label_of(parent, str(spec.id)), spec.sup)


def calls_of(action: Call | Batch | Gated) -> list[Call]:
    """Return the single calls that *action* is made of."""
    match action:
        case Batch():
            return action.calls
        case Gated():
            return [action.trigger, *action.calls]
        case _:
            return [action]


def together(log: list[Event], action: Call | Batch | Gated, pools: frozenset[str]) -> list[Event]:
    """Return the recorded *log* of *action* with the end of every pool's children as one `par`."""
    ended = _ended_by(action, log)
    merged: list[Event] = []
    for event in log:
        if event[0] == "exit" and event[1] in pools:
            start = _start_of_end(merged, event[1], ended)
            groups = _groups(merged[start:])
            merged[start:] = [["par", groups]] if len(groups) > 1 else merged[start:]
        merged.append(event)
    return merged


def _start_of_end(log: list[Event], pool: str, ended: list[Event]) -> int:
    """Return where in *log*, which goes up to the exit of *pool*, the ends of its children begin."""
    start = len(log)
    while start and log[start - 1] not in ended and all(_is_end_in(pool, event) for event in _flat(log[start - 1])):
        start -= 1
    return start


def _is_end_in(pool: str, event: Event) -> bool:
    return event[0] in _ENDS and event[1] == label_of(pool, event[1].rpartition("/")[2])


def _flat(event: Event) -> list[Event]:
    return [inner for group in event[1] for inner in group] if event[0] == "par" else [event]


def _groups(log: list[Event]) -> list[list[Event]]:
    """Return the events by child."""
    groups: dict[str, list[Event]] = {}
    for event in log:
        for inner in _flat(event):
            groups.setdefault(inner[1], []).append(inner)
    return list(groups.values())


def _ended_by(action: Call | Batch | Gated, log: list[Event]) -> list[Event]:
    """Return the exits in *log* that *action* itself brought about: the first of each child that it ended."""
    fatal = {call.child for call in calls_of(action) if isinstance(call, ExitChild) and _is_fatal(call, log)}
    first: dict[str, Event] = {}
    for event in log:
        if event[0] == "exit" and event[1] in fatal:
            first.setdefault(event[1], event)
    return list(first.values())


def _is_fatal(call: ExitChild, log: list[Event]) -> bool:
    """Whether *call* ended its child; one that traps exits has noted the signal, and `normal` ends nobody."""
    if call.how != "signal" or call.reason == "kill":
        return True
    return call.reason != "normal" and not any(event[:2] == ["info", call.child] for event in log)
