"""otpy.tree: a snapshot taken from the runtime's own tables."""

from __future__ import annotations

import json
import threading

import otpy
from tests.behaviours.server_kit import Scripted, add, on_message
from tests.support import DEADLINE, eventually, idle_process, inside, outside


def shop() -> otpy.Pid:
    """Start a supervisor with a worker and a supervisor with two."""
    inner = otpy.ChildSpec(
        id="inner",
        start=otpy.MFA("tests.behaviours.test_tree", "start_inner", ()),
        type="supervisor",
    )
    return otpy.supervisor.start_link([Scripted.child_spec(0, id="cart", name="cart"), inner], name="shop")


def start_inner() -> otpy.Pid:
    """Start the inner supervisor."""
    children = [Scripted.child_spec(0, id=ident) for ident in ("stock", "<ledger>")]
    return otpy.supervisor.start_link(children)


@inside
def test_the_text_shows_who_supervises_whom() -> None:
    """Children in start order, with name, pid, behaviour and status."""
    shop()
    text = str(otpy.tree("shop"))
    lines = text.splitlines()
    cart = otpy.whereis("cart")
    assert cart is not None
    assert lines[0].startswith("shop <")
    assert lines[1].startswith(f"├── cart: cart <{cart.id}> Scripted")
    assert lines[2].startswith("└── inner: ")
    assert lines[3].startswith("    ├── stock: ")
    assert lines[4].startswith("    └── <ledger>: ")
    assert len(lines) == 5


@inside
def test_free_processes_are_roots_and_children_are_not() -> None:
    """Each process stands in the tree once."""
    top, free = shop(), idle_process()
    nodes = [node for _, node in otpy.tree().walk()]
    pids = [node.pid for node in nodes]
    assert set(pids) == set(otpy.processes())
    assert len(pids) == len(set(pids))
    roots = [root.pid for root in otpy.tree().roots]
    assert top in roots
    assert free in roots
    assert otpy.whereis("cart") not in roots


@inside
def test_a_child_that_does_not_run_is_shown() -> None:
    """As stopped."""
    top = shop()
    otpy.supervisor.terminate_child(top, "cart")
    node = otpy.tree(top).roots[0].children[0]
    assert (node.id, node.pid, node.status) == ("cart", None, "stopped")
    assert "cart: stopped" in str(otpy.tree(top))


@outside
def test_the_snapshot_disturbs_nobody() -> None:
    """A process that hangs, waits or is suspended is shown like every other, with what waits in it."""
    gate = threading.Event()
    hangs, suspended = Scripted.start(0), Scripted.start(0)
    otpy.cast(hangs, on_message(lambda state: (gate.wait(DEADLINE), otpy.NoReply(state))[1]))
    eventually(lambda: otpy.tree(hangs).roots[0].status == "running")
    otpy.sys.suspend(suspended)
    for pid in (hangs, suspended):
        otpy.cast(pid, add(0))
    shown = {root.pid: root for root in otpy.tree().roots}
    assert (shown[hangs].status, shown[hangs].message_queue_len) == ("running", 1)
    assert shown[suspended].status == "suspended"
    assert not gate.is_set()
    gate.set()
    otpy.sys.resume(suspended)


@inside
def test_mermaid_draws_every_node_and_every_edge() -> None:
    """Labels are escaped."""
    lines = otpy.tree(shop()).mermaid().splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("-->" in line for line in lines) == 4
    assert sum('["' in line for line in lines) == 5
    assert "&lt;ledger&gt;" in "\n".join(lines)
    assert "<ledger>" not in "\n".join(lines)


@inside
def test_the_tree_is_a_value() -> None:
    """It can be compared, kept, turned into JSON, and stays what it was."""
    top = shop()
    tree = otpy.tree(top)
    assert tree == otpy.tree(top)
    data = json.loads(json.dumps(tree.to_dict()))
    assert [child["id"] for child in data[0]["children"]] == ["cart", "inner"]
    otpy.supervisor.terminate_child(top, "cart")
    assert tree != otpy.tree(top)
    assert tree.roots[0].children[0].pid is not None


@inside
def test_it_shows_itself_in_notebooks_and_with_rich() -> None:
    """In a notebook as escaped HTML, in rich as a tree."""
    from rich.console import Console

    tree = otpy.tree(shop())
    assert "&lt;ledger&gt;" in tree._repr_html_()
    console = Console(width=200, file=None, record=True)
    with console.capture() as capture:
        console.print(tree)
    assert "<ledger>" in capture.get()


@inside
def test_ten_thousand_children_are_shown_in_passable_time() -> None:
    """The work grows with the number of processes, not with its square (this would take minutes)."""
    top = otpy.DynamicSupervisor.start_link()
    for number in range(5_000):
        otpy.dynamic_supervisor.start_child(top, Scripted.child_spec(number, restart="temporary"))
    assert len(otpy.tree(top).roots[0].children) == 5_000
    assert top in {root.pid for root in otpy.tree().roots}
