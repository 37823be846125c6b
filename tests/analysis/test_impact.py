"""What a change touches: dependents, processes, supervisors, its risk and the pause that it costs."""

from __future__ import annotations

import json

import msgspec
import pytest

from otpy.analysis.graph import DependencyGraph
from otpy.analysis.impact import Impact, change_type, impact_of
from otpy.analysis.pauses import PauseKind, PauseRecord, expected_pause, pause_kind
from otpy.analysis.processes import BehaviourFacts, ProcessFacts, World
from otpy.analysis.risk import RISK_LEVELS, RiskLevel
from otpy.code.verdicts import DefinitionChange, Verdict, verdicts
from otpy.code.version import read_version
from otpy.errors import MissingDependency

STOCK = (
    "import otpy\nTAX = 1\nclass Stock(otpy.GenServer[int]):\n    def handle_call(self, r, f, s):\n        return 1\n"
)
TEXTS = {
    "stock": STOCK,
    "cart": "import otpy\nfrom stock import TAX\nclass Cart(otpy.GenServer[int]):\n    tax = TAX\n"
    "    def handle_call(self, r, f, s):\n        return otpy.call('stock', 1)\n",
    "web": "import cart",
    "sup": "import otpy\nfrom cart import Cart\nclass Sup(otpy.Supervisor): ...",
    "alone": "X = 1",
}
SUP = ProcessFacts(1, BehaviourFacts("sup", "Sup", kind="supervisor"), "sup")
STOCKS = ProcessFacts(2, BehaviourFacts("stock", "Stock"), "stock", supervisor=1, child="stock")
CARTS = [ProcessFacts(n, BehaviourFacts("cart", "Cart"), supervisor=1, child=f"cart-{n}") for n in (3, 4)]
ALONE = ProcessFacts(5, BehaviourFacts("elsewhere", "Other"))
WORLD = World((SUP, STOCKS, *CARTS, ALONE), 9)


def change(verdict: Verdict, name: str = "f", module: str = "stock") -> DefinitionChange:
    """Return a verdict on a definition."""
    return DefinitionChange(module, name, verdict, 3)


def impact(*changes: DefinitionChange, modules: tuple[str, ...] = ("stock",)) -> Impact:
    """Return the impact of *changes* on the shop."""
    return impact_of(modules, changes, graph=DependencyGraph.of(TEXTS), world=WORLD)


def test_dependents_are_told_apart_by_how_near_they_are() -> None:
    """The near ones have the name in their text."""
    found = impact(change("value", "TAX"))
    assert found.changed_module == "stock"
    assert found.direct_dependents == ("cart",)
    assert found.indirect_dependents == ("sup", "web")
    assert found.reload_order == ("stock", "cart", "sup", "web")


def test_processes_and_supervisors_are_found_by_their_classes() -> None:
    """Also those without a supervisor; others are left alone."""
    found = impact(change("value", "TAX"))
    assert found.affected_processes == (SUP, STOCKS, *CARTS)
    assert found.affected_supervisors == (SUP,)
    assert found.suspension_levels == ((3, 4), (1, 2))
    assert found.pausing == 4


def test_classes_are_found_by_their_bases_too() -> None:
    """A process whose class is from elsewhere runs the code of a base."""
    derived = ProcessFacts(7, BehaviourFacts("elsewhere", "Derived", ("elsewhere:Derived", "stock:Stock")))
    found = impact_of(["stock"], [change("shape", "Stock")], graph=DependencyGraph.of(TEXTS), world=World((derived,)))
    assert found.affected_processes == (derived,)


def test_new_bodies_pause_nobody() -> None:
    """Code objects are exchanged under them."""
    found = impact(change("body"), change("documented", "g"))
    assert (found.change_type, found.risk_level, found.pausing, found.estimated_downtime_s) == ("body", "low", 0, 0.0)
    assert found.affected_processes == (SUP, STOCKS, *CARTS)


