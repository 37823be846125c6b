"""Rows of names: what other modules imported and derived, what was captured, and the state that modules keep."""

from __future__ import annotations

from typing import Final

from tests.matrix.row import Case, Modules, Row, Things, edited, text

PRICES: Final = text("""
    import functools

    RATE = 2

    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            CALLS.append(function.__name__)
            return function(*args, **kwargs)
        return wrapper

    CALLS = []
    HANDLERS = {}

    def handles(name):
        def register(function):
            HANDLERS[name] = function
            return function
        return register

    def price(n):
        return n

    @traced
    def tax(n):
        return n

    @handles("toll")
    def toll(n):
        return n

    cache = {}

    def looked_up(n):
        return cache.get(n, "old")
""")
NEAR: Final = text("""
    from m import RATE, price

    DOUBLE = RATE * 2

    def quote(n):
        return price(n), RATE
""")
FAR: Final = text("""
    from near import DOUBLE

    LABEL = f"twice is {DOUBLE}"

    def shown():
        return LABEL
""")
NEW_PRICE: Final = edited(PRICES, "def price(n):\n    return n\n", "def price(n):\n    return n * 10\n")


def _make(modules: Modules) -> Things:
    m = modules.m
    m.cache[1] = "kept"
    return {
        "price": m.price,
        "tax": m.tax,
        "toll": m.toll,
        "handlers": m.HANDLERS,
        "calls": m.CALLS,
        "cache": m.cache,
    }


def _function(modules: Modules, things: Things) -> None:
    assert modules.near.quote(1) == (10, 2)
    assert modules.near.price(1) == things["price"](1) == modules.m.price(1) == 10
    assert modules.near.price is modules.m.price


def _function_with_default(modules: Modules, things: Things) -> None:
    assert modules.near.quote(1) == (11, 2)
    assert modules.near.price(1, more=2) == things["price"](1, more=2) == 3
    assert modules.near.price is modules.m.price


def _constant(modules: Modules, things: Things) -> None:
    assert modules.near.RATE == 3
    assert modules.near.quote(1) == (1, 3)


def _two_steps(modules: Modules, things: Things) -> None:
    assert (modules.near.DOUBLE, modules.far.DOUBLE) == (6, 6)
    assert modules.far.LABEL == modules.far.shown() == "twice is 6"


def _captured(modules: Modules, things: Things) -> None:
    assert things["tax"](1) == modules.m.tax(1) == 10
    assert things["calls"] is modules.m.CALLS
    assert things["calls"][-2:] == ["tax", "tax"]


def _registered(modules: Modules, things: Things) -> None:
    assert things["toll"](1) == things["handlers"]["toll"](1) == modules.m.toll(1) == 10
    assert things["handlers"] is modules.m.HANDLERS
    assert list(things["handlers"]) == ["toll"]


def _cache_kept(modules: Modules, things: Things) -> None:
    assert modules.m.cache is things["cache"]
    assert modules.m.cache == {1: "kept"}
    assert modules.m.looked_up(1) == "kept"


def _cache_beside_body(modules: Modules, things: Things) -> None:
    _cache_kept(modules, things)
    assert modules.m.looked_up(2) == "new"


def _cache_beside_constant(modules: Modules, things: Things) -> None:
    _cache_kept(modules, things)
    assert modules.m.RATE == 3


def _case(after: str, look: object, what: str = "") -> Case:
    return Case(
        what=what,
        before={"m": PRICES, "near": NEAR, "far": FAR},
        after={"m": after},
        make=_make,
        look=look,  # type: ignore[arg-type]
    )


def _body(name: str) -> str:
    return edited(PRICES, f"def {name}(n):\n    return n\n", f"def {name}(n):\n    return n * 10\n")


ROWS: Final = (
    Row(
        7,
        "from-imported function",
        "new everywhere",
        (
            _case(NEW_PRICE, _function),
            _case(
                edited(PRICES, "def price(n):\n    return n\n", "def price(n, more=10):\n    return n + more\n"),
                _function_with_default,
                "its signature",
            ),
        ),
    ),
    Row(8, "from-imported constant", "new everywhere", (_case(edited(PRICES, "RATE = 2", "RATE = 3"), _constant),)),
    Row(
        15,
        "decorated function, reference captured before",
        "captured reference runs the new body",
        (_case(_body("tax"), _captured), _case(_body("toll"), _registered, "by a decorator that registers")),
    ),
    Row(
        16,
        "module state `cache = {}` beside an edited body",
        "kept",
        (_case(edited(PRICES, '"old"', '"new"'), _cache_beside_body),),
    ),
    Row(
        17,
        "module state `cache = {}` beside an edited constant",
        "kept",
        (_case(edited(PRICES, "RATE = 2", "RATE = 3"), _cache_beside_constant),),
    ),
    Row(
        26,
        "module deriving a value from a from-imported constant, two steps away",
        "new everywhere",
        (_case(edited(PRICES, "RATE = 2", "RATE = 3"), _two_steps),),
    ),
)
