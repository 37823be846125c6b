"""How states are converted in an upgrade: steps, code_change, by themselves, kept, made anew, or by a function."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy import upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

SERVER = source("""
    import otpy
    __vsn__ = "{vsn}"

    class Counter(otpy.GenServer[{declared}]):
        def init(self, arg):
            return otpy.Ok({first}, then={then})
        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
        def handle_cast(self, request, state):
            return otpy.NoReply(request)
        def handle_continue(self, arg, state):
            return otpy.NoReply([*state, arg])
""")
CODE_CHANGE = """
    def code_change(self, old_vsn, state, extra):
        return otpy.Ok([*state, ("code_change", old_vsn)])
"""


def server(vsn: str, *more: str, declared: str = "object", first: str = "[arg]", then: str = "None") -> str:
    """Return a version of the module; *more* is appended."""
    return SERVER.format(vsn=vsn, declared=declared, first=first, then=then) + "".join(more)


def step(old: str, new: str, *, extra: bool = False, body: str = "") -> str:
    """Return the source of a step that notes itself in the state."""
    parameters, value = (
        ("state, extra", f"[*state, ({old + new!r}, extra)]") if extra else ("state", f"[*state, {old + new!r}]")
    )
    return (
        f"\n@otpy.migration(Counter, old={old!r}, new={new!r})\n"
        f"def from_{old}_to_{new}({parameters}):\n    return {body or value}\n"
    )


@inside
def test_steps_are_chained(module: Make) -> None:
    """From 1 to 3 by way of 2, although version 2 was never here."""
    pid = module("m_steps", server("1")).Counter.start(0)
    upgrade.reload_module("m_steps", server("3", step("1", "2"), step("2", "3", extra=True)), extra="x")
    assert otpy.call(pid, "state") == [0, "12", ("23", "x")]


@inside
def test_steps_come_before_code_change(module: Make) -> None:
    """What was written for these two versions knows more than what was written for all."""
    pid = module("m_steps", server("1")).Counter.start(0)
    upgrade.reload_module("m_steps", server("2", CODE_CHANGE, step("1", "2")))
    assert otpy.call(pid, "state") == [0, "12"]
    upgrade.reload_module("m_steps", server("3", CODE_CHANGE, step("1", "2")))
    assert otpy.call(pid, "state") == [0, "12", ("code_change", "2")]


@inside
def test_a_step_back_is_a_step(module: Make) -> None:
    """The version that runs has it, and its names are still there when it runs."""
    pid = module("m_steps", server("1")).Counter.start(0)
    upgrade.reload_module("m_steps", server("2", step("1", "2"), step("2", "1")))
    upgrade.rollback_module("m_steps")
    assert otpy.call(pid, "state") == [0, "12", "21"]


@inside
def test_no_step_runs_twice_on_one_state(module: Make) -> None:
    """The version lives with the state: a second upgrade within the same version converts nothing."""
    pid = module("m_steps", server("1")).Counter.start(0)
    second = server("2", step("1", "2"))
    upgrade.reload_module("m_steps", second)
    upgrade.reload_module("m_steps", second + "\nunrelated = 1\n")
    assert otpy.call(pid, "state") == [0, "12"]


@inside
def test_steps_that_lead_elsewhere_are_refused(module: Make) -> None:
    """The state would stay as it is, and nobody would know: the message lists the steps."""
    pid = module("m_steps", server("1")).Counter.start(0)
    with pytest.raises(otpy.MigrationFailed, match=r"'1' to '3'; known steps: '1' → '2' \(from_1_to_2\)"):
        upgrade.reload_module("m_steps", server("3", step("1", "2")))
    assert otpy.call(pid, "state") == [0]


@inside
def test_steps_of_a_version_that_was_taken_back_are_gone(module: Make) -> None:
    """They went with the names of that version."""
    counter: Any = module("m_steps", server("1"))
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module("m_steps", server("2", step("1", "2")), force_rollback_at="commit")
    from otpy.behaviours.migrations.steps import steps_of

    assert steps_of(counter.Counter) == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero; in the migration step from_1_to_2, from '1' to '2'"),
        ("otpy.Ok(state)", "returns the state itself, not Ok"),
    ],
)
def test_a_step_that_fails_leaves_the_very_same_state(module: Make, body: str, words: str) -> None:
    """It worked on a copy."""

    @inside
    def run() -> None:
        pid = module("m_steps", server("1")).Counter.start(0)
        before = otpy.sys.get_state(pid)
        changing = step("1", "2", body=f"state.append(1) or {body}")
        with pytest.raises(otpy.MigrationFailed, match=words):
            upgrade.reload_module("m_steps", server("2", changing))
        assert otpy.sys.get_state(pid) is before
        assert before == [0]

    run()


@inside
def test_preserve_keeps_the_very_same_object(module: Make) -> None:
    """Whatever the new version would do with it: the author says that it fits."""
    pid = module("m_modes", server("1")).Counter.start(0)
    before = otpy.sys.get_state(pid)
    upgrade.reload_module("m_modes", server("2", CODE_CHANGE), state=otpy.PRESERVE)
    assert otpy.sys.get_state(pid) is before


@inside
def test_reset_makes_the_state_anew(module: Make) -> None:
    """`init` of the new version gets what the process was started with; the report says what was lost."""
    pid = module("m_modes", server("1")).Counter.start(5)
    otpy.cast(pid, "work")
    assert otpy.call(pid, "state") == "work"
    report = upgrade.reload_module("m_modes", server("2", CODE_CHANGE, first="['anew', arg]"), state=otpy.RESET)
    assert otpy.call(pid, "state") == ["anew", 5]
    assert any("1" in warning and "lost" in warning for warning in report.warnings)


@inside
def test_reset_goes_on_as_init_says(module: Make) -> None:
    """What comes with then=Continue is done before the next message."""
    pid = module("m_modes", server("1")).Counter.start(5)
    otpy.sys.suspend(pid)
    upgrade.reload_module("m_modes", server("2", first="['anew', arg]", then="otpy.Continue('first')"), state="reset")
    otpy.sys.resume(pid)
    assert otpy.call(pid, "state") == ["anew", 5, "first"]


@inside
def test_reset_that_was_taken_back_has_done_nothing(module: Make) -> None:
    """Neither the state nor what `init` wanted is there."""
    pid = module("m_modes", server("1")).Counter.start(5)
    before = otpy.sys.get_state(pid)
    new = server("2", first="['anew', arg]", then="otpy.Continue('first')")
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module("m_modes", new, state="reset", force_rollback_at="check")
    assert otpy.sys.get_state(pid) is before
    assert otpy.call(pid, "state") == [5]


@inside
def test_a_function_converts_a_copy(module: Make) -> None:
    """It gets the version that the state is from, and comes before code_change."""
    pid = module("m_modes", server("1")).Counter.start(0)
    before = otpy.sys.get_state(pid)

    def convert(old_vsn: str, state: list[Any]) -> list[Any]:
        state.append(old_vsn)
        return state

    upgrade.reload_module("m_modes", server("2", CODE_CHANGE), state=convert)
    assert otpy.call(pid, "state") == [0, "1"]
    assert before == [0]


DECLARED = {
    "class": ("dict", "expected dict, found list"),
    "inside": ("list[int]", "at 1: expected int, found str"),
    "union": ("dict | None", r"expected dict \| None, found list"),
}


@pytest.mark.parametrize(("declared", "words"), DECLARED.values(), ids=DECLARED)
def test_converted_state_has_to_be_what_the_class_declares(module: Make, declared: str, words: str) -> None:
    """A step that returns something else is found before anybody works with it."""

    @inside
    def run() -> None:
        pid = module("m_declared", server("1")).Counter.start(0)
        with pytest.raises(otpy.MigrationFailed, match=words):
            upgrade.reload_module("m_declared", server("2", step("1", "2"), declared=declared))
        assert otpy.call(pid, "state") == [0]

    run()


@inside
def test_state_that_is_not_converted_is_not_checked(module: Make) -> None:
    """What ran with it before may go on with it: a declaration is no reason to refuse an edit elsewhere."""
    pid = module("m_declared", server("1", declared="dict")).Counter.start(0)
    upgrade.reload_module("m_declared", server("2", declared="dict"))
    assert otpy.call(pid, "state") == [0]


@inside
def test_renamed_class_takes_its_instances_along(module: Make) -> None:
    """In the state of a living process, by the hint at the new class."""
    first = server(
        "1", "\nfrom dataclasses import dataclass\n@dataclass\nclass Order:\n    euros: int\n", first="Order(arg)"
    )
    second = first.replace('"1"', '"2"').replace("Order(arg)", "Purchase(arg)")
    second = second.replace(
        "@dataclass\nclass Order:\n    euros: int\n",
        "@otpy.renamed('Order', fields={'euros': 'amount'})\n@dataclass\nclass Purchase:\n    amount: int\n",
    )
    counter: Any = module("m_renamed", first)
    pid = counter.Counter.start(5)
    upgrade.reload_module("m_renamed", second)
    assert otpy.call(pid, "state") == counter.Purchase(5)
    assert not hasattr(counter, "Order")
    upgrade.rollback_module("m_renamed")
    assert otpy.call(pid, "state") == counter.Order(5)
    assert not hasattr(counter, "Purchase")


@inside
def test_processes_that_share_an_object_go_on_sharing_it(module: Make) -> None:
    """One object in two states and in a message that waits: one successor in all three."""
    text = server(
        "1", "\nclass Box:\n    __slots__ = ('n',)\n    def __init__(self):\n        self.n = 0\n", first="arg"
    )
    counter: Any = module("m_shared", text)
    box = counter.Box()
    one, two = counter.Counter.start([box]), counter.Counter.start({"box": box})
    otpy.sys.suspend(two)
    otpy.cast(two, ("message", box))
    upgrade.reload_module(
        "m_shared",
        text.replace('"1"', '"2"').replace("('n',)", "('n', 'm')").replace("self.n = 0", "self.n = self.m = 0"),
    )
    (first,) = otpy.call(one, "state")
    second = otpy.sys.get_state(two)["box"]
    otpy.sys.resume(two)
    _, third = otpy.call(two, "state")
    assert type(first) is counter.Box is not type(box)
    assert first is second is third


@inside
def test_what_a_process_was_started_with_is_converted(module: Make) -> None:
    """A later reset, or the `init` of a process that has not begun yet, gets it in the new shape."""
    text = server(
        "1", "\nclass Box:\n    __slots__ = ('n',)\n    def __init__(self):\n        self.n = 0\n", first="[arg.n]"
    )
    counter: Any = module("m_argument", text)
    pid = counter.Counter.start(counter.Box())
    second = (
        text.replace('"1"', '"2"')
        .replace("('n',)", "('n', 'm')")
        .replace("self.n = 0", "self.n = 0\n        self.m = 7")
    )
    upgrade.reload_module("m_argument", second)
    upgrade.reload_module("m_argument", second.replace('"2"', '"3"').replace("arg.n", "arg.m"), state="reset")
    assert otpy.call(pid, "state") == [7]