@pytest.mark.parametrize(("name", "held"), [("Sup.init", True), ("Sup.kids", True), ("flags", True), ("other", False)])
def test_new_body_behind_init_holds_the_supervisor_alone(name: str, *, held: bool) -> None:
    """What its init said is kept in its child specs, so it is asked again."""
    sup = (
        "import otpy\nfrom helpers import flags\nclass Sup(otpy.Supervisor):\n"
        "    def init(self, arg):\n        return flags(), self.kids()\n    def kids(self): ...\n"
    )
    graph = DependencyGraph.of({"sup": sup, "helpers": "def flags(): ...\ndef other(): ..."})
    module = "sup" if name.startswith("Sup") else "helpers"
    found = impact_of([module], [change("body", name, module)], graph=graph, world=World((SUP, STOCKS)))
    assert found.suspension_levels == (((1,),) if held else ())
    assert found.pause_kind == ("edit" if held else "nobody")


def test_new_body_of_a_code_change_means_the_states() -> None:
    """Who edits it wants it to run."""
    text = TEXTS["cart"] + "    def code_change(self, old_vsn, state, extra): ...\n"
    graph = DependencyGraph.of({**TEXTS, "cart": text})
    found = impact_of(["cart"], [change("body", "Cart.code_change", "cart")], graph=graph, world=WORLD)
    assert found.suspension_levels == ((3, 4),)
    told = impact_of(["cart"], [change("body", module="cart")], graph=graph, world=WORLD, touched={"stock"})
    assert told.suspension_levels == ((2,),)


def test_a_module_that_stays_the_same_touches_nobody() -> None:
    """Reloading the same text changes nothing."""
    found = impact(change("unchanged"), modules=("stock", "alone"))
    assert (found.change_type, found.risk_level, found.changed_modules, found.affected_processes) == (
        "none",
        "none",
        (),
        (),
    )


def test_what_will_change_may_be_unknown() -> None:
    """`analyze_dependencies("stock")` asks what a change could touch."""
    found = impact_of(["stock"], None, graph=DependencyGraph.of(TEXTS), world=WORLD)
    assert (found.change_type, found.pausing, found.changed_modules) == ("unknown", 4, ("stock",))


def test_the_loader_may_tell_which_modules_are_touched() -> None:
    """It knows which dependents take the same value again."""
    found = impact_of(
        ["stock"], [change("value")], graph=DependencyGraph.of(TEXTS), world=WORLD, touched=frozenset({"stock"})
    )
    assert found.affected_processes == (STOCKS,)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (["body", "documented"], "body"),
        (["body", "added"], "interface"),
        (["signature", "value"], "interface"),
        (["derived"], "value"),
        (["removed", "added"], "removal"),
        (["shape", "removed"], "shape"),
        (["behaviour", "shape"], "behaviour"),
        (["cannot", "behaviour"], "refused"),
        (["documented"], "documentation"),
        ([], "none"),
    ],
)
def test_change_is_called_by_the_gravest_verdict(given: list[Verdict], name: str) -> None:
    """One word for a list."""
    assert change_type([change(verdict) for verdict in given]) == name


@pytest.mark.parametrize(
    ("verdict", "level"),
    [
        ("documented", "none"),
        ("body", "low"),
        ("added", "low"),
        ("attribute", "low"),
        ("signature", "medium"),
        ("derived", "medium"),
        ("removed", "medium"),
        ("shape", "medium"),
        ("behaviour", "high"),
        ("cannot", "high"),
    ],
)
def test_risk_follows_the_verdicts(verdict: Verdict, level: RiskLevel) -> None:
    """As the table in risk.py says."""
    found = impact(change(verdict, "nobody_uses_this"), modules=("stock",))
    assert found.risk_level == level
    assert all(RISK_LEVELS.index(risk.level) <= RISK_LEVELS.index(level) for risk in found.risks)


