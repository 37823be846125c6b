"""What an event manager is asked. An event is sent as a Cast, so `otpy.cast` and pykka's `tell` notify, too."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from otpy.behaviours.events.handler import Handler
from otpy.kernel.pid import Pid


class SyncNotify(msgspec.Struct, frozen=True):
    """Have all handlers handle *event*, and answer when they have."""

    event: Any


class CallHandler(msgspec.Struct, frozen=True):
    """Have *handler* answer *request*."""

    handler: Handler
    request: Any


class AddHandler(msgspec.Struct, frozen=True):
    """Add *handler*, supervised by *owner* if there is one."""

    handler: Handler
    arg: Any
    owner: Pid | None = None


class DeleteHandler(msgspec.Struct, frozen=True):
    """Remove *handler*, and answer what its `terminate(arg, state)` returned."""

    handler: Handler
    arg: Any


class ExchangeHandler(msgspec.Struct, frozen=True):
    """Have *new* take over from *old*; its owner is *owner*, or else that of *old*."""

    old: Handler
    old_arg: Any
    new: Handler
    new_arg: Any
    owner: Pid | None = None


class WhichHandlers(msgspec.Struct, frozen=True):
    """List the handlers, newest first."""


HandlerRequest: TypeAlias = SyncNotify | CallHandler | AddHandler | DeleteHandler | ExchangeHandler | WhichHandlers
