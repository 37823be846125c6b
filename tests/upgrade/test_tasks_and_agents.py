"""Tasks, agents and partitions at an upgrade: their processes are otpy's, what they run and keep is the module's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Any

import pytest

import otpy
from otpy import MFA, Agent, Done, PartitionSupervisor, Task, TaskSupervisor, Via, code, upgrade
from otpy.planning.steps import STEPS
from tests.support import eventually, get, inside, reason_of
from tests.upgrade.conftest import Make

NAME = "m_work"

V1 = """
from dataclasses import dataclass
import otpy

__vsn__ = "1"

@dataclass
class Item:
    name: str

def make(name):
    return Item(name)

def renamed(item, name):
    item.name = name
    return item

def version(_=None):
    return 1

def slow():
    otpy.send("test", otpy.self_pid())
    before = version()
    otpy.receive(timeout=None)
    return before, version()

def hands_on(item):
    otpy.send("test", otpy.self_pid())
    otpy.receive(timeout=None)
    return item
"""

V2 = (
    V1.replace('"1"', '"2"')
    .replace("return 1", "return 2")
    .replace("name: str", "name: str\n    __slots__ = ('name',)\n    def more(self): return 1")
    .replace("    return before, version()", "    return 'new code', before, version()")
)
"""A class that cannot stay the same object, so its instances are brought over wherever they are; and other bodies."""


def only(state: Any) -> Any:
    """Return the state as it is."""
    return state


# -- agents ----------------------------------------------------------------------------------------


@inside
def test_what_an_agent_keeps_goes_over_to_the_new_class(module: Make) -> None:
    """The agent is of another module: it is found by what is in its state."""
    loaded = module(NAME, V1)
    old = loaded.Item
    agent = Agent.start_link(loaded.make, "kept")
    other = Agent.start_link(dict, {"list": [loaded.Item("inner")]})
    report = upgrade.reload_module(NAME, V2)
    assert report.status == "completed"
    for item in (Agent.get(agent, only), Agent.get(other, lambda state: state["list"][0])):
        assert type(item) is loaded.Item is not old
        assert item.more() == 1
    assert Agent.get(agent, only).name == "kept"
    upgrade.rollback_module(NAME)
    assert not hasattr(Agent.get(agent, only), "more")
    assert Agent.get(agent, only).name == "kept"


@pytest.mark.parametrize("step", STEPS)
@inside
def test_whatever_fails_leaves_the_agent_as_it_was(module: Make, step: str) -> None:
    """The very object that it has kept."""
    loaded = module(NAME, V1)
    item = loaded.Item("kept")
    agent = Agent.start_link(only, item)
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, V2, force_rollback_at=step)
    assert Agent.get(agent, only) is item


@inside
def test_a_function_of_the_module_is_run_in_its_new_version(module: Make) -> None:
    """Also where it was handed over before; a lambda is the code that it was made of, and calls what is there now."""
    loaded = module(NAME, V1)
    agent = Agent.start_link(list)
    version = loaded.version

    def frozen(_: Any) -> Any:
        return loaded.version()

    otpy.sys.suspend(agent)
    asked = [Task.async_(Agent.get, agent, function) for function in (version, frozen)]
    eventually(lambda: all(waits(task) for task in asked))
    upgrade.reload_module(NAME, V2)
    otpy.sys.resume(agent)
    assert Task.await_many(asked) == [2, 2]
    assert Agent.get(agent, version) == 2


def waits(task: Task[Any]) -> bool:
    """Whether the process of *task* waits."""
    assert task.pid is not None
    info = otpy.process_info(task.pid)
    return info is not None and info.status == "waiting"


@inside
def test_the_agent_of_a_subclass_may_convert_its_state(module: Make) -> None:
    """With `code_change`, as any server; and a reset runs the function that it was started with."""
    source = (
        'import otpy\n__vsn__ = "1"\ndef first(): return {"n": 1}\nclass Kept(otpy.Agent):\n    def note(self): pass\n'
    )
    loaded = module(NAME, source)
    kept = loaded.Kept.start_link(loaded.first)
    change = "    def code_change(self, old, state, extra=None): return otpy.Ok({**state, 'from': old})\n"
    upgrade.reload_module(NAME, source.replace('"1"', '"2"') + change)
    assert Agent.get(kept, only) == {"n": 1, "from": "1"}
    upgrade.reload_module(NAME, source.replace('"1"', '"3"').replace('"n": 1', '"m": 2'), state="reset")
    assert Agent.get(kept, only) == {"m": 2}


@inside
def test_an_agent_of_a_subclass_takes_the_function_of_an_upgrade(module: Make) -> None:
    """`extra=MFA(…)` is applied to the state, as in Elixir."""
    source = 'import otpy\n__vsn__ = "1"\nclass Kept(otpy.Agent): pass\ndef add(state, n): return state + n\n'
    kept = module(NAME, source).Kept.start_link(int, 1)
    upgrade.reload_module(NAME, source.replace('"1"', '"2"'), extra=MFA(NAME, "add", (5,)))
    assert Agent.get(kept, only) == 6


# -- tasks -----------------------------------------------------------------------------------------


@inside
def test_a_task_ends_on_the_code_that_it_began_with(module: Make) -> None:
    """Its own frames are the old ones, and `who_runs` says so; what it calls by name is the new."""
    otpy.register("test", otpy.self_pid())
    loaded = module(NAME, V1)
    task = Task.async_(loaded.slow)
    pid = get()
    before = code.vsn(NAME)
    upgrade.reload_module(NAME, V2)
    assert pid in [found.pid for found in code.who_runs(NAME, before)]
    otpy.send(pid, "go on")
    assert task.await_() == (1, 2)
    assert Task.async_(loaded.version).await_() == 2
    assert not [found for found in code.who_runs(NAME, before) if found.pid is pid]


class Owner(otpy.GenServer[list[Any]]):
    """Starts tasks, and keeps what comes of them."""

    def init(self, arg: Any) -> Any:
        """Nothing has come."""
        return otpy.Ok([])

    def handle_call(self, request: Any, from_: Any, state: list[Any]) -> Any:
        """Start a task, or show what has come."""
        if request == "seen":
            return otpy.Reply(state, state)
        return otpy.Reply(Task.async_(*request), state)

    def handle_info(self, message: Any, state: list[Any]) -> Any:
        """Keep it."""
        return otpy.NoReply([*state, message])


@inside
def test_a_result_that_waits_in_a_mailbox_is_brought_over(module: Make) -> None:
    """As any message; the ref is still that of the task."""
    otpy.register("test", otpy.self_pid())
    loaded = module(NAME, V1)
    old = loaded.Item
    owner = Owner.start()
    task = otpy.call(owner, (loaded.hands_on, loaded.Item("result")))
    otpy.sys.suspend(owner)
    otpy.send(get(), "go on")
    reason_of(task.pid)
    upgrade.reload_module(NAME, V2)
    otpy.sys.resume(owner)
    reply, down = otpy.call(owner, "seen")
    assert (type(reply), reply.ref, down.ref) == (otpy.TaskReply, task.ref, task.ref)
    assert type(reply.value) is loaded.Item is not old
    assert reply.value.name == "result"


@inside
def test_a_stream_goes_on_over_an_upgrade(module: Make) -> None:
    """Its next tasks run the new code, and what is ready but not yet given is brought over."""
    otpy.register("test", otpy.self_pid())
    loaded = module(NAME, V1)
    stream = iter(Task.async_stream([1, 2, 3, 4], loaded.version, max_concurrency=1))
    assert next(stream) == Done(1)
    upgrade.reload_module(NAME, V2)
    assert list(stream) == [Done(2), Done(2), Done(2)]

    old = loaded.Item
    stream = iter(Task.async_stream(["a", "b"], loaded.make, max_concurrency=2))
    assert next(stream).value.name == "a"  # type: ignore[union-attr]
    upgrade.reload_module(NAME, V1.replace('"1"', '"3"').replace("name: str", "name: str\n    size: int = 0"))
    (last,) = stream
    assert type(last.value) is loaded.Item is not old  # type: ignore[union-attr]
    assert last.value.size == 0  # type: ignore[union-attr]


@inside
def test_a_child_that_is_restarted_runs_the_new_code(module: Make) -> None:
    """A supervisor keeps its function, and functions are edited in place; its arguments are brought over."""
    otpy.register("test", otpy.self_pid())
    loaded = module(NAME, V1)
    supervisor = TaskSupervisor.start_link(max_restarts=10)
    TaskSupervisor.start_child(supervisor, loaded.hands_on, loaded.Item("argument"), restart="permanent")
    otpy.supervisor.start_link([Task.child_spec(loaded.slow, restart="permanent")])
    first, second = get(), get()
    upgrade.reload_module(NAME, V2.replace("otpy.receive(timeout=None)\n    return item", "return item.more()"))
    for pid in (first, second):
        otpy.exit(pid, otpy.Kill())
        assert get() not in {first, second}
    assert TaskSupervisor.async_(supervisor, loaded.version).await_() == 2
    otpy.stop(supervisor)


@inside
def test_an_upgrade_waits_for_a_server_that_awaits_a_task(module: Make) -> None:
    """The task goes on meanwhile, so nobody waits for ever."""
    otpy.register("test", otpy.self_pid())
    source = (
        V1 + "class Asks(otpy.GenServer):\n    def init(self, arg): return otpy.Ok(1)\n"
        "    def handle_call(self, request, from_, state):\n"
        "        return otpy.Reply((otpy.Task.async_(slow).await_(None), version()), state)\n"
    )
    loaded = module(NAME, source)
    asked = otpy.send_request(loaded.Asks.start(), "go")
    task = get()
    upgrading = Task.async_(upgrade.reload_module, NAME, source.replace('"1"', '"2"').replace("return 1", "return 2"))
    otpy.send(task, "go on")
    assert upgrading.await_(20.0).status == "completed"
    (before, _), _now = otpy.wait_response(asked, timeout=20.0)
    assert before == 1


WAYS = """
import otpy

