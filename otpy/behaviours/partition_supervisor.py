"""PartitionSupervisor: the same child several times, each with its share of the work.

One server that everybody calls is a bottleneck. Here there are as many as wanted, and a key says which one it is:
`Via(PartitionSupervisor, (name, key))` stands for the same partition each time. Who looks for one reads the state of
the supervisor, and does not ask it.

Source: Elixir partition_supervisor.ex.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args

import msgspec

from otpy.behaviours import gen, starting, supervisor
from otpy.behaviours.child_spec import AnyChildSpec, ChildCounts, ChildInfo, ChildSpec, SupFlags, check_spec
from otpy.behaviours.child_spec import Restart as RestartType
from otpy.behaviours.child_spec import Shutdown as ShutdownType
from otpy.behaviours.children_ordered import OrderedChildren
from otpy.behaviours.children_start import MFA, Fun, start_by_name
from otpy.behaviours.children_state import Children
from otpy.behaviours.cores import cores
from otpy.behaviours.results import UNSET, Ignore, NoReply, Reply, Unset
from otpy.behaviours.supervisor import Supervisor
from otpy.behaviours.supervisor_server import DeleteChild, StartChild
from otpy.errors import BadChildSpec, BadReturn, NoProcess, NotSupported
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import Dest, resolve
from otpy.kernel.primitives import send as send_to
from otpy.kernel.process import Process
from otpy.kernel.reasons import Normal, Reason
from otpy.kernel.via import Name, Via, check_name

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
WithArguments: TypeAlias = Callable[[Sequence[Any], int], Sequence[Any]]
_PAIR = 2


class PartitionOptions(TypedDict, total=False):
    """The options of a PartitionSupervisor; see Partitions."""

    partitions: int | None
    strategy: Strategy
    max_restarts: int
    max_seconds: float
    with_arguments: WithArguments | None


class Partitions(msgspec.Struct, frozen=True):
    """What a PartitionSupervisor has.

    - `child_spec`: the spec of each partition, but for the id, which is its number.
    - `partitions`: how many there are; as many as there are cores, if None.
    - `strategy`, `max_restarts`, `max_seconds`: as the flags of any supervisor.
    - `with_arguments`: gets the arguments of the child's start and the number of a partition, and returns the arguments
      of that one. Give it a name, by `def`: a lambda is another one each time its line runs.

    Raises BadChildSpec; TypeError or ValueError for options that cannot be.
    """

    child_spec: AnyChildSpec
    partitions: int | None = None
    strategy: Strategy = "one_for_one"
    max_restarts: int = 3
    max_seconds: float = 5.0
    with_arguments: WithArguments | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense where it is given; at the flags looks who looks at all flags."""
        self._checked_spec()
        number: object = self.partitions
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            msg = f"partitions is {number!r}; give a whole number, 1 or more, or None for as many as there are cores"
            raise TypeError(msg)
        if number is not None and number < 1:
            msg = f"partitions is {number!r}; give 1 or more"
            raise ValueError(msg)
        if self.strategy not in get_args(Strategy):
            msg = f"strategy is {self.strategy!r}; give one of {', '.join(get_args(Strategy))}"
            raise ValueError(msg)
        if self.with_arguments is not None and not callable(self.with_arguments):
            msg = (
                f"with_arguments is {self.with_arguments!r}; give a function of the arguments and a partition's number"
            )
            raise TypeError(msg)

    def flags(self) -> SupFlags:
        """Return the flags of the supervisor."""
        return SupFlags(self.strategy, self.max_restarts, self.max_seconds)

    def specs(self) -> list[ChildSpec]:
        """Return the spec of each partition."""
        spec = self._checked_spec()
        return [self._spec(spec, partition) for partition in range(self.partitions or cores())]

    def _spec(self, spec: ChildSpec, partition: int) -> ChildSpec:
        start = spec.start
        if self.with_arguments is not None and isinstance(start, MFA | Fun):
            start = msgspec.structs.replace(start, args=tuple(self.with_arguments(list(start.args), partition)))
        return msgspec.structs.replace(spec, id=partition, start=start)

    def _checked_spec(self) -> ChildSpec:
        spec = check_spec(self.child_spec, "never")
        if isinstance(spec, BadChildSpec):
            raise spec
        return spec


