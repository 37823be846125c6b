"""Applications for tests: made by the test, telling a journal what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import otpy
from otpy import application
from tests.support import eventually

Log: TypeAlias = list[Any]
Made: TypeAlias = type[otpy.Application[Any]]


def top(name: str) -> otpy.Pid:
    """Start a supervisor without children, registered as *name*."""
    return otpy.supervisor.start_link([], name=name)


def make(name: str, log: Log, start: Callable[[Any], Any] | None = None, **spec: Any) -> Made:
    """Return an application that notes what is done with it, and whether its tree, registered as its name, is up."""

    class Made(otpy.Application[Any]):
        def start(self, type_: str, args: Any) -> Any:
            log.append((name, "start", type_, args))
            return top(name) if start is None else start(args)

        def start_phase(self, phase: str, start_type: str, args: Any) -> None:
            log.append((name, phase, start_type, args))
            if isinstance(args, Exception):
                raise args

        def prep_stop(self, state: Any) -> Any:
            log.append((name, "prep_stop", state, otpy.whereis(name) is not None))
            return "prepared"

        def stop(self, state: Any) -> None:
            log.append((name, "stop", state, otpy.whereis(name) is not None))

        def config_change(self, changed: Mapping[str, Any], new: Mapping[str, Any], removed: Any) -> None:
            log.append((name, dict(changed), dict(new), tuple(removed), application.get_all_env(name)))

    return type("Made", (Made,), {"name": name, **spec})


def end(name: str, reason: Any) -> None:
    """Have the tree of application *name* end with *reason*, and wait until the controller knows."""
    pid = otpy.whereis(name)
    assert pid is not None
    otpy.stop(pid, reason)
    eventually(lambda: name not in running())


def running() -> list[str]:
    """Return the names of the applications that run, newest first."""
    return [each.name for each in application.which_applications()]
