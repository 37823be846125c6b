"""The runtime as values: who runs what, under whom, waiting for whom; nobody is asked."""

from __future__ import annotations

import sys
from typing import Any

import otpy
from otpy.analysis.graph import DependencyGraph
from otpy.analysis.processes import ProcessFacts
from otpy.kernel.process import Process
from otpy.kernel.runtime import current_runtime
from otpy.upgrade.world import children_fingerprint, levels_for, world_of
from tests.support import eventually, inside
from tests.upgrade.conftest import Make

SHOP = """
import otpy

class Stock(otpy.GenServer[int]):
    __vsn__ = "7"

    def init(self, arg):
        return otpy.Ok(0)

    def handle_call(self, request, from_, state):
        return otpy.NoReply(state)

class Cart(otpy.GenServer[int]):
    def init(self, arg):
        return otpy.Ok(0)

    def handle_cast(self, request, state):
        return otpy.NoReply(otpy.call("stock", 1, timeout=None))

class Shop(otpy.Supervisor):
    def init(self, arg):
        specs = [Stock.child_spec(id="stock", name="stock"), Cart.child_spec(id=("cart", 1))]
        return otpy.SupFlags(), specs
"""


def processes() -> list[Process]:
    """Return what the runtime has."""
    return current_runtime().processes()


def facts(pid: Any) -> ProcessFacts:
    """Return what is known of one process."""
    return world_of(processes()).by_number()[pid.id]


@inside
def test_snapshot_says_who_runs_what_under_whom(module: Make) -> None:
    """From the table and the children that supervisors have noted."""
    shop = module("world_shop", SHOP)
    sup = shop.Shop.start_link(None, name="shop")
    stock = otpy.whereis("stock")
    (cart,) = [info.child for info in otpy.supervisor.which_children(sup) if info.id == ("cart", 1)]
    found = facts(sup)
    assert (found.name, found.behaviour.name, found.behaviour.kind) == ("shop", "world_shop.Shop", "supervisor")
    assert facts(stock).supervisor == found.number == facts(cart).supervisor
    assert (facts(stock).child, facts(cart).child) == ("stock", "('cart', 1)")
    assert facts(stock).vsn == "7"
    assert facts(stock).behaviour.modules == ("world_shop",)
    assert facts(otpy.self_pid()).behaviour.kind == "process"
    assert facts(otpy.self_pid()).supervisor is None
    assert world_of(processes()).supervisors_of([facts(stock)]) == (found,)


@inside
def test_snapshot_has_only_those_who_are_concerned_and_their_neighbours(module: Make) -> None:
    """A node has a hundred thousand others."""
    shop = module("world_shop", SHOP)
    sup = shop.Shop.start_link(None)
    world = world_of(processes(), concerned=lambda kind: kind is shop.Cart)
    assert {process.behaviour.qualname for process in world.processes} == {"Shop", "Cart"}
    assert len(world) == len(processes())
    assert otpy.is_alive(sup)


@inside
def test_snapshot_sees_who_waits_and_how_long_the_mailbox_is(module: Make) -> None:
    """Also of processes that hang: they are not asked."""
    shop = module("world_shop", SHOP)
    sup = shop.Shop.start_link(None)
    (cart,) = [info.child for info in otpy.supervisor.which_children(sup) if info.id == ("cart", 1)]
    assert isinstance(cart, Process)
    otpy.cast(cart, "go")
    eventually(lambda: cart.wait_on is not None)
    otpy.cast(cart, "queued")
    stock = otpy.whereis("stock")
    assert stock is not None
    assert (facts(cart).waits_on, facts(cart).mailbox) == (stock.id, 1)


@inside
def test_levels_are_processes_again_callers_first(module: Make) -> None:
    """As a suspension takes them."""
    shop = module("world_shop", SHOP)
    sup = shop.Shop.start_link(None)
    members = [process for process in processes() if type(process.actor) in (shop.Cart, shop.Stock)]
    levels = levels_for(members, DependencyGraph.of({"world_shop": SHOP}), everybody=processes())
    assert [[type(process.actor) for process in level] for level in levels] == [[shop.Cart], [shop.Stock]]
    assert otpy.is_alive(sup)


@inside
def test_fingerprint_of_children_is_that_of_their_specs(module: Make) -> None:
    """It stays when they are restarted, and does not when there is one more."""
    shop = module("world_shop", SHOP)
    sup = shop.Shop.start_link(None)
    assert isinstance(sup, Process)
    before = children_fingerprint(sup)
    stock = otpy.whereis("stock")
    assert stock is not None
    otpy.exit(stock, otpy.Kill())
    eventually(lambda: otpy.whereis("stock") not in (None, stock))
    assert children_fingerprint(sup) == before
    otpy.supervisor.start_child(sup, shop.Cart.child_spec(id="more"))
    assert children_fingerprint(sup) != before
    assert "world_shop" in sys.modules
