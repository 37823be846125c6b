"""What a living process can become, and what is refused; whom an unchanged module leaves alone."""

from __future__ import annotations

import pytest

import otpy
from otpy import upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import BROKEN, V1, V2, source

PLAIN = source("""
    import otpy

    class Plain(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (PLAIN.replace("def init", 'runs_on = "asyncio"\n\n    def init'), "cannot; end it first"),
        (PLAIN.replace("otpy.GenServer", "otpy.Actor"), "an otpy.Actor in the new version and was a GenServer"),
        (PLAIN.replace("otpy.GenServer", "otpy.Supervisor"), "a supervisor in the new version"),
        (PLAIN.replace("otpy.GenServer", "object"), "no behaviour in the new version"),
        (
            PLAIN.replace("class Plain(otpy.GenServer):", 'class Plain(otpy.GenServer):\n    __slots__ = ("x",)'),
            "layout",
        ),
        (PLAIN.replace("class Plain", "class Other"), "does not define any more"),
    ],
)
@inside
def test_what_a_living_process_cannot_become_is_refused(module: Make, new: str, message: str) -> None:
    """With what to do, and all as before."""
    made = module("m_plain", PLAIN)
    pid = made.Plain.start(1)
    namespace = dict(vars(made))
    with pytest.raises(otpy.IncompatibleUpgrade, match=message):
        upgrade.reload_module("m_plain", new)
    assert dict(vars(made)) == namespace
    assert otpy.call(pid, "state") == 1


@inside
def test_a_process_stays_on_its_scheduler_when_its_class_goes_to_threads(module: Make) -> None:
    """It works on; the operator is told, and who is started from now on has a thread."""
    made = module("m_plain", PLAIN)
    pid = made.Plain.start(1)
    report = upgrade.reload_module("m_plain", PLAIN.replace("def init", 'runs_on = "thread"\n\n    def init'))
    assert any("stay where they are" in warning for warning in report.warnings)
    assert otpy.call(pid, "state") == 1


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("runs_on", ["scheduler", "thread", "asyncio"])
@pytest.mark.parametrize(
    "leave", ['otpy.ExitProcess("no")', "SystemExit(3)", "asyncio.CancelledError", "GeneratorExit", "BaseException"]
)
@inside
def test_whatever_code_change_raises_refuses(module: Make, leave: str, runs_on: str, *, rehearse: bool) -> None:
    """Also what would end the process elsewhere."""
    where = f"class Counter(otpy.GenServer):\n    runs_on = {runs_on!r}\n"
    first, broken = (text.replace("class Counter(otpy.GenServer):\n", where) for text in (V1, BROKEN))
    broken = "import asyncio\n" + broken.replace('raise ValueError("cannot read that")', f"raise {leave}")
    pid = module("m_counter", first).Counter.start(1)
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module("m_counter", broken, rehearse=rehearse)
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_a_state_that_can_be_awaited_is_not(module: Make) -> None:
    """A future in place of a state is a state as any other."""
    waiting = source("""
        import otpy

        class Later:
            def __await__(self):
                raise AssertionError("nobody may await this")

        class Holder(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok(Later())

            def handle_call(self, request, from_, state):
                return otpy.Reply(type(state).__name__, state)
    """)
    pid = module("m_waiting", waiting).Holder.start()
    upgrade.reload_module("m_waiting", waiting + "\nX = 1\n")
    upgrade.rollback_module("m_waiting")
    assert otpy.call(pid, "what") == "Later"


@inside
def test_an_awaitable_from_a_server_that_does_not_await_is_a_bad_return(module: Make) -> None:
    """Nobody would ever settle it."""
    pid = module("m_counter", V1).Counter.start(1)
    later = V2.replace("        match old_vsn:", "        return Later()\n        match old_vsn:")
    with pytest.raises(otpy.MigrationFailed, match="none of its results"):
        upgrade.reload_module("m_counter", later + "\nclass Later:\n    def __await__(self):\n        yield\n")
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_an_unchanged_module_costs_nothing(module: Make) -> None:
    """Nobody is suspended for the same text, nor for another comment; what shares the transaction goes on as ever."""
    one, two = module("m_one", V1), module("m_two", PLAIN)
    first, second = one.Counter.start(1), two.Plain.start(2)
    namespace = dict(vars(two))
    assert upgrade.reload_module("m_two", PLAIN).affected_processes == ()
    assert upgrade.reload_module("m_two", f"# the plain one\n{PLAIN}").affected_processes == ()
    report = upgrade.reload_modules({"m_one": V2, "m_two": PLAIN})
    assert report.affected_processes == (first,)
    assert [otpy.call(pid, "n") for pid in (first, second)] == [("v2", 1), 2]
    assert vars(two)["Plain"] is namespace["Plain"]


@inside
def test_a_module_with_the_same_text_follows_what_it_imports(module: Make) -> None:
    """A constant made of an imported one is made anew, in whatever order the two are given."""
    module("m_rates", "RATE = 2\n")
    prices = "from m_rates import RATE\nPRICE = 10 * RATE\n"
    made = module("m_prices", prices)
    upgrade.reload_modules({"m_prices": prices, "m_rates": "RATE = 3\n"})
    assert made.PRICE == 30


@inside
def test_a_class_derived_elsewhere_goes_back_with_its_base(module: Make) -> None:
    """Its code_change is the one of the base that goes back, and is told so."""
    module("m_counter", V1)
    derived = module("m_derived", "from m_counter import Counter\n\nclass Loud(Counter):\n    pass\n")
    pid = derived.Loud.start(1)
    upgrade.reload_module("m_counter", V2)
    assert otpy.call(pid, "n") == ("v2", 1)
    upgrade.rollback_module("m_counter")
    assert otpy.call(pid, "n") == ("v1", 1)


@inside
def test_a_value_with_code_of_its_own_among_the_globals_of_others(module: Make) -> None:
    """Proxies may raise what they like when they are asked where they are from."""
    module(
        "m_proxy",
        source("""
            class Proxy:
                def __getattribute__(self, name):
                    raise RuntimeError("no request is under way")

            request = Proxy()
        """),
    )
    module("m_rates", "RATE = 2\n")
    assert upgrade.reload_module("m_rates", "RATE = 3\n").status == "completed"