__vsn__ = "1"

def work(_=None):
    otpy.send("test", otpy.self_pid())
    otpy.receive(timeout=None)
    return otpy.call("other", "x", timeout=None)

class Waits(otpy.GenServer):
    def init(self, arg): return otpy.Ok(arg)
    def handle_call(self, request, from_, state):
        match request:
            case "await_":
                done = otpy.Task.async_(work).await_(None)
            case "await_many":
                done = otpy.Task.await_many([otpy.Task.completed("x"), otpy.Task.async_(work)], None)[1]
            case "async_stream":
                done = list(otpy.Task.async_stream([1], work, timeout=None))[0].value
        return otpy.Reply(done, state)

class Awaits(otpy.GenServer):
    runs_on = "asyncio"
    def init(self, arg): return otpy.Ok(arg)
    async def handle_call(self, request, from_, state):
        return otpy.Reply(await otpy.Task.async_(work), state)

class Other(otpy.GenServer):
    def init(self, arg): return otpy.Ok(arg)
    def handle_call(self, request, from_, state): return otpy.Reply(request, state)
"""


@pytest.mark.parametrize("way", ["await_", "await_many", "async_stream", "await"])
@inside
def test_a_task_that_others_of_the_upgrade_wait_for_is_served_by_them(module: Make, way: str) -> None:
    """Else the one would wait for ever for what the other, which is held already, cannot give to the task."""
    loaded = module(NAME, WAYS)
    otpy.register("test", otpy.self_pid())
    loaded.Other.start(name="other")
    asked = otpy.send_request((loaded.Awaits if way == "await" else loaded.Waits).start(), way)
    task = get()
    with upgrading(lambda: otpy.send(task, "go on")):
        assert upgrade.reload_module(NAME, WAYS.replace('"1"', '"2"')).status == "completed"
    assert otpy.wait_response(asked, timeout=20.0) == "x"


@contextlib.contextmanager
def upgrading(deed: Callable[[], object]) -> Generator[None]:
    """Within the block, do *deed* as soon as the server `other` is held by an upgrade."""
    other: Any = otpy.whereis("other")

    def watch() -> None:
        eventually(lambda: other.runtime.suspension is not None and other.runtime.suspension.holds(other))
        deed()

    watching = Task.async_(watch)
    yield
    watching.await_(None)


CHILDREN = """
import otpy
from otpy import Agent, PartitionSupervisor, Task

