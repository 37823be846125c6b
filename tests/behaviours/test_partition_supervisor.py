"""PartitionSupervisor: the same child several times, found by a key."""

from __future__ import annotations

import enum
from typing import Any

import pytest

import otpy
from otpy import Partitions, PartitionSupervisor, TaskSupervisor, Via
from otpy.behaviours.cores import cores
from otpy.behaviours.partition_supervisor import partition_of
from tests.support import Echo, eventually, inside, python, reason_of


class Numbered(otpy.GenServer[Any]):
    """Keeps what it was started with."""

    def init(self, arg: Any) -> Any:
        """Keep it."""
        return otpy.Ok(arg)

    def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
        """Return it, and who it is."""
        return otpy.Reply((state, otpy.self_pid()), state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Send it."""
        otpy.send(request, state)
        return otpy.NoReply(state)

    def handle_info(self, message: Any, state: Any) -> Any:
        """As a cast."""
        return self.handle_cast(message, state)


def numbered(args: Any, partition: int) -> Any:
    """Return the arguments with the number of the partition."""
    return [(*args, partition)]


def start(**options: Any) -> otpy.Pid:
    """Start four partitions."""
    given: dict[str, Any] = {"partitions": 4, "with_arguments": numbered, **options}
    return PartitionSupervisor.start_link(Numbered.child_spec("arg"), name="parts", **given)


def number(key: Any) -> int:
    """Return the partition of *key*."""
    ((_, partition), _pid) = otpy.call(Via(PartitionSupervisor, ("parts", key)), "?")
    return int(partition)


# case: partition_supervisor_test.exs: child_spec
@inside
def test_the_id_of_the_supervisor_is_its_name() -> None:
    """So that a supervisor may have several; for a Via it is the key."""
    by_name = PartitionSupervisor.child_spec(Echo, name="parts", partitions=2, restart="transient")
    assert (by_name.id, by_name.restart, by_name.type) == ("parts", "transient", "supervisor")
    assert PartitionSupervisor.child_spec(Echo, name=Via(PartitionSupervisor, ("x", 1))).id == ("x", 1)
    otpy.supervisor.start_link([by_name])
    assert PartitionSupervisor.partitions("parts") == 2


# case: partition_supervisor_test.exs: child_spec
# case: partition_supervisor_test.exs: partitions/1
@inside
def test_there_are_as_many_partitions_as_cores() -> None:
    """Unless it is said how many."""
    pid = PartitionSupervisor.start_link(Echo, name="parts")
    assert PartitionSupervisor.partitions(pid) == cores() >= 1


# case: partition_supervisor_test.exs: child_spec
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": None}, "a name is a non-empty str or a Via"),
        ({"partitions": 0}, "give 1 or more"),
        ({"partitions": -1}, "give 1 or more"),
        ({"partitions": 2.0}, "a whole number"),
        ({"partitions": True}, "a whole number"),
        ({"strategy": "simple_one_for_one"}, "one_for_one, one_for_all, rest_for_one"),
        ({"with_arguments": 1}, "give a function of the arguments"),
        ({"partition": 1}, "no option partition; give some of partitions, strategy,"),
    ],
)
@inside
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], error: str) -> None:
    """Where they are given; a name and a child spec are needed."""
    given: dict[str, Any] = {"name": "parts", **options}
    for ask in (PartitionSupervisor.start_link, PartitionSupervisor.child_spec):
        with pytest.raises((TypeError, ValueError), match=error):
            ask(Echo, **given)
        with pytest.raises(TypeError, match="name"):
            ask(Echo)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        with pytest.raises(otpy.BadChildSpec):
            ask(name="parts")
        with pytest.raises(otpy.BadChildSpec):
            ask({"id": 1}, name="parts")
    assert otpy.whereis("parts") is None


@inside
def test_flags_that_cannot_be_are_refused() -> None:
    """As by any supervisor."""
    with pytest.raises(otpy.InitStopped, match="intensity is -1"):
        start(max_restarts=-1)
    start()
    with pytest.raises(otpy.AlreadyStarted):
        start()


# case: partition_supervisor_test.exs: via
@inside
def test_a_key_always_leads_to_the_same_partition() -> None:
    """Whole numbers by their absolute value, modulo the number of partitions; others by a hash."""
    start()
    assert [number(key) for key in range(-5, 6)] == [1, 0, 3, 2, 1, 0, 1, 2, 3, 0, 1]
    keys: list[Any] = ["a", b"a", 0.5, None, ("a", 1), otpy.self_pid(), frozenset("a"), object(), Numbered]
    assert [number(key) for key in keys] == [number(key) for key in keys]
    assert {number(str(key)) for key in range(100)} == {0, 1, 2, 3}


# case: partition_supervisor_test.exs: via
@inside
def test_a_via_stands_wherever_a_process_can() -> None:
    """For calls, casts, messages, monitors, stops; and for a partition that was restarted."""
    start()
    via = Via(PartitionSupervisor, ("parts", 6))
    _, pid = otpy.call(via, "?")
    for say in (otpy.cast, otpy.send):
        say(via, otpy.self_pid())
        assert otpy.receive(timeout=20.0) == ("arg", 2)
    ref = otpy.monitor(via)
    otpy.exit(pid, otpy.Kill())
    assert otpy.receive(timeout=20.0) == otpy.Down(ref, pid, otpy.Killed())
    eventually(lambda: via.whereis() not in {None, pid})
    assert otpy.call(via, "?")[0] == ("arg", 2)
    inside_parts = Via(PartitionSupervisor, (otpy.whereis("parts"), 6))
    assert inside_parts.whereis() == via.whereis()


@inside
def test_a_via_that_leads_nowhere_is_an_error() -> None:
    """Nobody of that name, or somebody else; and nobody can be given the name of a partition."""
    nobody: Any = Via(PartitionSupervisor, ("nobody", 1))
    for ask in (otpy.call, otpy.send):
        with pytest.raises(otpy.NoProcess):
            ask(nobody, "?")
    Echo.start(name="echo")
    start()
    otpy.Agent.start(lambda: None, name="none")
    for key in (("echo", 1), ("none", 1), "echo"):
        with pytest.raises(TypeError, match=r"is no PartitionSupervisor|names no partition"):
            otpy.call(Via(PartitionSupervisor, key), "?")
    with pytest.raises(TypeError, match="give one that is hashable"):
        otpy.call(Via(PartitionSupervisor, ("parts", ("a", []))), "?")
    with pytest.raises(ValueError, match="is the name of a partition"):
        Echo.start(name=Via(PartitionSupervisor, ("parts", 1)))


def test_the_partition_of_a_text_is_the_same_in_each_run() -> None:
    """What is kept on disk, or cached, by partition is found again; Python's own hash is another each time."""

    class Color(enum.StrEnum):
        RED = "red"

    keys = ["red", b"red", "\ud800", ("red", (1, 2.5, None)), 2.5, None, -7]
    code = f"from otpy.behaviours.partition_supervisor import partition_of as p; print([p(k, 1000) for k in {keys!r}])"
    expected = [partition_of(key, 1000) for key in keys]
    for _ in range(2):
        done = python(code)
        assert (done.stdout.strip(), done.stderr) == (str(expected), "")
    assert partition_of(Color.RED, 1000) == partition_of("red", 1000)


# case: partition_supervisor_test.exs: with_arguments
@inside
def test_each_partition_gets_arguments_of_its_own() -> None:
    """Made from those of the spec, by its number."""
    start()
    assert [number(key) for key in range(4)] == [0, 1, 2, 3]
    PartitionSupervisor.start_link(Numbered.child_spec("same"), name="same", partitions=2)
    assert otpy.call(Via(PartitionSupervisor, ("same", 1)), "?")[0] == "same"


# case: partition_supervisor_test.exs: which_children
# case: partition_supervisor_test.exs: count_children
# case: partition_supervisor_test.exs: partitions/1
@inside
def test_partitions_are_listed_by_their_numbers() -> None:
    """As the children of any supervisor; there are never more or fewer."""
    pid = start()
    assert [info.id for info in PartitionSupervisor.which_children("parts")] == [3, 2, 1, 0]
    assert PartitionSupervisor.count_children(pid) == otpy.supervisor.ChildCounts(4, 4, 0, 4)
    assert PartitionSupervisor.partitions("parts") == 4
    with pytest.raises(otpy.NotSupported, match="start_child"):
        otpy.supervisor.start_child(pid, Echo.child_spec())
    otpy.supervisor.terminate_child(pid, 1)
    with pytest.raises(otpy.NotSupported, match="delete_child"):
        otpy.supervisor.delete_child(pid, 1)
    with pytest.raises(otpy.NoProcess):
        number(1)
    otpy.supervisor.restart_child(pid, 1)
    assert number(1) == 1


# case: partition_supervisor_test.exs: noproc
@inside
def test_who_is_not_there_has_no_partitions() -> None:
    """Whatever is asked of it."""
    for ask in (
        PartitionSupervisor.partitions,
        PartitionSupervisor.which_children,
        PartitionSupervisor.count_children,
        PartitionSupervisor.stop,
    ):
        with pytest.raises(otpy.NoProcess):
            ask("nobody")


# case: partition_supervisor_test.exs: stop
@inside
def test_stop_returns_when_all_partitions_are_dead() -> None:
    """They are ended as the children of any supervisor."""
    pid = start()
    children = [info.child for info in PartitionSupervisor.which_children(pid)]
    PartitionSupervisor.stop("parts")
    assert not any(otpy.is_alive(each) for each in [pid, *children] if isinstance(each, otpy.Pid))
    assert otpy.whereis("parts") is None


@inside
def test_the_strategy_and_the_intensity_hold_for_the_partitions() -> None:
    """One that ends takes all along, if that is wanted; too many restarts end the supervisor."""
    otpy.trap_exit(True)
    pid = start(strategy="one_for_all", max_restarts=1, max_seconds=60.0)
    before = [info.child for info in PartitionSupervisor.which_children(pid)]
    otpy.exit(before[0], otpy.Kill())  # type: ignore[arg-type]
    after = [info.child for info in PartitionSupervisor.which_children(pid)]
    assert set(before).isdisjoint(after)
    otpy.exit(after[0], otpy.Kill())  # type: ignore[arg-type]
    assert reason_of(pid) == otpy.Shutdown()


class Shards(PartitionSupervisor):
    """Says itself what it has."""

    def init(self, arg: Any) -> Any:
        """Three, or as asked for."""
        return Partitions(Numbered.child_spec("own"), partitions=3) if arg is None else arg.partitions


@inside
def test_a_subclass_may_say_what_it_has() -> None:
    """In `init`, as any supervisor; junk is no result."""
    Shards.start_link(name="shards")
    assert PartitionSupervisor.partitions("shards") == 3
    assert otpy.call(Via(PartitionSupervisor, ("shards", 5)), "?")[0] == "own"
    with pytest.raises(otpy.InitStopped) as caught:
        Shards.start_link(Echo, name="more", partitions=2)
    assert caught.value.reason == otpy.BadReturn("init", 2)


@inside
def test_supervisors_are_partitioned_as_servers_are() -> None:
    """The usual reason: one supervisor that everybody starts children with is a bottleneck."""
    PartitionSupervisor.start_link(TaskSupervisor, name="tasks", partitions=3)
    PartitionSupervisor.start_link(otpy.DynamicSupervisor, name="servers", partitions=2)
    me = otpy.self_pid()
    task = TaskSupervisor.async_(Via(PartitionSupervisor, ("tasks", me)), otpy.process_info, me)
    assert task.await_() is not None
    for key in range(4):
        supervisor = Via(PartitionSupervisor, ("servers", key))
        otpy.dynamic_supervisor.start_child(supervisor, Echo.child_spec())
        assert otpy.dynamic_supervisor.count_children(supervisor).active == key // 2 + 1
    assert PartitionSupervisor.count_children("servers") == otpy.supervisor.ChildCounts(2, 2, 2, 0)
