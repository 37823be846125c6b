"""Names that are kept elsewhere than in the runtime: `Via(registry, key)`, and how a new process takes its name.

A registry is whatever finds a process by a key: otpy's own, or an object or class of the user with the functions of
`NameRegistry`. Those are called by who uses the name, never under a lock.

Source: OTP gen.erl, register_name/1 and unregister_name/1; the `{via, Module, Name}` of gen_server(3).
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol, TypeAlias, final

import msgspec

from otpy.errors import AlreadyRegistered, AlreadyStarted, NoProcess, NoSuchRegistry
from otpy.kernel import signals
from otpy.kernel.here import current
from otpy.kernel.pid import Pid
from otpy.kernel.process import Process
from otpy.kernel.reasons import Killed

__all__ = ["Name", "NameRegistry", "Via", "check_name", "claim", "give_back"]

TRIES = 10
"""How often somebody may have a name when it is wanted, and have ended when it is asked who that is."""

_CONTRACT = ("whereis_name", "register_name", "unregister_name", "send")


class NameRegistry(Protocol):
    """What `Via` asks of a registry: the four functions of OTP's via modules."""

    def whereis_name(self, key: Any, /) -> Pid | None:
        """Return who has *key*, or None."""
        ...

    def register_name(self, key: Any, pid: Pid, /) -> bool:
        """Let *pid*, which may not run yet, have *key*; False if somebody has it."""
        ...

    def unregister_name(self, key: Any, /) -> object:
        """Let nobody have *key*."""
        ...

    def send(self, key: Any, message: Any, /) -> object:
        """Send *message* to who has *key*. Raises NoProcess if nobody has."""
        ...


@final
class Via(msgspec.Struct, frozen=True):
    """A name that *registry* knows: whoever has *key* there. It stands wherever the name of a process can stand.

    *registry* is a Registry with unique keys, the name of one, or an object, class or module with the functions
    `whereis_name(key)`, `register_name(key, pid)`, `unregister_name(key)` and `send(key, message)`. It is asked at each
    use, so a Via can be kept. As `name=` of a start, it gives the new process *key* before its `init` runs; *value*,
    unless it is None, is handed to `register_name` as a third argument, for a Registry to keep beside the key.

    Raises TypeError for what is no registry. Using it raises NoSuchRegistry, which is a NoProcess, while there is no
    registry of that name, and RegistryError if the registry's keys are not unique.

    Source: the `{via, Module, Name}` of gen_server(3); Elixir's Registry, "Using in :via".
    """

    registry: str | NameRegistry
    key: Any
    value: Any = None

    def __post_init__(self) -> None:
        """Refuse what is no registry where it is given."""
        registry: object = self.registry
        if isinstance(registry, str) and registry:
            return
        missing = [name for name in _CONTRACT if not callable(getattr(registry, name, None))]
        if missing:
            msg = (
                f"{registry!r} is no registry: it has no {', '.join(missing)}. Give a Registry, the name of one, or an "
                f"object with {', '.join(_CONTRACT)}"
            )
            raise TypeError(msg)

    def whereis(self) -> Process | None:
        """Return who has the name now, or None. Raises NoSuchRegistry; TypeError if the registry finds no Pid."""
        found = self._registry().whereis_name(self.key)
        if found is None or isinstance(found, Process):
            return found
        msg = f"{self.registry!r}.whereis_name({self.key!r}) returned {found!r}; it returns a Pid or None"
        raise TypeError(msg)

    def send(self, message: Any) -> None:
        """Send *message* to who has the name. Raises NoProcess if nobody has."""
        self._registry().send(self.key, message)

    def claim(self, process: Process) -> bool:
        """Let *process* have the name; False if somebody has it."""
        more = () if self.value is None else (self.value,)
        taken = self._registry().register_name(self.key, process, *more)
        if isinstance(taken, bool):
            return taken
        msg = f"{self.registry!r}.register_name({self.key!r}, …) returned {taken!r}; it returns True or False"
        raise TypeError(msg)

    def give_back(self, process: Process) -> None:
        """Let nobody have the name, if *process* has it."""
        if self.whereis() is process:
            self._registry().unregister_name(self.key)

    def _registry(self) -> NameRegistry:
        if not isinstance(self.registry, str):
            return self.registry
        found = current().runtime.registries.get(self.registry)
        if found is None:
            raise NoSuchRegistry(self.registry)
        return found


Name: TypeAlias = str | Via
"""What a process can be called when it is started."""


def check_name(name: object) -> None:
    """Refuse what can be no name of a process."""
    if not isinstance(name, Via) and not (isinstance(name, str) and name):
        msg = f"a name is a non-empty str or a Via, not {name!r}"
        raise TypeError(msg)


def claim(process: Process, name: Name) -> None:
    """Give *name* to *process*, which does not run yet. Raises AlreadyStarted(pid) if *pid* has it."""
    check_name(name)
    if isinstance(name, str):
        try:
            signals.register(process, name)
        except AlreadyRegistered as taken:
            raise AlreadyStarted(taken.pid) from None
        return
    try:
        has_it, holder = _claim_via(process, name)
    except BaseException:
        signals.end(process, Killed())  # nobody will start it, and somebody may have heard of it
        raise
    if not has_it:
        signals.end(process, Killed())
        raise AlreadyStarted(holder)


def _claim_via(process: Process, name: Via) -> tuple[bool, Process | None]:
    """Return whether *process* has the name now, or else who has it; None if the registry does not say."""
    for _ in range(TRIES):
        if name.claim(process):
            return True, None
        if (holder := name.whereis()) is not None:
            return False, holder
    return False, None


def give_back(process: Process, name: Name) -> None:
    """Take *name* from *process*, which did not start. A registered name has gone with its death.

    Source: OTP gen.erl: unregister_name/1.
    """
    if isinstance(name, Via):
        with contextlib.suppress(NoProcess):  # the registry is gone, and the name with it
            name.give_back(process)