def test_a_removed_name_that_is_still_used_is_a_high_risk() -> None:
    """With the line of who uses it."""
    found = impact(change("removed", "TAX"))
    assert found.risk_level == "high"
    assert "stock.TAX is removed, but cart still uses it (line 2)" in [risk.reason for risk in found.risks]


def test_rings_supervisors_numbers_and_pauses_are_risks_too() -> None:
    """Each with its reason."""
    crowd = World(tuple(ProcessFacts(n, BehaviourFacts("a", "A")) for n in range(10_001)))
    ring = DependencyGraph.of({"a": "import b", "b": "import a"})
    slow = [PauseRecord("edit", 10_001, 2.0)] * 50
    found = impact_of(["a"], [change("value", module="a")], graph=ring, world=crowd, history=slow)
    reasons = {risk.reason: risk.level for risk in found.risks}
    assert found.rings == (("b", "a"),)
    assert reasons["10001 processes pause"] == "high"
    assert reasons["b ↔ a need each other, and are loaded as one"] == "medium"
    assert any("expected to last" in reason for reason in reasons)
    sup = impact_of(["sup"], [change("attribute", module="sup")], graph=DependencyGraph.of(TEXTS), world=World((SUP,)))
    assert [risk.level for risk in sup.risks if "init is asked again" in risk.reason] == ["medium"]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (["body", "documented"], "nobody"),
        (["body", "attribute"], "edit"),
        (["shape", "body"], "migrate"),
        ([], "nobody"),
    ],
)
def test_what_is_done_with_processes_follows_from_the_verdicts(given: list[Verdict], kind: PauseKind) -> None:
    """It decides how long they pause."""
    assert pause_kind([change(verdict) for verdict in given]) == kind


def test_pause_grows_with_the_number_of_processes_and_is_learnt() -> None:
    """Few records count for little, a slow moment for nothing, and other kinds of upgrades not at all."""
    guess = expected_pause("migrate", 1000)
    assert 0 < expected_pause("migrate", 10) < guess < expected_pause("migrate", 100_000)
    assert expected_pause("nobody", 1000) == expected_pause("migrate", 0) == 0
    twice = [PauseRecord("migrate", 1000, 2 * guess)]
    learnt = [expected_pause("migrate", 1000, twice * n) for n in (0, 1, 3, 30)]
    assert learnt == sorted(learnt)
    assert learnt[0] == guess
    assert learnt[2] == pytest.approx(1.5 * guess)
    assert learnt[3] == pytest.approx(2 * guess, rel=0.1)
    odd = [*(PauseRecord("migrate", 1000, guess) for _ in range(4)), PauseRecord("migrate", 1000, 1000 * guess)]
    assert expected_pause("migrate", 1000, odd) == pytest.approx(guess)
    assert expected_pause("migrate", 1000, [PauseRecord("edit", 1000, 9.0)]) == guess


def test_impact_of_a_real_edit_prints_and_comes_back_from_json() -> None:
    """From two texts to what people read."""
    new = STOCK.replace("TAX = 1", "TAX = 2").replace("return 1", "return 2")
    changes = verdicts(read_version("stock", STOCK), read_version("stock", new))
    found = impact_of(["stock"], changes, graph=DependencyGraph.of({**TEXTS, "stock": new}), world=WORLD)
    text = str(found)
    assert text.splitlines()[0] == "stock: value; risk medium"
    assert "  used by cart" in text
    assert "  and through them by sup, web" in text
    assert "  2 processes of cart.Cart" in text
    assert "  under <1 sup>" in text
    assert "  4 pause, in 2 levels, for about 2.0 ms" in text
    encoded = msgspec.json.encode(found)
    assert msgspec.json.decode(encoded, type=Impact) == found
    assert json.loads(encoded)["risk_level"] == "medium"


def test_a_module_that_the_graph_does_not_have_is_refused() -> None:
    """Its dependents would be missed."""
    with pytest.raises(MissingDependency, match="add it with its new source"):
        impact(change("body", module="nowhere"), modules=("nowhere",))
