"""What a behaviour says of itself as a child, what can be changed in it, and where such specs can be given."""

from __future__ import annotations

from typing import Any

import pytest

from otpy.behaviours import gen, supervisor
from otpy.behaviours.child_spec import MFA, ChildSpec, Fun, SupFlags, check_spec
from otpy.behaviours.dynamic_supervisor import DynamicSupervisor
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import Ok, Reply
from otpy.behaviours.supervisor import Supervisor
from otpy.errors import AlreadyStarted, BadChildSpec, InitStopped
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import whereis
from tests.behaviours.supervisor_kit import inside, kill, pids


class Counter(GenServer[int]):
    """Counts its calls."""

    def init(self, arg: int | None) -> Ok[int]:
        """Begin with the argument."""
        return Ok(arg or 0)

    def handle_call(self, request: Any, from_: object, state: int) -> Reply[int, int]:
        """Count."""
        return Reply(state + 1, state + 1)


class Pool(DynamicSupervisor):
    """Says nothing of itself."""


class Tree(Supervisor):
    """Has one counter, with a name."""

    def init(self, arg: Any) -> Any:
        """Take the flags that are given."""
        return arg or SupFlags(), [Counter.child_spec(7, name="counter")]


# case: gen_server_test.exs: child_spec/1
# case: supervisor_test.exs: child_spec/1
# case: dynamic_supervisor_test.exs: use/2
@pytest.mark.parametrize(
    ("behaviour", "kind", "shutdown"),
    [(Counter, "worker", 5.0), (Tree, "supervisor", "infinity"), (Pool, "supervisor", "infinity")],
)
def test_a_behaviour_is_started_with_one_argument_under_the_name_of_its_class(
    behaviour: Any, kind: Any, shutdown: Any
) -> None:
    """And restarted always; a supervisor has all the time that it needs to end."""
    spec = behaviour.child_spec("argument")
    start = MFA(__name__, f"{behaviour.__name__}.start_link", ("argument",))
    assert check_spec(spec) == ChildSpec(behaviour.__name__, start, "permanent", False, shutdown, kind, (__name__,))


# case: gen_server_test.exs: child_spec/1
# case: supervisor_test.exs: child_spec/2
def test_each_part_of_it_can_be_said() -> None:
    """The rest stays."""
    spec = Counter.child_spec(
        1, id="other", restart="transient", shutdown="brutal_kill", significant=True, name="counter"
    )
    start = MFA(__name__, "Counter.start_link", (1,), {"name": "counter"})
    assert check_spec(spec) == ChildSpec("other", start, "transient", True, "brutal_kill", "worker", (__name__,))


# case: supervisor_test.exs: child_spec/1
# case: supervisor_test.exs: child_spec/2
@pytest.mark.parametrize("given", [int, "Counter", ("Counter", 1), 7, None])
def test_what_says_nothing_of_itself_as_a_child_is_refused(given: object) -> None:
    """A class that is no behaviour, a name, and other things."""
    refusal = check_spec(given)
    assert isinstance(refusal, BadChildSpec)
    assert refusal.reason == ("invalid_child_spec", given)


# case: supervisor_test.exs: start_link/2
@inside
def test_a_list_of_children_needs_no_class() -> None:
    """Nor a name; with one it is found by it, as often as it ends and is started again."""
    supervisor.start_link([])
    for _ in range(2):
        sup = supervisor.start_link([Counter.child_spec()], name="sup")
        assert whereis("sup") is sup
        assert gen.call(pids("sup")["Counter"], "count") == 1
        with pytest.raises(AlreadyStarted) as already:
            supervisor.start_link([], name="sup")
        assert already.value.pid is sup
        gen.stop("sup")
        assert whereis("sup") is None


# case: supervisor_test.exs: start_link/3
@inside
def test_a_child_that_is_restarted_answers_under_its_name() -> None:
    """It begins again with its argument."""
    sup = Tree.start_link(name="sup")
    assert whereis("sup") is sup
    assert [gen.call("counter", "count") for _ in range(3)] == [8, 9, 10]
    first = whereis("counter")
    kill(first)
    assert pids("sup")["Counter"] is whereis("counter") is not first
    assert gen.call("counter", "count") == 8
    gen.stop("sup")
    assert whereis("counter") is None


# case: supervisor_test.exs: start_link/3
@pytest.mark.parametrize("name", ["", 7, ("global", "x"), b"bytes"])
@inside
def test_a_name_that_is_none_is_refused_before_anything_starts(name: Any) -> None:
    """With what a name is."""
    with pytest.raises(TypeError, match="str"):
        Tree.start_link(name=name)
    with pytest.raises(TypeError, match="str"):
        supervisor.start_link([Counter.child_spec(name="counter")], name=name)
    assert whereis("counter") is None


# case: supervisor_test.exs: start_child/2
@pytest.mark.parametrize(
    "spec",
    [
        Counter,
        Counter.child_spec(),
        ChildSpec("Counter", Counter),
        {"id": "Counter", "start": MFA(__name__, "Counter.start_link", (1,))},
        {"id": "Counter", "start": (__name__, "Counter.start_link", [1])},
        {"id": "Counter", "start": (Counter.start_link, [1])},
        {"id": "Counter", "start": Fun(Counter.start_link, (1,))},
        {"id": "Counter", "start": lambda: Counter.start_link(1)},
    ],
)
@inside
def test_start_child_takes_every_form_of_a_spec(spec: Any) -> None:
    """A class, a ChildSpec or a dict, with a start by name or by reference."""
    sup = supervisor.start_link([])
    pid = supervisor.start_child(sup, spec)
    assert isinstance(pid, Pid)
    assert pids(sup) == {"Counter": pid}


# case: supervisor_test.exs: start_child/2
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, ("missing_id",)),
        ({"id": 1}, ("missing_start",)),
        ({"id": 1, "start": ("m", "f", 7)}, ("invalid_mfa", ("m", "f", 7))),
        ("word", ("invalid_child_spec", "word")),
    ],
)
@inside
def test_start_child_says_what_is_wrong_with_a_spec(spec: Any, reason: object) -> None:
    """And starts nothing."""
    sup = supervisor.start_link([])
    with pytest.raises(BadChildSpec) as refused:
        supervisor.start_child(sup, spec)
    assert refused.value.reason == reason
    assert pids(sup) == {}


# case: supervisor_SUITE: code_change_map
# case: supervisor_SUITE: child_specs_map
@inside
def test_init_may_say_all_with_dicts() -> None:
    """Flags and specs."""

    class Plain(Supervisor):
        """Knows no types."""

        def init(self, arg: Any) -> Any:
            return {"strategy": "one_for_all"}, [{"id": "c", "start": Counter, "restart": "transient"}]

    sup = Plain.start_link()
    assert supervisor.get_childspec(sup, "c").restart == "transient"
    with pytest.raises(InitStopped):
        Tree.start_link({"strategy": "one_for_none"})
