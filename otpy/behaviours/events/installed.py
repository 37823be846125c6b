"""The handlers that a manager has, newest first, as a value. Pure."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from otpy.behaviours.events.handler import GenEvent, Handler, parts_of
from otpy.kernel.newborn import current_class
from otpy.kernel.pid import Pid


class Installed(msgspec.Struct, frozen=True):
    """One handler. *arg* is what its `init` was given, *vsn* the version that its *state* is of."""

    kind: type[GenEvent[Any]]
    id: Any
    state: Any
    owner: Pid | None = None
    arg: Any = None
    vsn: Any = None

    @property
    def handler(self) -> Handler:
        """What it is called by."""
        return self.kind if self.id is None else (self.kind, self.id)

    def with_state(self, state: Any) -> Installed:
        """Return it with another state."""
        if state is self.state:
            return self
        return Installed(self.kind, self.id, state, self.owner, self.arg, self.vsn)

    def is_called(self, handler: Handler) -> bool:
        """Whether *handler*, perhaps by a class that an upgrade has replaced since, is this one."""
        kind, ident = parts_of(handler)
        if kind is not self.kind and now(kind) is not self.kind:
            return False
        return ident is self.id or (type(ident) is type(self.id) and bool(ident == self.id))


def now(kind: type[GenEvent[Any]]) -> type[GenEvent[Any]]:
    """Return what *kind* is by now, after what upgrades have put in its place."""
    return current_class(kind)


Handlers: TypeAlias = tuple[Installed, ...]


def find(handlers: Handlers, handler: Handler) -> Installed | None:
    """Return the newest of *handlers* that is called *handler*; there may be several, as in OTP."""
    return next((each for each in handlers if each.is_called(handler)), None)


def without(handlers: Handlers, gone: Installed) -> Handlers:
    """Return *handlers* without this very one."""
    return tuple(each for each in handlers if each is not gone)


def exchanged(handlers: Handlers, old: Installed, new: Installed | None) -> Handlers:
    """Return *handlers* with *new* in the place of *old*; None leaves no one there."""
    return without(handlers, old) if new is None else tuple(new if each is old else each for each in handlers)
