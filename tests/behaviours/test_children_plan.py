"""What new specs ask of the children that are there, decided without doing anything."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.behaviours.child_spec import MFA, ChildSpec, Fun, SupFlags, check_spec
from otpy.behaviours.children_plan import ChildrenPlan, children_plan


def spec(ident: str, *args: Any, name: str | None = None, **fields: Any) -> ChildSpec:
    """Return a checked spec that starts by name."""
    start = MFA("m", "f", args, {} if name is None else {"name": name})
    found = check_spec(ChildSpec(ident, start, **fields))
    assert isinstance(found, ChildSpec)
    return found


def ids(specs: tuple[ChildSpec, ...]) -> list[Any]:
    """Return their ids."""
    return [each.id for each in specs]


def test_each_child_has_its_fate() -> None:
    """Added in their new order, removed and replaced ones in their old one."""
    old = [spec("stays"), spec("gone 1"), spec("other start", 1), spec("other rules"), spec("gone 2")]
    new = [spec("new 1"), spec("other rules", shutdown=1.0), spec("stays"), spec("other start", 2), spec("new 2")]
    plan = children_plan(old, new, flags=(SupFlags(), SupFlags(intensity=9)))
    assert ids(plan.added) == ["new 1", "new 2"]
    assert ids(plan.removed) == ["gone 1", "gone 2"]
    assert [(change.new.id, change.fields) for change in plan.changed] == [("other rules", ("shutdown",))]
    assert [change.new.id for change in plan.replaced] == ["other start"]
    assert plan.order == ("new 1", "other rules", "stays", "other start", "new 2")
    assert plan.reordered
    assert plan.flags == {"intensity": (1, 9)}
    assert not plan.irreversible


def test_nothing_changes_by_itself() -> None:
    """The same list again is no reason to touch anybody."""
    plan = children_plan([spec("a", 1)], [spec("a", 1)], flags=(SupFlags(), SupFlags()))
    assert not plan
    assert str(plan) == "nothing changes"


def test_a_child_that_does_not_run_is_not_replaced() -> None:
    """Its new start is just what it will be started with."""
    plan = children_plan([spec("a", 1)], [spec("a", 2)], idle=["a"])
    assert (plan.replaced, [change.new.id for change in plan.changed]) == ((), ["a"])


class Startable:
    """Has a start function with a name to give."""

    @classmethod
    def start_link(cls, *, name: str) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("old", "new", "names", "irreversible"),
    [
        ([spec("a", 1, name="n")], [spec("a", 2, name="n")], {}, {"a"}),
        ([spec("a", 1, name="n")], [spec("a", 2, name="other")], {}, set()),
        ([spec("a", 1, name="n")], [spec("b", 1, name="n")], {}, {"b"}),
        ([spec("a", 1)], [spec("a", 2, name="n")], {"a": ["n"]}, {"a"}),
        ([spec("a", 1, name="n"), spec("b", 1)], [spec("a", 1, name="n"), spec("b", 2)], {}, set()),
        (
            [ChildSpec("a", Fun(partial(Startable.start_link, name="n")))],
            [ChildSpec("a", Fun(partial(Startable.start_link, name="n"), (1,)))],
            {},
            {"a"},
        ),
    ],
)
def test_who_needs_a_name_that_somebody_leaves_with_is_started_last(
    old: list[ChildSpec], new: list[ChildSpec], names: dict[str, list[str]], irreversible: set[str]
) -> None:
    """A name belongs to one process at a time, and a dead one cannot be brought back."""
    plan = children_plan(old, new, names=names)
    assert plan.irreversible.keys() == irreversible
    assert all("name 'n'" in why for why in plan.irreversible.values())


def test_it_reads_like_a_plan() -> None:
    """For `otpy plan`, which shows it under the supervisor."""
    old = [spec("gone"), spec("other", 1, name="n"), spec("rules"), spec("z")]
    new = [spec("z"), spec("new"), spec("other", 2, name="n"), spec("rules", restart="transient")]
    assert str(children_plan(old, new, flags=(SupFlags(), SupFlags("rest_for_one")))).splitlines() == [
        "+ new",
        "- gone",
        (
            "-/+ other: start changes (irreversible, done last: it registers the name 'n', which 'other' has until it "
            "has ended)"
        ),
        "~ rules: restart",
        "~ strategy: 'one_for_one' → 'rest_for_one'",
        "~ order: z, new, other, rules",
    ]


_SPECS = st.lists(st.sampled_from("abcdef"), unique=True).flatmap(
    lambda names: st.tuples(
        *(st.builds(spec, st.just(n), st.integers(0, 1), shutdown=st.integers(1, 2)) for n in names)
    )
)


@given(_SPECS, _SPECS)
def test_it_leads_from_the_old_list_to_the_new(old: tuple[ChildSpec, ...], new: tuple[ChildSpec, ...]) -> None:
    """Whatever the lists: who was there and is not removed, with what is put in place, is the new list."""
    plan = children_plan(old, new)
    children = {each.id: each for each in old if each not in plan.removed}
    children |= {change.new.id: change.new for change in (*plan.changed, *plan.replaced)}
    children |= {each.id: each for each in plan.added}
    assert [children[ident] for ident in plan.order] == list(new)
    assert bool(plan) is (old != new)
    assert isinstance(plan, ChildrenPlan)
