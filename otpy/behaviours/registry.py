"""Registry: who is known under a key, and who takes part in something.

With unique keys it names processes by anything that can be a key (see Via); with duplicate keys it says who listens to
what, and messages go to all of them (`dispatch`). What a registry keeps, and how an entry goes before anybody hears of
its owner's death, is in kernel/roster.py; here is what can be asked of it, and the process that it lives with.

Source: Elixir registry.ex.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias, final, get_args

import msgspec

from otpy.behaviours.child_spec import ChildSpec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_start import start_by_name
from otpy.behaviours.registry_server import RegistryServer
from otpy.behaviours.results import UNSET, Unset
from otpy.errors import AlreadyRegistered, NoProcess, NoSuchRegistry, NotRegistered, RegistryError
from otpy.kernel import ets_patterns, signals
from otpy.kernel.ets_sweep import KeysCollide
from otpy.kernel.here import current
from otpy.kernel.messages import SIGNALS
from otpy.kernel.pid import Pid
from otpy.kernel.plane import plane
from otpy.kernel.process import Process, checked_pid, deliver
from otpy.kernel.roster import Entry, Roster
from otpy.kernel.runtime import current_runtime, run_all

__all__ = ["Registered", "Registry", "Unregistered"]

Keys: TypeAlias = Literal["unique", "duplicate"]
Guard: TypeAlias = Callable[[dict[str, Any]], object]
ANY = ets_patterns.ANY
TRIPLE = 3
_OPTIONS: dict[str, Any] = {"partitions": 1, "listeners": (), "meta": None}


# -- what listeners get ----------------------------------------------------------------------------


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


# -- the registry ----------------------------------------------------------------------------------


@final
class Registry(Roster):
    """Entries of processes: a key and a value each. A process enters itself, and its entries end with it.

    `Registry(keys="unique")` starts one, linked with the running process; `Registry.child_spec(keys=…, name=…)` is how
    a supervisor does. One with a *name* is found with `Registry.named(name)`, and `Via(name, key)` names who has *key*
    in it, as does `Via(registry, key)`. With unique keys a key has one entry; with duplicate ones any number, also
    several of one process. Keys are told apart as in Erlang: 1, 1.0 and True are three.

    A process is linked with the registry as long as it has an entry: if the registry ends, so does who relied on it.

    - *partitions*: into how many parts `dispatch` divides its entries. One is enough but for `parallel=True`.
    - *listeners*: registered names of processes that get `Registered(registry, key, pid, value)` and
      `Unregistered(registry, key, pid)`, each in the order of what happens.
    - *meta*: values of the registry itself; see `meta`.

    Raises AlreadyStarted(pid) if the name is taken. After the registry's end every use raises NoSuchRegistry.

    Source: Elixir registry.ex.
    """

    ANY = ANY
    Var = ets_patterns.Variable

    def __init__(
        self,
        keys: Keys,
        *,
        name: str | None = None,
        partitions: int = 1,
        listeners: Sequence[str] = (),
        meta: Mapping[Any, Any] | None = None,
    ) -> None:
        _check_options(keys, name, partitions, listeners, meta)
        super().__init__(unique=keys == "unique")
        self.name = name
        self.partitions = partitions
        self.listeners = tuple(listeners)
        self.metas = Metas(dict(meta or {}))
        self._linked: set[Process] = set()  # those whose link with the registry is made by their entries
        RegistryServer.start_link(self, name=name)

    @classmethod
    def start_link(
        cls,
        *,
        keys: Keys,
        name: str,
        partitions: int = 1,
        listeners: Sequence[str] = (),
        meta: Mapping[Any, Any] | None = None,
    ) -> Pid:
        """Start a registry, linked with the running process, and return its pid: what a supervisor calls."""
        _check_name(name)
        return cls(keys, name=name, partitions=partitions, listeners=listeners, meta=meta).pid

    @classmethod
    def child_spec(
        cls,
        *,
        keys: Keys,
        name: str,
        id: Any = None,  # noqa: A002 - OTP's name
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        **options: Any,
    ) -> ChildSpec:
        """Return how a supervisor starts a registry; *id* is its name unless given, *options* as in `start_link`."""
        _check_name(name)
        if unknown := options.keys() - _OPTIONS.keys():
            msg = f"unknown options {sorted(unknown)} of a registry; give some of {', '.join(_OPTIONS)}"
            raise TypeError(msg)
        _check_options(keys, name, **{**_OPTIONS, **options})
        return ChildSpec(
            id=name if id is None else id,
            start=start_by_name(cls.start_link, (), {"keys": keys, "name": name, **options}),
            restart=restart,
            shutdown=shutdown,
        )

    @classmethod
    def named(cls, name: str) -> Registry:
        """Return the registry that is called *name* now. Raises NoSuchRegistry."""
        _check_name(name)
        found = current_runtime().registries.get(name)
        if isinstance(found, Registry):
            return found
        raise NoSuchRegistry(name)

    @property
    def pid(self) -> Process:
        """The process that the registry lives and ends with."""
        assert self.owner is not None
        return self.owner

    def __repr__(self) -> str:
        return f"Registry<{self.id} {self.name}>" if self.name else f"Registry<{self.id}>"

    # -- the own entries

    def register(self, key: Any, value: Any = None) -> Pid:
        """Enter the running process under *key*, with *value*; return the registry's pid, which it is linked with now.

        Raises AlreadyRegistered(key, pid) if keys are unique and *pid*, be it the own one, has this one.
        """
        taken = self._register(key, current(), value)
        if taken is not None:
            raise AlreadyRegistered(key, taken)
        return self.pid

    def _register(self, key: Any, process: Process, value: Any) -> Process | None:
        taken = self.enter(Entry(key, process, value))
        if taken is None and process.exit_reason is not None:
            raise NoProcess(process)
        return taken

    def unregister(self, key: Any) -> None:
        """Take out the own entries of *key*, if there are any."""
        self.remove(self._own(key))

    def unregister_match(self, key: Any, pattern: Any, *, guard: Guard | None = None) -> None:
        """Take out the own entries of *key* whose value matches *pattern*; see `match`."""
        self.remove([entry for entry, _ in _matching(self._own(key), pattern, guard)])

    def update_value(self, key: Any, change: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Let the own value of *key* be `change(value)`; return the new and the old one. For unique keys.

        Raises NotRegistered if *key* is not the own.
        """
        self._only_unique("update_value")
        own = self._own(key)
        if not own:
            raise NotRegistered(key, current())
        while True:
            old = own[0].value
            new = change(old)
            with plane:
                if own[0].value is old:  # else an upgrade has converted it meanwhile
                    own[0].value = new
                    return new, old

    def _own(self, key: Any) -> list[Entry]:
        return self.entries_under(key, current())

    # -- looking

    def lookup(self, key: Any) -> list[tuple[Pid, Any]]:
        """Return `(pid, value)` of each entry of *key*, oldest first."""
        return [(entry.pid, entry.value) for entry in self.entries_of(key)]

    def dispatch(self, key: Any, send: Callable[[list[tuple[Pid, Any]]], object], *, parallel: bool = False) -> None:
        """Call `send([(pid, value), …])` with all entries of *key*; not at all if there are none.

        With several partitions it is called once for each that has some, and with *parallel* each time in a process
        of its own, linked with this one; what one of them raises is raised here.
        """
        parts: dict[int, list[tuple[Pid, Any]]] = {}
        for entry in self.entries_of(key):
            parts.setdefault(self._partition(entry), []).append((entry.pid, entry.value))
        calls = [partial(send, part) for _, part in sorted(parts.items(), key=lambda part: part[0])]
        if parallel and self.partitions > 1:
            run_all(calls, label=f"dispatch of {self!r}")
            return
        for call in calls:
            call()

    def _partition(self, entry: Entry) -> int:
        """Return the partition of an entry: by its key where keys are unique, else by its process."""
        return (entry.number if self.unique else entry.pid.id) % self.partitions

    def keys(self, pid: Pid) -> list[Any]:
        """Return the keys of *pid*, oldest first; one with several entries as often."""
        self._buckets()
        return [entry.key for entry in self.entries_by(checked_pid(pid))]

    def values(self, key: Any, pid: Pid) -> list[Any]:
        """Return the values that *pid* has under *key*, oldest first."""
        return [entry.value for entry in self.entries_under(key, checked_pid(pid))]

    def count(self) -> int:
        """Return how many entries there are."""
        return len(self.entries())

    def match(self, key: Any, pattern: Any, *, guard: Guard | None = None) -> list[tuple[Pid, Any]]:
        """Return `(pid, value)` of the entries of *key* whose value matches *pattern*.

        In a pattern `Registry.ANY` matches everything, `Registry.Var("n")` too and binds it; in tuples part by part,
        and other values match what equals them. With *guard*, those only for which it is true of the variables:
        `lambda found: found["n"] > 1`.
        """
        return [(entry.pid, entry.value) for entry, _ in _matching(self.entries_of(key), pattern, guard)]

    def count_match(self, key: Any, pattern: Any, *, guard: Guard | None = None) -> int:
        """Return how many entries `match` would."""
        return len(self.match(key, pattern, guard=guard))

    def select(
        self,
        pattern: tuple[Any, Any, Any] = (ANY, ANY, ANY),
        *,
        guard: Guard | None = None,
        body: Callable[[dict[str, Any]], Any] | None = None,
    ) -> list[Any]:
        """Return `(key, pid, value)` of all entries that match *pattern*, which is such a tuple; see `match`.

        With *body*, a function of the variables, what that returns for each of them.
        """
        return [
            (entry.key, entry.pid, entry.value) if body is None else body(bound)
            for entry, bound in self._selected(pattern, guard)
        ]

    def count_select(self, pattern: tuple[Any, Any, Any] = (ANY, ANY, ANY), *, guard: Guard | None = None) -> int:
        """Return how many entries `select` would."""
        return sum(1 for _ in self._selected(pattern, guard))

    def _selected(self, pattern: tuple[Any, Any, Any], guard: Guard | None) -> Iterator[tuple[Entry, dict[str, Any]]]:
        if not isinstance(pattern, tuple) or len(pattern) != TRIPLE:
            msg = f"a pattern of select is a tuple (key, pid, value), such as (Registry.Var('key'), …), not {pattern!r}"
            raise TypeError(msg)
        for entry in self.entries():
            bound = ets_patterns.bind(pattern, (entry.key, entry.pid, entry.value))
            if bound is not None and (guard is None or guard(bound)):
                yield entry, bound

    # -- values of the registry itself

    def meta(self, key: Any, default: Any = None) -> Any:
        """Return what was put in under *key* by `put_meta` or at the start; *default* if nothing was."""
        self._buckets()
        return self.metas.content.get(key, default)

    def put_meta(self, key: Any, value: Any) -> None:
        """Keep *value* under *key*, for everybody to read with `meta`."""
        current()
        self._buckets()
        self.metas.change(lambda known: {**known, key: value})

    def delete_meta(self, key: Any) -> None:
        """Forget what is kept under *key*, if anything is."""
        current()
        self._buckets()
        self.metas.change(partial(_without, key))

    def own(self) -> Collection[tuple[Any, Any]]:
        """See Roster."""
        return tuple(self.metas.content.items())

    def replace_own(self, change: Callable[[tuple[Any, Any]], tuple[Any, Any]]) -> None:
        """See Roster."""
        self.metas.change(partial(_exchanged, change))

    # -- for Via

    def whereis_name(self, key: Any) -> Pid | None:
        """Return who has *key*, or None. For unique keys."""
        self._only_unique("a Via")
        found = self.one_of(key)
        return None if found is None else found.pid

    def register_name(self, key: Any, pid: Pid, value: Any = None) -> bool:
        """Enter *pid* under *key*, and return True; False if somebody has it. For unique keys."""
        self._only_unique("a Via")
        current()
        return self._register(key, checked_pid(pid), value) is None

    def unregister_name(self, key: Any) -> None:
        """Take out the own entry of *key*, if there is one."""
        self.unregister(key)

    def send(self, key: Any, message: Any) -> None:
        """Send *message* to who has *key*. Raises NoProcess if nobody has."""
        current()
        found = self.whereis_name(key)
        if found is None:
            raise NoProcess((self, key))
        deliver(found, message)  # type: ignore[arg-type]  # every Pid is a Process

    def _only_unique(self, what: str) -> None:
        if not self.unique:
            msg = f'{what} wants a registry whose keys are unique, and {self!r} has keys="duplicate"'
            raise RegistryError(msg)

    # -- what the roster asks for

    def gone(self) -> Exception:
        """See Roster."""
        return NoSuchRegistry(self.name or self)

    def open(self, owner: Process) -> None:
        """See Roster."""
        with plane:
            super().open(owner)
            if self.name is not None and owner.exit_reason is None:
                owner.runtime.registries[self.name] = self

    def _close(self) -> object:
        registries = self.pid.runtime.registries
        if self.name is not None and registries.get(self.name) is self:
            del registries[self.name]
        return super()._close()

    def _entered(self, entry: Entry) -> None:
        if self.pid not in (entry.pid.links or ()) and entry.pid is not self.pid:
            self._linked.add(entry.pid)
            signals.tie(entry.pid, self.pid)
        self._tell(Registered(self, entry.key, entry.pid, entry.value))

    def _left(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.pid in self._linked and not self.entries_by(entry.pid):
                self._linked.discard(entry.pid)
                signals.untie(entry.pid, self.pid)
            self._tell(Unregistered(self, entry.key, entry.pid))

    def _tell(self, message: Registered | Unregistered) -> None:
        for name in self.listeners:
            listener = self.pid.runtime.names.get(name)
            if listener is not None:
                deliver(listener, message)


@final
class Metas:
    """The values of a registry itself: a dict that is never changed, but exchanged as a whole."""

    __slots__ = ("content",)

    def __init__(self, content: dict[Any, Any]) -> None:
        self.content = content

    def change(self, change: Callable[[dict[Any, Any]], dict[Any, Any]]) -> None:
        """Have what `change(content)` returns, which is called again if somebody else was faster."""
        while True:
            before = self.content
            after = change(before)
            with plane:
                if self.content is before:
                    self.content = after
                    return


def _without(key: Any, known: dict[Any, Any]) -> dict[Any, Any]:
    left = dict(known)
    left.pop(key, None)
    return left


def _exchanged(change: Callable[[tuple[Any, Any]], tuple[Any, Any]], known: dict[Any, Any]) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for pair in known.items():
        key, value = change(pair)
        if key in made:
            raise KeysCollide(key)
        made[key] = value
    return made


def _matching(entries: Iterable[Entry], pattern: object, guard: Guard | None) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Find those whose value matches."""
    for entry in entries:
        bound = ets_patterns.bind(pattern, entry.value)
        if bound is not None and (guard is None or guard(bound)):
            yield entry, bound


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        msg = f"the name of a registry is a non-empty str, not {name!r}; Registry(keys=…) makes one without a name"
        raise TypeError(msg)


def _check_options(keys: object, name: object, partitions: object, listeners: object, meta: object) -> None:
    if keys not in get_args(Keys):
        msg = f"keys is {keys!r}; give {' or '.join(map(repr, get_args(Keys)))}"
        raise ValueError(msg)
    if name is not None:
        _check_name(name)
    if not isinstance(partitions, int) or isinstance(partitions, bool) or partitions < 1:
        msg = f"partitions is {partitions!r}; give a whole number, 1 or more"
        raise ValueError(msg)
    if not isinstance(listeners, list | tuple) or not all(isinstance(each, str) and each for each in listeners):
        msg = f"listeners is {listeners!r}; give a list of registered names (str)"
        raise TypeError(msg)
    if meta is not None and not isinstance(meta, Mapping):
        msg = f"meta is {meta!r}; give a dict"
        raise TypeError(msg)
