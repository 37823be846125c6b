"""Erlang's terms in JSON, and what otpy has for them."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from tests.oracle.forms import Form, Raised, Writer, to_reason, to_seconds, to_value

REASONS = [
    ("normal", otpy.Normal()),
    ("shutdown", otpy.Shutdown()),
    (["shutdown", "x"], otpy.Shutdown("x")),
    (["shutdown", ["because", 1]], otpy.Shutdown(("because", 1))),
    ("killed", otpy.Killed()),
    ("kill", otpy.Kill()),
    ("noproc", otpy.NoProc()),
    ("boom", "boom"),
    (["boom", 1, True], ("boom", 1, True)),
    (["shutdown", "x", "y"], ("shutdown", "x", "y")),
    ({"a": ["b", "c"]}, {"a": ("b", "c")}),
    (["$list"], []),
    (["$list", "a", ["b"]], ["a", ("b",)]),
]


@pytest.mark.parametrize(("form", "reason"), REASONS)
def test_a_reason_is_read_and_written_alike(form: Form, reason: Any) -> None:
    """What a script ends with has to be found in the log under the same words."""
    assert to_reason(form) == reason
    assert type(to_reason(form)) is type(reason)
    assert Writer().form(reason) == form


def test_a_value_keeps_its_words() -> None:
    """Only as a reason does "normal" mean something."""
    assert to_value("normal") == "normal"
    assert to_value(["shutdown", "x"]) == ("shutdown", "x")


@pytest.mark.parametrize(
    ("error", "form"),
    [
        (Raised("boom"), ["boom", "$stack"]),
        (Raised(("a", 1)), [["a", 1], "$stack"]),
        (otpy.NoProcess("s"), ["noproc", "$call"]),
        (otpy.CallTimeout("s", 0.03), ["timeout", "$call"]),
        (otpy.CallingSelf("s"), ["calling_self", "$call"]),
        (otpy.ServerExited("boom"), ["boom", "$call"]),
        (otpy.ServerExited(otpy.Normal()), ["normal", "$call"]),
    ],
)
def test_a_crash_is_what_erlang_says_of_it(error: Exception, form: Form) -> None:
    """An error goes with its stack, a failed call with the call."""
    assert Writer().form(otpy.Crash(error)) == form


def test_a_failed_call_can_be_a_shutdown() -> None:
    """`{shutdown, {gen_server, call, …}}`: the detail of the shutdown is the call itself."""
    assert Writer().form(otpy.Shutdown(otpy.ServerExited(otpy.Shutdown()))) == ["shutdown", "$call"]


def test_an_error_that_no_script_raises_can_be_read() -> None:
    """A bug shows up as a difference, and says what it is."""
    assert Writer().form(otpy.Crash(KeyError("x"))) == ["KeyError: 'x'", "$stack"]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("junk", "junk"),
        (otpy.Reply(5, ["m1"]), ["reply", 5, ["$list", "m1"]]),
        (otpy.Reply(5, [], otpy.After(0.03)), ["reply", 5, ["$list"], 30]),
        (otpy.NoReply([], otpy.Hibernate()), ["noreply", ["$list"], "hibernate"]),
        (otpy.NoReply([], otpy.Continue("c")), ["noreply", ["$list"], ["continue", "c"]]),
        (otpy.Stop(otpy.Normal(), []), ["stop", "normal", ["$list"]]),
        (otpy.Stop("r", [], 5), ["stop", "r", 5, ["$list"]]),
        (otpy.Ok([]), ["ok", ["$list"]]),
        (otpy.Ignore(), "ignore"),
    ],
)
def test_a_result_in_the_wrong_place_is_a_bad_return_value(value: Any, form: Form) -> None:
    """A reply from handle_cast is junk there, and the reason shows the tuple that Erlang has for it."""
    assert Writer().form(otpy.BadReturn("handle_cast", value)) == ["bad_return_value", form]


@pytest.mark.parametrize(
    ("error", "form"),
    [
        (otpy.BadChildSpec(("invalid_shutdown", -10)), ["start_spec", ["invalid_shutdown", -10]]),
        (otpy.BadChildSpec(("missing_id",)), ["start_spec", "missing_id"]),
        (otpy.BadChildSpec(("bad_start_spec", [])), ["bad_start_spec", "$specs"]),
        (otpy.BadSupFlags(("invalid_period", 0)), ["supervisor_data", ["invalid_period", 0]]),
        (
            otpy.Shutdown(otpy.supervisor.FailedToStartChild("b", otpy.Crash(Raised("oops")))),
            ["shutdown", ["failed_to_start_child", "b", ["oops", "$stack"]]],
        ),
    ],
)
def test_why_a_supervisor_did_not_start(error: Any, form: Form) -> None:
    """OTP's words for it, around the refusal or the failure itself."""
    assert Writer().form(error) == form


def test_milliseconds_are_read_as_seconds() -> None:
    """Times are seconds in otpy, and None waits for ever."""
    assert to_seconds(30) == 0.03
    assert to_seconds("infinity") is None