__vsn__ = "1"

def hold(value):
    otpy.send("test", (value, otpy.self_pid()))
    otpy.receive(lambda _: False)

class Top(otpy.Supervisor):
    def init(self, arg):
        return otpy.SupFlags(), [
            Agent.child_spec(lambda: {}, name="kept"),
            Task.child_spec(lambda: hold("lambda"), id="lambda", restart="permanent"),
            Task.child_spec(hold, "named", id="named", restart="permanent"),
            PartitionSupervisor.child_spec(
                Agent.child_spec(dict), name="parts", partitions=2, with_arguments=lambda args, _: args
            ),
        ]
"""


def children(top: otpy.Pid) -> dict[Any, Any]:
    """Return the children of a supervisor by their ids."""
    return {info.id: info.child for info in otpy.supervisor.which_children(top)}


@inside
def test_a_function_in_a_child_spec_is_the_same_if_it_does_the_same(module: Make) -> None:
    """Each time that `init` runs, its lambdas are made anew: no agent loses its state for that."""
    otpy.register("test", otpy.self_pid())
    top = module(NAME, CHILDREN).Top.start_link()
    assert {get()[0], get()[0]} == {"lambda", "named"}
    before = children(top)
    Agent.update("kept", lambda state: {**state, "n": 1})
    other = CHILDREN.replace('"1"', '"2"').replace("otpy.SupFlags()", "otpy.SupFlags(intensity=5)")
    assert upgrade.reload_module(NAME, other).status == "completed"
    assert children(top) == before
    assert Agent.get("kept", only) == {"n": 1}
    assert otpy.sys.get_state(top).flags.intensity == 5


@inside
def test_a_task_that_is_a_child_is_ended_and_exchanged_by_an_upgrade(module: Make) -> None:
    """It runs for as long as it likes, and rests for nobody: nobody waits for that."""
    otpy.register("test", otpy.self_pid())
    top = module(NAME, CHILDREN).Top.start_link()
    first = dict([get(), get()])
    removed = '            Task.child_spec(lambda: hold("lambda"), id="lambda", restart="permanent"),\n'
    other = CHILDREN.replace('"1"', '"2"').replace('hold, "named"', 'hold, "other"').replace(removed, "")
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, other, force_rollback_at="commit")
    otpy.flush()
    assert {key: children(top)[key] for key in first} == first
    assert upgrade.reload_module(NAME, other).status == "completed"
    assert not any(map(otpy.is_alive, first.values()))
    assert get() == ("other", children(top)["named"])
    assert "lambda" not in children(top)


@inside
def test_an_edited_lambda_is_what_a_restart_runs(module: Make) -> None:
    """The one that a spec holds is edited in place, like every function; who runs goes on."""
    otpy.register("test", otpy.self_pid())
    top = module(NAME, CHILDREN).Top.start_link()
    first = dict([get(), get()])
    upgrade.reload_module(NAME, CHILDREN.replace('"1"', '"2"').replace('hold("lambda")', 'hold("other")'))
    assert children(top)["lambda"] == first["lambda"]
    otpy.exit(first["lambda"], otpy.Kill())
    assert get() == ("other", children(top)["lambda"])


# -- partitions ------------------------------------------------------------------------------------

PARTS = """
import otpy

