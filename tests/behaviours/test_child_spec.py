"""What supervisors accept as flags and child specs, in which words they refuse, and how two lists of specs differ."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.behaviours.child_spec import (
    MFA,
    ChildSpec,
    Fun,
    SpecDiff,
    SupFlags,
    check_flags,
    check_spec,
    check_specs,
    diff,
    diff_flags,
    forget_args,
)
from otpy.behaviours.gen_server import GenServer
from otpy.errors import BadChildSpec, BadSupFlags

START = MFA("shop.log", "Logger.start_link", ("x",))


def spec(**changed: Any) -> ChildSpec:
    """Return a good spec but for what is *changed*."""
    fields: dict[str, Any] = {"id": "a", "start": START, **changed}
    return ChildSpec(**fields)


def never_called() -> None:
    """Stand for a start function."""
    raise AssertionError


# -- flags -----------------------------------------------------------------------------------------


def test_flags_have_the_defaults_of_otp() -> None:
    """A supervisor that says nothing is one_for_one and allows one restart in five seconds."""
    assert check_flags({}) == SupFlags("one_for_one", 1, 5.0, "never")


# case: supervisor_SUITE: sup_flags
def test_unknown_flags_are_ignored() -> None:
    """As in OTP, a map of flags may hold more than a supervisor knows."""
    assert check_flags({"intensity": 3, "color": "red"}) == SupFlags(intensity=3)


# case: supervisor_SUITE: sup_flags
@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("one_for_one", 2), ("invalid_type", ("one_for_one", 2))),
        (None, ("invalid_type", None)),
        ({"strategy": "one_for_none", "intensity": -1}, ("invalid_strategy", "one_for_none")),
        ({"intensity": -1, "period": 0}, ("invalid_intensity", -1)),
        ({"intensity": "infinity"}, ("invalid_intensity", "infinity")),
        ({"intensity": True}, ("invalid_intensity", True)),
        ({"intensity": 1.5}, ("invalid_intensity", 1.5)),
        ({"period": 0}, ("invalid_period", 0)),
        ({"period": math.inf}, ("invalid_period", math.inf)),
        ({"period": "infinity"}, ("invalid_period", "infinity")),
        ({"auto_shutdown": "sometimes"}, ("invalid_auto_shutdown", "sometimes")),
        ({"strategy": ["one_for_one"]}, ("invalid_strategy", ["one_for_one"])),
    ],
)
def test_bad_flags_are_refused_in_otps_words_and_order(flags: object, reason: object) -> None:
    """The first bad flag counts, and the message says what was given."""
    refusal = check_flags(flags)
    assert isinstance(refusal, BadSupFlags)
    assert refusal.reason == reason
    assert "give" in str(refusal)


# -- specs -----------------------------------------------------------------------------------------


# case: supervisor_SUITE: sup_start_map
@pytest.mark.parametrize(
    ("given", "shutdown"),
    [(spec(), 5.0), (spec(type="supervisor"), "infinity"), (spec(type="supervisor", shutdown=1.5), 1.5)],
)
def test_the_default_of_shutdown_depends_on_the_type(given: ChildSpec, shutdown: object) -> None:
    """A supervisor needs the time that its children need."""
    checked = check_spec(given)
    assert isinstance(checked, ChildSpec)
    assert checked.shutdown == shutdown
    assert checked.modules == ("shop.log",)


@pytest.mark.parametrize("shutdown", [0, 0.5, 7, "brutal_kill", "infinity"])
def test_shutdown_is_seconds_or_one_of_two_words(shutdown: Any) -> None:
    """Nothing is a time, too."""
    assert isinstance(check_spec(spec(shutdown=shutdown)), ChildSpec)


# case: supervisor_SUITE: child_specs
# case: supervisor_SUITE: child_specs_map
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("hej", ("invalid_child_spec", "hej")),
        (int, ("invalid_child_spec", int)),
        ({}, ("missing_id",)),
        ({"id": "a"}, ("missing_start",)),
        ({"start": START}, ("missing_id",)),
        (spec(id=[]), ("invalid_id", [])),
        (spec(start="bad_mfa"), ("invalid_mfa", "bad_mfa")),
        (spec(start=("m", "f")), ("invalid_mfa", ("m", "f"))),
        (spec(start=MFA("m", "f", "ab")), ("invalid_mfa", MFA("m", "f", "ab"))),
        (spec(start="x", restart="bar"), ("invalid_mfa", "x")),
        (spec(start=int), ("invalid_mfa", int)),
        (spec(restart="prmanent", significant="maybe"), ("invalid_restart_type", "prmanent")),
        (spec(significant="maybe", type="robot"), ("invalid_significant", "maybe")),
        (spec(significant=1), ("invalid_significant", 1)),
        (spec(significant=True), ("bad_combination", [("restart", "permanent"), ("significant", True)])),
        (spec(type="robot", shutdown="x"), ("invalid_child_type", "robot")),
        (spec(shutdown=-10, modules="dy"), ("invalid_shutdown", -10)),
        (spec(shutdown=math.inf), ("invalid_shutdown", math.inf)),
        (spec(shutdown=None), ("invalid_shutdown", None)),
        (spec(shutdown=True), ("invalid_shutdown", True)),
        (spec(modules="dy"), ("invalid_modules", "dy")),
        (spec(modules=["m", 1]), ("invalid_module", 1)),
    ],
)
def test_bad_specs_are_refused_in_otps_words_and_order(given: object, reason: object) -> None:
    """The first fault counts, in the order in which OTP looks."""
    refusal = check_spec(given)
    assert isinstance(refusal, BadChildSpec)
    assert refusal.reason == reason


def test_the_message_says_which_child_what_was_given_and_what_is_accepted() -> None:
    """Whoever reads it can act."""
    assert str(check_spec(spec(shutdown=-10))) == (
        'child \'a\': shutdown is -10; give seconds (0 or more), "brutal_kill" or "infinity"'
    )


# case: supervisor_SUITE: child_specs_map
def test_a_significant_child_needs_a_supervisor_that_looks() -> None:
    """Under auto_shutdown "never" it is refused; where the mode is not known, it is not."""
    significant = spec(significant=True, restart="transient")
    refusal = check_spec(significant, "never")
    assert isinstance(refusal, BadChildSpec)
    assert refusal.reason == ("bad_combination", [("auto_shutdown", "never"), ("significant", True)])
    assert isinstance(check_spec(significant, "any_significant"), ChildSpec)
    assert isinstance(check_spec(significant), ChildSpec)


# case: supervisor_SUITE: child_specs
def test_ids_must_differ() -> None:
    """The id is how a child is addressed."""
    refusal = check_specs([spec(), spec(id="b"), spec()])
    assert isinstance(refusal, BadChildSpec)
    assert refusal.reason == ("duplicate_child_name", "a")


# case: supervisor_SUITE: child_specs
@pytest.mark.parametrize("junk", ["ab", {"id": "a"}, 7, None])
def test_specs_are_a_list(junk: object) -> None:
    """A single spec, forgotten to be put in a list, is no list either."""
    refusal = check_specs(junk)
    assert isinstance(refusal, BadChildSpec)
    assert refusal.reason == ("bad_start_spec", junk)


class Server(GenServer[None]):
    """A behaviour to make specs of."""


def test_a_behaviour_class_stands_for_its_child_spec() -> None:
    """`[Counter]` is a list of children, as in Elixir."""
    checked = check_spec(Server)
    assert isinstance(checked, ChildSpec)
    assert checked.id == "Server"
    assert checked.start == MFA(__name__, "Server.start_link", (None,))


def test_a_start_may_be_given_by_reference() -> None:
    """A function, a class, or one of the two tuples; the default of modules is theirs."""
    starts = [never_called, Server, (never_called, [1]), ("m", "f", [1]), lambda: None]
    checked = check_specs([spec(id=number, start=start) for number, start in enumerate(starts)])
    assert isinstance(checked, list)
    found = [each.start for each in checked]
    assert found[:4] == [Fun(never_called), Fun(Server.start_link), Fun(never_called, (1,)), MFA("m", "f", (1,))]
    assert [each.modules for each in checked] == [(__name__,), (__name__,), (__name__,), ("m",), (__name__,)]


def test_checking_a_checked_spec_changes_nothing() -> None:
    """What get_childspec returns can be given to start_child."""
    once = check_spec(spec(modules=["m"], start=MFA("m", "f", [1, 2])))
    assert check_spec(once) == once


def test_arguments_can_be_forgotten() -> None:
    """Those of a temporary child are never used again, and may be large."""
    assert forget_args(spec(start=MFA("m", "f", (1,), {"x": 2}))).start == MFA("m", "f")
    assert forget_args(spec(start=Fun(never_called, (1,)))).start == Fun(never_called)
    assert forget_args(spec(start=MFA("m", "f"))) == spec(start=MFA("m", "f"))


# -- differences -----------------------------------------------------------------------------------

OLD = [spec(id="a"), spec(id="b"), spec(id="c")]


def test_what_was_added_and_removed() -> None:
    """Children are told apart by their ids."""
    found = diff(OLD, [spec(id="a"), spec(id="d"), spec(id="c")])
    assert found == SpecDiff(added=(spec(id="d"),), removed=(spec(id="b"),))


def test_a_changed_start_is_told_from_changed_rules() -> None:
    """New rules are put in place under a running child; a new start needs more."""
    found = diff(OLD, [spec(id="a", shutdown=1.0), spec(id="b", start=MFA("m", "f")), spec(id="c")])
    assert [(change.new.id, change.fields, change.start_changed) for change in found.changed] == [
        ("a", ("shutdown",), False),
        ("b", ("start",), True),
    ]
    assert not found.reordered


def test_another_order_of_those_that_stay() -> None:
    """An added or removed child does not reorder the others."""
    assert diff(OLD, [spec(id="b"), spec(id="a"), spec(id="c")]).reordered
    assert not diff(OLD, [spec(id="x"), spec(id="a"), spec(id="c")]).reordered


def test_a_function_with_the_same_name_is_the_same_function() -> None:
    """After a reload the new list refers to a new object: that alone is no change."""
    source = "def start(): ...\n"
    old: dict[str, Any] = {"__name__": "m"}
    new: dict[str, Any] = {"__name__": "m"}
    exec(source, old)  # noqa: S102 - what a reload does
    exec(source, new)  # noqa: S102 - what a reload does
    assert not diff([spec(start=Fun(old["start"]))], [spec(start=Fun(new["start"]))])
    assert diff([spec(start=Fun(old["start"]))], [spec(start=Fun(new["start"], (1,)))])


def _closed_over(value: object) -> Any:
    return lambda: value


def _with_default(value: object) -> Any:
    def default(*, given: object = value) -> object:
        return given

    return default


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        (lambda: 1, lambda: 1, True),
        (lambda: 1, lambda: 2, False),
        (lambda: [x for x in "ab"], lambda: [x for x in "ab"], True),  # noqa: C416 - code inside the code
        (lambda: [x for x in "ab"], lambda: [x for x in "ac"], False),  # noqa: C416 - code inside the code
        (_with_default(1), _with_default(2), False),
        (_closed_over(1), _closed_over(1), True),
        (_closed_over(1), _closed_over(2), False),
        (partial(dict, a=1), partial(dict, a=1), True),
        (partial(dict, a=1), partial(dict, a=2), False),
        (partial(_closed_over(1)), partial(_closed_over(1)), True),
        (partial(dict), dict, False),
    ],
    ids=str,
)
def test_a_function_without_a_name_is_the_same_if_it_does_the_same(was: Any, now: Any, same: bool) -> None:
    """`init` makes its lambdas anew each time it runs: that alone must not cost a child its life."""
    assert bool(diff([spec(start=Fun(was))], [spec(start=Fun(now))])) is not same


class _Incomparable:
    def __eq__(self, other: object) -> bool:
        raise AttributeError("version 1 has no such field")

    __hash__ = None  # type: ignore[assignment]


def test_arguments_that_cannot_be_compared_are_different() -> None:
    """Such as instances of two versions of a class, whose __eq__ looks for fields that one of them lacks."""
    old, new = (spec(start=MFA("m", "f", (_Incomparable(),))) for _ in range(2))
    assert diff([old], [new]).changed[0].start_changed


def test_the_forgotten_arguments_of_a_temporary_child_are_no_change() -> None:
    """It is never started again, so they were let go of when it was."""
    full = spec(start=MFA("m", "f", (1,)), restart="temporary")
    assert not diff([forget_args(full)], [full])
    assert diff([forget_args(full)], [spec(start=MFA("m", "g", (1,)), restart="temporary")])


def test_flags_that_differ() -> None:
    """Each with its old and new value."""
    found = diff_flags(SupFlags(), SupFlags("one_for_all", 1, 9.0))
    assert found == {"strategy": ("one_for_one", "one_for_all"), "period": (5.0, 9.0)}
    assert diff_flags(SupFlags(), SupFlags()) == {}


_ids = st.lists(st.sampled_from("abcdefg"), unique=True)
_specs = _ids.flatmap(
    lambda ids: st.tuples(*(st.builds(spec, id=st.just(name), shutdown=st.sampled_from([1, 2])) for name in ids))
)


@given(_specs, _specs)
def test_the_difference_leads_from_the_old_list_to_the_new(
    old: tuple[ChildSpec, ...], new: tuple[ChildSpec, ...]
) -> None:
    """Taking away, putting in place and adding gives the children of the new list; nothing is left out."""
    found = diff(old, new)
    children = {each.id: each for each in old}
    for each in found.removed:
        del children[each.id]
    for change in found.changed:
        assert children[change.old.id] == change.old
        children[change.new.id] = change.new
    for each in found.added:
        assert each.id not in children
        children[each.id] = each
    assert children == {each.id: each for each in new}
    assert bool(found) == (old != new)
