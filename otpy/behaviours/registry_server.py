"""The process that a registry lives and ends with."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import NoReply, Ok
from otpy.kernel.calls import From
from otpy.kernel.here import current

if TYPE_CHECKING:
    from otpy.behaviours.registry import Registry


log = logging.getLogger("otpy.registry")


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
