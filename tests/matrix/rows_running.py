"""Rows of code under way: generators, coroutines, inner functions made before, and modules that import each other."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, final

import pytest

from otpy import code
from tests.matrix.row import Case, Modules, Row, Things, edited, text

M: Final = text("""
    def step(n):
        return ("old step", n)

    def count(label):
        for n in range(3):
            yield ("old frame", label, step(n))

    async def work(pause):
        await pause
        return ("old frame", step(0))

    def adder(n):
        def add(x):
            return x + n
        return add

    def counter(n):
        def tick(x):
            return x + n
        return tick
""")
RUNNING: Final = M.replace("old step", "new step").replace("old frame", "new frame")


@final
class Pause:
    """What a coroutine waits for until somebody goes on."""

    def __await__(self) -> Generator[None, None, None]:
        """Wait once."""
        yield


def _generator(modules: Modules) -> Things:
    running = modules.m.count("a")
    assert next(running) == ("old frame", "a", ("old step", 0))
    return {"running": running, "vsn": code.vsn("m")}


def _generator_goes_on(modules: Modules, things: Things) -> None:
    lingering = code.who_runs("m", things["vsn"])  # type: ignore[attr-defined,unused-ignore]
    assert "count" in str(lingering)
    assert list(things["running"]) == [("old frame", "a", ("new step", n)) for n in (1, 2)]
    assert next(modules.m.count("b")) == ("new frame", "b", ("new step", 0))
    assert "count" not in str(code.who_runs("m", things["vsn"]))  # type: ignore[attr-defined,unused-ignore]


def _coroutine(modules: Modules) -> Things:
    running = modules.m.work(Pause())
    running.send(None)
    return {"running": running, "vsn": code.vsn("m")}


def _coroutine_goes_on(modules: Modules, things: Things) -> None:
    assert "work" in str(code.who_runs("m", things["vsn"]))  # type: ignore[attr-defined,unused-ignore]
    assert _result(things["running"]) == ("old frame", ("new step", 0))
    fresh = modules.m.work(Pause())
    fresh.send(None)
    assert _result(fresh) == ("new frame", ("new step", 0))


def _result(running: Any) -> object:
    """Let a coroutine that waits go on to its end."""
    with pytest.raises(StopIteration) as ended:
        running.send(None)
    return ended.value.value


def _inner(modules: Modules) -> Things:
    return {"add": modules.m.adder(10), "tick": modules.m.counter(10)}


def _new_body(modules: Modules, things: Things) -> None:
    assert things["add"](2) == 20
    assert modules.m.adder(3)(2) == 6
    assert things["tick"](2) == 12


def _old_body(modules: Modules, things: Things) -> None:
    assert things["tick"](2) == 12
    assert modules.m.counter(10)(2) == (12, 0)


CYCLE_M: Final = text("""
    RATE = 1

    from near import part

    TOTAL = part() + RATE

    def total():
        return part() + RATE
""")
CYCLE_NEAR: Final = text("""
    import m
    from m import RATE

    SHARE = RATE * 10

    def part():
        return SHARE + m.RATE
""")


def _nothing(modules: Modules) -> Things:
    return {"total": modules.m.total, "part": modules.near.part}


def _cycle(modules: Modules, things: Things) -> None:
    assert (modules.near.RATE, modules.near.SHARE, modules.m.TOTAL) == (2, 20, 24)
    assert things["total"]() == modules.m.total() == 24
    assert things["part"]() == modules.near.part() == 22


def _both_of_cycle(modules: Modules, things: Things) -> None:
    assert (modules.near.SHARE, modules.m.TOTAL, things["total"](), things["part"]()) == (200, 204, 204, 202)


def _case(old: str, new: str, make: object, look: object, *, what: str = "", warned: str = "") -> Case:
    return Case(
        what=what,
        before={"m": M},
        after={"m": edited(M, old, new)},
        make=make,  # type: ignore[arg-type]
        look=look,  # type: ignore[arg-type]
        warned=warned,
    )


STAYS: Final = "finishes on its old frame; calls it makes are new; reported by `who_runs`"

ROWS: Final = (
    Row(
        22,
        "running generator",
        STAYS,
        (Case(before={"m": M}, after={"m": RUNNING}, make=_generator, look=_generator_goes_on),),
    ),
    Row(
        23,
        "coroutine awaiting",
        STAYS,
        (Case(before={"m": M}, after={"m": RUNNING}, make=_coroutine, look=_coroutine_goes_on),),
    ),
    Row(
        27,
        "import cycle a↔b",
        "new",
        (
            Case(
                before={"m": CYCLE_M, "near": CYCLE_NEAR},
                after={"m": edited(CYCLE_M, "RATE = 1", "RATE = 2")},
                make=_nothing,
                look=_cycle,
            ),
            Case(
                what="both files edited",
                before={"m": CYCLE_M, "near": CYCLE_NEAR},
                after={
                    "m": edited(CYCLE_M, "RATE = 1", "RATE = 2"),
                    "near": edited(CYCLE_NEAR, "RATE * 10", "RATE * 100"),
                },
                make=_nothing,
                look=_both_of_cycle,
            ),
        ),
    ),
    Row(
        31,
        "inner function of a changed factory, made before",
        "runs the new body where its free variables allow, else reported",
        (
            _case("def add(x):\n        return x + n", "def add(x):\n        return x * n", _inner, _new_body),
            _case(
                "    def tick(x):\n        return x + n",
                "    ticks = 0\n    def tick(x):\n        return x + n, ticks",
                _inner,
                _old_body,
                what="its free variables do not allow it",
                warned="counter|tick",
            ),
        ),
    ),
)
