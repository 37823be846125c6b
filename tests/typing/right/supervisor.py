"""Supervisors as users write them."""

from __future__ import annotations

from typing import Any, assert_type

import otpy
from otpy import MFA, ChildSpec, SupFlags, supervisor


class Worker(otpy.GenServer[int]):
    """A child."""

    def init(self, arg: int) -> otpy.Ok[int]:
        """Begin."""
        return otpy.Ok(arg)


class Shop(otpy.Supervisor):
    """Every kind of child spec."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]] | otpy.Ignore:
        """Describe the children."""
        flags = SupFlags(strategy="rest_for_one", intensity=3, period=10.0, auto_shutdown="any_significant")
        return flags, [
            Worker.child_spec(1, id="one", name="one", restart="transient", shutdown="brutal_kill", significant=True),
            ChildSpec("two", MFA("shop", "start", (1,)), restart="temporary", shutdown=1.5, modules=["shop"]),
            ChildSpec("three", Worker, type="worker", shutdown="infinity", modules="dynamic"),
            ChildSpec(id="four", start=lambda: Worker.start_link(4)),
            otpy.asgi.child_spec("shop.web:app", host="0.0.0.0", port=0, drain=1.0, root_path="/shop"),
        ]


def use() -> None:
    """What users ask of one."""
    shop = Shop.start_link(None, name="shop")
    for info in supervisor.which_children(shop):
        assert_type(info, otpy.ChildInfo)
    assert_type(supervisor.count_children("shop").active, int)
    assert_type(supervisor.get_childspec(shop, "one"), ChildSpec)
    assert_type(supervisor.start_child(shop, ChildSpec("five", Worker)), Any)
    supervisor.terminate_child(shop, "one")
    supervisor.start_link([Worker, {"id": "two", "start": Worker}])
    plain = supervisor.start_link([Worker.child_spec(1)], flags={"strategy": "one_for_all"})
    pool = otpy.DynamicSupervisor.start_link(max_children=10, max_restarts=1, max_seconds=1.0, name="pool")
    otpy.dynamic_supervisor.start_child(pool, Worker.child_spec(1))
    assert_type(plain, otpy.Pid)