__vsn__ = "1"

class Part(otpy.GenServer):
    def init(self, arg): return otpy.Ok(arg)
    def handle_call(self, request, from_, state): return otpy.Reply((state, 1), state)

def numbered(args, partition):
    return [partition]

class Parts(otpy.PartitionSupervisor):
    def init(self, arg):
        return otpy.Partitions(Part.child_spec(), partitions=2, with_arguments=numbered)
"""
MORE = PARTS.replace('"1"', '"2"').replace("partitions=2", "partitions=4").replace("(state, 1)", "(state, 2)")


def ask(key: Any) -> Any:
    """Ask the partition of a key."""
    return otpy.call(Via(PartitionSupervisor, ("parts", key)), "?")


def pids() -> dict[Any, Any]:
    """Return the partitions by their numbers."""
    return {info.id: info.child for info in PartitionSupervisor.which_children("parts")}


@inside
def test_an_upgrade_starts_and_ends_partitions(module: Make) -> None:
    """Those that stay keep their state and get the new code; keys go by the new number from then on, and back."""
    module(NAME, PARTS).Parts.start_link(name="parts")
    before = pids()
    assert [ask(key) for key in range(4)] == [(0, 1), (1, 1), (0, 1), (1, 1)]
    report = upgrade.reload_module(NAME, MORE)
    assert report.status == "completed"
    assert [ask(key) for key in range(4)] == [(0, 2), (1, 2), (2, 2), (3, 2)]
    assert {key: pids()[key] for key in (0, 1)} == before
    upgrade.rollback_module(NAME)
    assert pids() == before
    assert [ask(key) for key in range(4)] == [(0, 1), (1, 1), (0, 1), (1, 1)]


@pytest.mark.parametrize("step", STEPS)
@inside
def test_whatever_fails_leaves_the_partitions_as_they_were(module: Make, step: str) -> None:
    """Those that were started for the upgrade are ended with it."""
    module(NAME, PARTS).Parts.start_link(name="parts")
    before = pids()
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, MORE, force_rollback_at=step)
    assert pids() == before
    assert PartitionSupervisor.partitions("parts") == 2
    assert [ask(key) for key in range(3)] == [(0, 1), (1, 1), (0, 1)]


@inside
def test_partitions_of_a_class_that_changes_are_upgraded_each(module: Make) -> None:
    """The supervisor itself is otpy's, and is not touched."""
    loaded = module(NAME, PARTS)
    PartitionSupervisor.start_link(loaded.Part.child_spec(7), name="parts", partitions=3)
    before = pids()
    upgrade.reload_module(NAME, MORE)
    assert [ask(key) for key in range(3)] == [(7, 2)] * 3
    assert pids() == before
