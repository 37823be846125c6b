"""The process that a registry lives and ends with, and what its listeners get."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import NoReply, Ok
from otpy.kernel.calls import From
from otpy.kernel.here import current
from otpy.kernel.messages import SIGNALS
from otpy.kernel.pid import Pid

if TYPE_CHECKING:
    from otpy.behaviours.registry import Registry


log = logging.getLogger("otpy.registry")


class Registered(msgspec.Struct, frozen=True):
    """*pid* has entered itself in *registry* under *key* with *value*."""

    registry: Registry
    key: Any
    pid: Pid
    value: Any


class Unregistered(msgspec.Struct, frozen=True):
    """*pid* has taken its entry of *key* out of *registry*, or has ended."""

    registry: Registry
    key: Any
    pid: Pid


SIGNALS.update((Registered, Unregistered))


class RegistryServer(GenServer[Any]):
    """Has nothing to do but to live: its state is the registry."""

    __slots__ = ()

    def init(self, arg: Registry) -> Ok[Registry]:
        """Let the registry begin."""
        arg.open(current())
        return Ok(arg)

    def handle_call(self, request: Any, from_: From, state: Registry) -> NoReply[Registry]:
        """Nobody asks it for anything; everybody who is registered would end if it ended over that."""
        log.error("%r: %r asked for what no registry does: %r", current(), from_, request)
        return NoReply(state)

    def handle_cast(self, request: Any, state: Registry) -> NoReply[Registry]:
        """As with calls."""
        log.error("%r: unexpected cast %r", current(), request)
        return NoReply(state)

    def _aside(self) -> Iterable[Any]:
        registry: Registry | None = getattr(self.actor_inbox, "state", None)
        return () if registry is None else (registry.metas,)
