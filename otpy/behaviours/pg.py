"""Process groups: processes join groups by name, and anybody may ask who is in one, or be told when that changes.

`otpy.pg` is this module. A group is any hashable value, and is there as long as it has members. Groups live in scopes
that know nothing of each other; the scope "pg" is there without being started, others are started with
`start_link(scope)`, or as a child of a supervisor. A process may join a group several times, and leaves it as often.
Who ends has left its groups before anybody hears of its end.

Everything but `start_link` raises NoProcess for a scope that was not started, or has ended.

Source: OTP pg.erl.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.gen_server import GenServer
from otpy.behaviours.results import Ok
from otpy.errors import NoProcess
from otpy.kernel.groups import Joined, Left, Scope
from otpy.kernel.here import current
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import take
from otpy.kernel.process import Process, checked_pid
from otpy.kernel.roster import Entry
from otpy.kernel.runtime import current_runtime

__all__ = [
    "Joined",
    "Left",
    "child_spec",
    "demonitor",
    "get_local_members",
    "get_members",
    "join",
    "leave",
    "members",
    "monitor",
    "monitor_scope",
    "start",
    "start_link",
    "which_groups",
    "which_local_groups",
]

DEFAULT = "pg"
"""The scope that needs no start."""

Pids: TypeAlias = Pid | Iterable[Pid]


class ScopeServer(GenServer[Scope]):
    """Has nothing to do but to live: its state is the scope."""

    __slots__ = ()

    def init(self, arg: str) -> Ok[Scope]:
        """Let the scope begin. What was joined in the implicit one before stays."""
        me = current()
        scope = me.runtime.scopes.setdefault(arg, Scope(arg))
        scope.open(me)
        return Ok(scope)


def start_link(scope: str = DEFAULT) -> Pid:
    """Start *scope*, linked with the running process; its groups end with it. Raises AlreadyStarted(pid)."""
    return ScopeServer.start_link(_checked(scope), name=scope)


def start(scope: str = DEFAULT) -> Pid:
    """As `start_link`, without the link."""
    return ScopeServer.start(_checked(scope), name=scope)


def child_spec(scope: str = DEFAULT) -> ChildSpec:
    """Return how a supervisor starts *scope*; its id is the scope."""
    return ChildSpec(id=_checked(scope), start=start_by_name(start_link, (scope,)))


def join(group: Any, pids: Pids | None = None, *, scope: str = DEFAULT) -> None:
    """Let *pids*, one or several, join *group*; the running process unless given. The dead do not join."""
    current()
    _scope(scope).join(group, _processes(pids))


def leave(group: Any, pids: Pids | None = None, *, scope: str = DEFAULT) -> bool:
    """Take *pids* out of *group*, once for each time that one is given; False if none of them was in it."""
    current()
    return _scope(scope).leave(group, _processes(pids))


def members(group: Any, *, scope: str = DEFAULT) -> list[Pid]:
    """Return who is in *group*, as often as it has joined; who joined last comes first."""
    return [entry.pid for entry in reversed(_scope(scope).entries_of(group))]


def get_members(group: Any, *, scope: str = DEFAULT) -> list[Pid]:
    """Return `members`, by the name that it has in OTP."""
    return members(group, scope=scope)


def get_local_members(group: Any, *, scope: str = DEFAULT) -> list[Pid]:
    """Return the members that run in this interpreter: all."""
    return members(group, scope=scope)


def which_groups(*, scope: str = DEFAULT) -> list[Any]:
    """Return the groups that have members, in no order to rely on."""
    return list({id(entry.value): entry.key for entry in _scope(scope).entries()}.values())


def which_local_groups(*, scope: str = DEFAULT) -> list[Any]:
    """Return the groups that have members in this interpreter: all."""
    return which_groups(scope=scope)


def monitor(group: Any, *, scope: str = DEFAULT) -> tuple[Ref, list[Pid]]:
    """Have this process told of changes of *group*; return a ref and the members of this moment.

    It gets `Joined(ref, group, pids)` and `Left(ref, group, pids)`, each in the order of what happens.
    """
    ref, entries = _scope(scope).watch(current(), group)
    return ref, [entry.pid for entry in reversed(entries)]


def monitor_scope(*, scope: str = DEFAULT) -> tuple[Ref, dict[Any, list[Pid]]]:
    """As `monitor`, of all groups; return a ref and who is in which group at this moment."""
    ref, entries = _scope(scope).watch(current())
    return ref, _by_group(entries)


def demonitor(ref: Ref, *, scope: str = DEFAULT) -> bool:
    """Undo `monitor` or `monitor_scope`, and take its messages out of the own mailbox; False if *ref* is unknown."""
    current()
    known = _scope(scope).unwatch(ref)
    if known:
        while take(lambda message: type(message) in {Joined, Left} and message.ref is ref) is not None:
            pass
    return known


def _scope(name: str) -> Scope:
    scopes = current_runtime().scopes
    found = scopes.get(_checked(name))
    if found is None and name == DEFAULT:
        found = scopes.setdefault(name, Scope(name))
    if found is None:
        raise NoProcess(name)
    return found


def _checked(scope: object) -> str:
    if not isinstance(scope, str) or not scope:
        msg = f"a scope is a non-empty str, not {scope!r}"
        raise TypeError(msg)
    return scope


def _processes(pids: Pids | None) -> list[Process]:
    if pids is None:
        return [current()]
    if isinstance(pids, Pid):
        return [checked_pid(pids)]
    if isinstance(pids, str) or not isinstance(pids, Iterable):
        msg = f"{pids!r} is no Pid, and not several of them; names are looked up with otpy.whereis(name)"
        raise TypeError(msg)
    return [checked_pid(pid) for pid in pids]


def _by_group(entries: Sequence[Entry]) -> dict[Any, list[Pid]]:
    """Return who is in which group, who joined last first."""
    found: dict[Any, list[Pid]] = {}
    for entry in reversed(entries):
        found.setdefault(entry.key, []).append(entry.pid)
    return found
