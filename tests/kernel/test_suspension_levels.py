"""Levels of a suspension, callers first; and the jobs that run in processes at rest."""

from __future__ import annotations

import contextvars
import random
import threading
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

import otpy
from otpy.errors import CallTimeout, ServerExited, SuspendTimeout
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.suspension import Suspension
from tests.support import DEADLINE, Echo, ThreadEcho, eventually, get, inside, outside, status


@contextmanager
def held(*levels: list[otpy.Pid], timeout: float = DEADLINE) -> Generator[Suspension]:
    """Hold *levels*, and let them go on at the end."""
    me: Any = otpy.self_pid()
    processes: Any = levels
    suspension = Suspension(me.runtime)
    try:
        suspension.suspend(lambda: processes, timeout)
        yield suspension
    finally:
        suspension.resume()


class Station(otpy.GenServer[Any]):
    """Passes what comes on to later ones, and writes down what it has handled."""

    def init(self, arg: Any) -> Any:
        """Keep the place, who comes later, and the log."""
        return otpy.Ok(arg)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Take root work: who sent it, and which number it has."""
        self._pass_on(request, state)
        return otpy.NoReply(state)

    def handle_call(self, request: Any, from_: otpy.From, state: Any) -> Any:
        """Take what an earlier one passes on."""
        self._pass_on(request, state)
        return otpy.Reply("done", state)

    @staticmethod
    def _pass_on(request: Any, state: Any) -> None:
        place, later, log, busy = state
        sender, number, fates = request
        busy.add(place)
        log[place, sender].append(number)
        if fates and later:
            assert otpy.call(later[fates[0] % len(later)], (sender, (number, place), fates[1:]), timeout=60) == "done"
        busy.discard(place)


class ThreadStation(Station):
    """The same on a thread of its own."""

    runs_on = "thread"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [1, 3])
def test_levels_come_to_rest_under_load_and_nothing_is_lost(otp_runtime: object, seed: int, levels: int) -> None:
    """Whoever calls whom, within a level and from one to the next; each message once, in the order of its sender."""
    dice = random.Random(seed)  # noqa: S311 - a game
    log: dict[Any, list[Any]] = defaultdict(list)
    busy: set[int] = set()
    stations: list[otpy.Pid] = []
    for place in reversed(range(12)):  # each calls later ones only: a ring of calls would wait for ever by itself
        kind = dice.choice([Station, Station, ThreadStation])
        stations.insert(0, kind.start((place, list(stations), log, busy)))
    over = threading.Event()
    sent: dict[Any, int] = defaultdict(int)

    def load(sender: int, rolls: random.Random) -> None:
        while not over.is_set():
            place = rolls.randrange(12)
            otpy.cast(stations[place], (sender, sent[place, sender], [rolls.randrange(99) for _ in range(4)]))
            sent[place, sender] += 1
            if not rolls.randrange(8):
                otpy.call(stations[place], (None, None, ()), timeout=60)  # so that the load is no flood

    threads = [threading.Thread(target=load, args=(n, random.Random(seed * 10 + n))) for n in range(2)]  # noqa: S311
    for thread in threads:
        thread.start()
    size = 12 // levels
    groups = [stations[at : at + size] for at in range(0, 12, size)]
    try:
        for _ in range(25):
            with held(*groups) as suspension:
                assert not busy
                assert {status(pid) for pid in stations} == {"suspended"}
                assert suspension.run(_records(stations), lambda process: process, DEADLINE) == stations
                assert not busy
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for place, pid in enumerate(stations):
        otpy.call(pid, (None, None, ()), timeout=60)
        for sender in range(2):
            roots = [number for number in log[place, sender] if not isinstance(number, tuple)]
            assert roots == list(range(sent[place, sender]))


def _records(pids: list[otpy.Pid]) -> Any:
    return pids


@outside
def test_a_level_is_held_only_when_the_one_before_is_at_rest() -> None:
    """A handler of the first needs the second, whatever else that has to do: it is no member yet, and serves all."""
    go_on = threading.Event()
    first, second = ThreadEcho.start(), Echo.start()
    otpy.cast(first, lambda: go_on.wait(DEADLINE))
    eventually(lambda: status(first) == "running")
    at_rest: list[object] = []

    def hold() -> None:
        with held([first], [second]):
            at_rest.append((status(first), status(second)))

    thread = threading.Thread(target=hold)
    thread.start()
    eventually(lambda: status(first) == "suspended")
    assert otpy.call(second, "serves") == "serves"
    assert not at_rest
    go_on.set()
    thread.join(DEADLINE)
    assert at_rest == [("suspended", "suspended")]


@outside
def test_a_level_that_cannot_come_to_rest_lets_the_ones_before_go() -> None:
    """The error names who is to blame and where it stands, not those that wait for it."""
    gate = threading.Event()
    first, asking, stuck = Echo.start(), Echo.start(), ThreadEcho.start()
    otpy.cast(stuck, lambda: gate.wait(DEADLINE))
    eventually(lambda: status(stuck) == "running")
    request = otpy.send_request(asking, lambda: otpy.call(stuck, "answer", timeout=DEADLINE))
    eventually(lambda: status(asking) == "waiting")
    with pytest.raises(SuspendTimeout) as error, held([first], [asking, stuck], timeout=0.05):
        pass
    assert error.value.pid is stuck
    assert "threading.py" in error.value.frame
    assert otpy.call(first, "goes on") == "goes on"
    gate.set()
    assert otpy.wait_response(request, timeout=DEADLINE) == "answer"


@inside
def test_a_ring_of_calls_is_given_up_and_one_of_it_is_named() -> None:
    """They wait for each other with or without an upgrade; their own time-outs end it, not the suspension."""
    first, second, other = Echo.start(), Echo.start(), Echo.start()
    me = otpy.self_pid()

    def ask(whom: otpy.Pid) -> str:
        otpy.send(me, "asks")
        otpy.receive(lambda message: message == "both ask")
        try:
            return str(otpy.call(whom, "answer", timeout=0.3))
        except CallTimeout:
            return "timed out"

    requests = [otpy.send_request(first, lambda: ask(second)), otpy.send_request(second, lambda: ask(first))]
    assert [get(), get()] == ["asks", "asks"]
    for pid in (first, second):
        otpy.send(pid, "both ask")
    eventually(lambda: status(first) == status(second) == "waiting")
    with pytest.raises(SuspendTimeout) as error, held([first, second, other], timeout=0.05):
        pass
    assert error.value.pid in (first, second)
    assert otpy.call(other, "goes on") == "goes on"
    assert "timed out" in [otpy.wait_response(request, timeout=DEADLINE) for request in requests]


# -- jobs --------------------------------------------------------------------------------------------

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody's")


@pytest.mark.parametrize("kind", [Echo, ThreadEcho])
@inside
def test_a_job_runs_as_the_process_itself(kind: type[Echo]) -> None:
    """It is what self_pid says, and has its context; what it raises is its outcome."""
    pids = [kind.start() for _ in range(3)]
    for number, pid in enumerate(pids):
        otpy.call(pid, lambda number=number: variable.set(str(number)))

    def job(process: Any) -> Any:
        assert otpy.self_pid() is process
        if process is pids[1]:
            raise ValueError("no")
        return variable.get()

    with held(pids) as suspension:
        first, second, third = suspension.run(_records(pids), job, DEADLINE)
    assert (first, third) == ("0", "2")
    assert isinstance(second, Failed)
    assert str(second.error) == "no"
    assert [otpy.call(pid, variable.get) for pid in pids] == ["0", "1", "2"]


@inside
def test_a_job_that_waits_or_blocks_keeps_nobody_else_from_theirs() -> None:
    """Neither the others of the set nor those that are not held; when its time is up it is given up."""
    waits, blocks, others, outside_the_set = (
        Echo.start(),
        ThreadEcho.start(),
        [Echo.start(), Echo.start()],
        Echo.start(),
    )
    gate = threading.Event()
    done: list[Any] = []

    def job(process: Any) -> Any:
        if process is waits:
            return otpy.receive(lambda message: message == "go on")
        if process is blocks:
            return gate.wait(DEADLINE)
        done.append(process)
        return otpy.call(outside_the_set, "served")

    with held([waits, blocks, *others]) as suspension:
        outcomes = suspension.run(_records([waits, blocks, *others]), job, 0.05)
        assert outcomes == [PENDING, PENDING, "served", "served"]
        assert done == others
        assert suspension.run(_records(others), lambda _process: "again", DEADLINE) == ["again", "again"]
        otpy.send(waits, "go on")
        gate.set()
        again = suspension.run(_records([waits, blocks]), lambda _process: "only now", DEADLINE)
        assert again == ["only now", "only now"]
    assert [otpy.call(pid, "goes on") for pid in (waits, blocks, *others)] == ["goes on"] * 4


@pytest.mark.parametrize("how", ["in its job", "while it waits", "before"])
@inside
def test_a_process_that_dies_is_told_as_dead(how: str) -> None:
    """Once, whichever moment it was; the others have their outcomes."""
    dying, other = Echo.start(), Echo.start()

    def job(process: Any) -> Any:
        if process is not dying:
            if how == "while it waits":
                otpy.exit(dying, otpy.Kill())
            return "alive"
        if how == "in its job":
            otpy.exit(otpy.self_pid(), otpy.Kill())
        return otpy.receive(lambda message: message == "never")

    with held([dying, other]) as suspension:
        if how == "before":
            otpy.exit(dying, otpy.Kill())
        first, second = suspension.run(_records([dying, other]), job, DEADLINE)
    assert isinstance(first, Failed)
    assert isinstance(first.error, ServerExited)
    assert second == "alive"
    assert not otpy.is_alive(dying)
    assert otpy.call(other, "goes on") == "goes on"


@inside
def test_many_that_are_killed_while_their_jobs_begin_are_all_told() -> None:
    """Each outcome comes once, or the coordinator would wait for ever, or wake too early."""
    pids = [Echo.start() for _ in range(300)]
    victims = pids[::3]

    def kill() -> None:
        for pid in victims:
            otpy.exit(pid, otpy.Kill())

    killer = threading.Thread(target=kill)
    with held(pids) as suspension:
        killer.start()
        outcomes = suspension.run(_records(pids), lambda _process: "done", DEADLINE)
        killer.join()
    assert PENDING not in outcomes
    for pid, outcome in zip(pids, outcomes, strict=True):
        assert outcome == "done" or (pid in victims and isinstance(outcome.error, ServerExited))
        assert otpy.is_alive(pid) is (pid not in victims)


@inside
def test_jobs_that_wait_for_the_held_are_given_up_at_once() -> None:
    """Nobody will answer them, and all stand still meanwhile; also where the way there is long."""
    waits, far, between, held_one = Echo.start(), Echo.start(), Echo.start(), Echo.start()

    def job(process: Any) -> Any:
        if process is waits:
            return otpy.call(held_one, "answer", timeout=DEADLINE)
        return otpy.call(between, lambda: otpy.call(held_one, "answer", timeout=DEADLINE), timeout=DEADLINE)

    with held([waits, far, held_one]) as suspension:
        assert suspension.run(_records([waits, far]), job, 10 * DEADLINE) == [PENDING, PENDING]
        assert [suspension.waits_for(process) for process in _records([waits, far])] == [held_one, held_one]
    assert otpy.call(waits, "goes on", timeout=DEADLINE) == "goes on"


@inside
def test_jobs_that_wait_for_each_other_or_for_others_are_not_given_up() -> None:
    """One that is served in the end has not waited in vain."""
    asks, others = Echo.start(), Echo.start()

    def job(_process: Any) -> Any:
        return otpy.call(
            others, lambda: otpy.receive(lambda message: message == "go on", timeout=DEADLINE), timeout=None
        )

    timer = otpy.send_after(others, "go on", 0.3)
    with held([asks]) as suspension:
        assert suspension.run(_records([asks]), job, DEADLINE) == ["go on"]
    assert otpy.cancel_timer(timer) is None
