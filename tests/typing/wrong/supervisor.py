"""Flags, child specs and supervisors that cannot be."""

from __future__ import annotations

from typing import Any

import otpy
from otpy import MFA, ChildSpec, SupFlags, asgi, supervisor


class Worker(otpy.GenServer[int]):
    """A child."""


class WrongInit(otpy.Supervisor):
    """An init that gives no flags."""

    def init(self, arg: object) -> list[ChildSpec]: ...  # error: flags and specs


class WrongChildren(otpy.Supervisor):
    """An init that gives no specs."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe."""
        return SupFlags(), [Worker]  # error: a spec


class WrongPlace(otpy.Supervisor):
    """An init that is awaited: supervisors do not run on the event loop."""

    async def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]: ...  # error: not awaited


def wrong_flags() -> None:
    """Flags that are none."""
    SupFlags(strategy="one_for_none")  # error: no such strategy
    SupFlags(intensity="3")  # error: a number
    SupFlags(intensity=1.5)  # error: a whole number
    SupFlags(period="5 s")  # error: seconds
    SupFlags(auto_shutdown="always")  # error: never, any_significant or all_significant
    SupFlags(intensiti=3)  # error: no such flag


def wrong_specs() -> None:
    """Specs that are none."""
    ChildSpec("id")  # error: no start
    ChildSpec("id", 7)  # error: nothing to start
    ChildSpec("id", Worker, restart="always")  # error: permanent, transient or temporary
    ChildSpec("id", Worker, shutdown="soon")  # error: seconds, brutal_kill or infinity
    ChildSpec("id", Worker, type="manager")  # error: worker or supervisor
    ChildSpec("id", Worker, significant="yes")  # error: True or False
    ChildSpec("id", Worker, modules=7)  # error: a list of names, or dynamic
    ChildSpec([], Worker)  # error: an id is hashable
    ChildSpec("id", MFA("shop"))  # error: no function
    Worker.child_spec(1, restart="always")  # error: permanent, transient or temporary
    Worker.child_spec(1, shutdown="soon")  # error: seconds, brutal_kill or infinity
    Worker.child_spec(1, 2)  # error: one argument
    asgi.child_spec("shop:app", port="8000")  # error: a number
    asgi.child_spec("shop:app", workers=4)  # error: no such option
    asgi.child_spec("shop:app", restart="always")  # error: permanent, transient or temporary
    asgi.start_link(app=7)  # error: a name, or an app


def wrong_requests(shop: otpy.Pid) -> None:
    """Requests that are none."""
    supervisor.start_link(Worker.child_spec(1))  # error: a list
    supervisor.start_link(["worker"])  # error: specs
    supervisor.which_children(shop, 1)  # error: one argument
    supervisor.count_children(shop).actives  # error: active
    spec: dict[str, Any] = supervisor.get_childspec(shop, "id")  # error: a ChildSpec
    otpy.DynamicSupervisor.start_link(max_children="10")  # error: a number
    del spec