class PartitionSupervisor(Supervisor):
    """Start one with `start_link`; the functions of this class take it, or its name, as *server*.

    A subclass may say what it has in its `init`: `return Partitions(Counter.child_spec(0), partitions=4)`. It is
    started as `Shards.start_link(name="shards")`, and an upgrade that changes its `init` starts and ends partitions.
    """

    __slots__ = ()

    # -- starting

    @classmethod
    def start_link(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a spec and its options
        cls,
        child_spec: AnyChildSpec | None = None,
        *,
        name: Name,
        **options: Unpack[PartitionOptions],
    ) -> Pid:
        """Start a supervisor, under *name* and linked with the caller, that has *child_spec* several times.

        For the *options* see Partitions. Raises what that raises, AlreadyStarted, and InitStopped as
        `Supervisor.start_link` does.
        """
        check_name(name)
        return starting.start(cls, cls._argument(child_spec, options), name=name, timeout=None, link=True)

    @classmethod
    def child_spec(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - a spec and its options
        cls,
        child_spec: AnyChildSpec | None = None,
        *,
        name: Name,
        restart: RestartType = "permanent",
        shutdown: ShutdownType | Unset = UNSET,
        **options: Unpack[PartitionOptions],
    ) -> ChildSpec:
        """Return how a supervisor starts this one. Its id is the name, or the key if that is a Via."""
        check_name(name)
        cls._argument(child_spec, options)
        return ChildSpec(
            id=name.key if isinstance(name, Via) else name,
            start=start_by_name(cls.start_link, (child_spec,), {"name": name, **options}),
            restart=restart,
            shutdown=shutdown,
            type="supervisor",
        )

    @classmethod
    def _argument(cls, child_spec: Any, options: PartitionOptions) -> Partitions | None:
        """Return what `init` gets: what is given, or nothing where a subclass needs nothing."""
        unknown = options.keys() - PartitionOptions.__annotations__
        if unknown:
            known = ", ".join(PartitionOptions.__annotations__)
            msg = f"partitions have no option {', '.join(sorted(unknown))}; give some of {known}"
            raise TypeError(msg)
        is_left_out = (child_spec, options) == (None, {}) and cls.init is not PartitionSupervisor.init
        return None if is_left_out else Partitions(child_spec, **options)

    # -- asking

    @staticmethod
    def partitions(server: Dest) -> int:
        """Return how many partitions there are. Raises NoProcess, TypeError."""
        return len(_children(resolve(server)))

    @staticmethod
    def which_children(server: Dest) -> list[ChildInfo]:
        """List the partitions; the id of each is its number. Raises NoProcess."""
        return supervisor.which_children(server)

    @staticmethod
    def count_children(server: Dest) -> ChildCounts:
        """Count partitions. Raises NoProcess."""
        return supervisor.count_children(server)

    @staticmethod
    def stop(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - pykka's is of the actor
        server: Dest,
        reason: Reason = Normal(),  # noqa: B008 - a frozen value
        *,
        timeout: float | None = None,
    ) -> None:
        """Order the supervisor to end with *reason* and wait until it has, with all partitions; see `otpy.stop`."""
        gen.stop(server, reason, timeout=timeout)

    # -- a registry, for Via

    @staticmethod
    def whereis_name(key: tuple[Dest, Any]) -> Pid | None:
        """Return the partition of *key*, `(server, key)`: the same as long as there are as many of them.

        A whole number goes by its absolute value, modulo their number; any other key by a hash, which for `str`,
        `bytes`, other numbers, None and tuples of these is the same in each run.
        """
        server, of = _split(key)
        try:
            children = _children(resolve(server))
        except NoProcess:
            return None
        if not children:
            return None
        child = children.get(partition_of(of, len(children)))
        return None if child is None or child.restarting else child.pid

    @staticmethod
    def send(key: tuple[Dest, Any], message: Any) -> None:
        """Send *message* to the partition of *key*. Raises NoProcess."""
        found = PartitionSupervisor.whereis_name(key)
        if found is None:
            raise NoProcess(Via(PartitionSupervisor, key))
        send_to(found, message)

    @staticmethod
    def register_name(key: tuple[Dest, Any], pid: Pid) -> bool:  # noqa: ARG004 - what Via gives
        """Refuse: partitions are started by their supervisor, and named by nobody."""
        raise _no_names(key)

    @staticmethod
    def unregister_name(key: tuple[Dest, Any]) -> None:
        """Refuse, as `register_name`."""
        raise _no_names(key)

    # -- the supervisor

    def init(self, arg: Any) -> Any:
        """Return the Partitions that it has: those that it was started with, unless a subclass says otherwise.

        It runs again when the supervisor's code is changed.
        """
        return arg

    def _wanted(self, arg: Any) -> Any:
        found = self.init(arg)
        if isinstance(found, Ignore):
            return found
        if not isinstance(found, Partitions):
            raise BadReturn("init", found)
        return found.flags(), found.specs()

    def handle_call(self, request: Any, from_: object, state: Children) -> Reply[Any, Children] | NoReply[Children]:
        """Answer a request; there are as many children as there are partitions, no more and no fewer."""
        if isinstance(request, StartChild | DeleteChild):
            what = "start_child" if isinstance(request, StartChild) else "delete_child"
            return Reply(NotSupported(what, "partition"), state)
        return super().handle_call(request, from_, state)


def _children(process: Process) -> Mapping[Any, Any]:
    """Return the partitions of *process* by their numbers, without asking it; none while it starts.

    Raises NoProcess; TypeError for what has none.
    """
    if process.exit_reason is not None:
        raise NoProcess(process)
    actor, state = process.actor, process.state
    if actor is None:  # it is ending
        raise NoProcess(process)
    if isinstance(actor, PartitionSupervisor):
        return state.children if isinstance(state, OrderedChildren) else {}
    msg = f"{process!r} is no PartitionSupervisor: give one, or the name under which it was started"
    raise TypeError(msg)


def partition_of(key: object, partitions: int) -> int:
    """Return the number of the partition that *key* belongs to."""
    return _code_of(key) % partitions


def _code_of(key: object) -> int:
    """Return a number for *key* that does not change from run to run, where its hash would."""
    match key:
        case int():
            return abs(key)
        case str():
            return zlib.crc32(key.encode("utf-8", "surrogatepass"))
        case bytes():
            return zlib.crc32(key)
        case tuple():
            return abs(hash(tuple(map(_code_of, key))))
        case None:
            return 0
        case Pid():
            return key.id
        case _:
            return abs(_hash_of(key))


def _hash_of(key: object) -> int:
    try:
        return hash(key)
    except TypeError as error:
        msg = f"{key!r} is no key of a partition, {error}; give one that is hashable, such as a str or a whole number"
        raise TypeError(msg) from None


def _split(key: object) -> tuple[Dest, Any]:
    if isinstance(key, tuple) and len(key) == _PAIR:
        return key
    msg = f"{key!r} names no partition: give Via(PartitionSupervisor, (name, key))"
    raise TypeError(msg)


def _no_names(key: object) -> ValueError:
    return ValueError(f"{key!r} is the name of a partition, which its supervisor starts; give another name")
