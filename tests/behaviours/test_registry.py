"""Registry: what Elixir's registry_test.exs has, and that an entry goes before anybody hears of its owner's death."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import otpy
from otpy import Registered, Registry, Unregistered, Via, pg
from otpy.kernel.rehearsal import rehearsing
from tests.support import DEADLINE, Echo, down, eventually, get, inside, reason_of

ANY, Var = Registry.ANY, Registry.Var
PARTITIONS = pytest.mark.parametrize("partitions", [1, 8])
KINDS = pytest.mark.parametrize("keys", ["unique", "duplicate"])


def _is_done(message: Any) -> bool:
    return isinstance(message, tuple) and message[0] == "done"


class Other:
    """Another process, which does what it is told and then waits for more."""

    def __init__(self) -> None:
        self.pid = otpy.spawn(self._run)

    @staticmethod
    def _run() -> None:
        while True:
            fn, asker = otpy.receive()
            try:
                answer = fn()
            except otpy.OtpyError as error:
                answer = error
            otpy.send(asker, ("done", answer))

    def do(self, fn: Callable[[], Any]) -> Any:
        """Have it run *fn*, and return what that returns or raises."""
        otpy.send(self.pid, (fn, otpy.self_pid()))
        return otpy.receive(_is_done, timeout=DEADLINE)[1]

    def kill(self) -> None:
        """End it, and wait for the Down message."""
        ref = otpy.monitor(self.pid)
        otpy.exit(self.pid, otpy.Kill())
        down(ref)


# -- unique keys -----------------------------------------------------------------------------------


# case: registry_test.exs: unique
# case: registry_test.exs: keys
# case: registry_test.exs: lookup
@PARTITIONS
@inside
def test_a_unique_key_has_one_owner(partitions: int) -> None:
    """A second register is refused with who has it, also for the owner."""
    registry = Registry("unique", partitions=partitions)
    me = otpy.self_pid()
    assert registry.register("hello", "value") is registry.pid
    with pytest.raises(otpy.AlreadyRegistered) as error:
        registry.register("hello", 1)
    for refused in (error.value, Other().do(lambda: registry.register("hello", 2))):
        assert (refused.name, refused.pid) == ("hello", me)
    registry.register("world", "other")
    assert registry.lookup("hello") == [(me, "value")]
    assert registry.keys(me) == ["hello", "world"]


# case: registry_test.exs: unique
@KINDS
@PARTITIONS
@inside
def test_an_entry_is_gone_when_its_owner_s_monitor_hears(keys: Any, partitions: int) -> None:
    """That is more than Elixir promises: whoever reacts to a Down finds the key free, at once and always."""
    registry = Registry(keys, partitions=partitions)
    for _ in range(50):
        other = Other()
        other.do(lambda: registry.register("key"))
        other.do(lambda: registry.register("second"))
        other.kill()
        assert registry.lookup("key") == []
        assert registry.keys(other.pid) == []
        assert registry.count() == 0


@inside
def test_links_too_hear_of_a_death_only_when_the_entry_is_gone() -> None:
    """An exit signal is as good a reason to register again as a Down message."""
    registry = Registry("unique")
    otpy.trap_exit(True)
    for _ in range(50):
        pid = otpy.spawn_link(lambda: (registry.register("key"), otpy.receive()))
        eventually(lambda: registry.lookup("key"))
        otpy.send(pid, "end")
        otpy.receive(lambda message: isinstance(message, otpy.Exit), timeout=DEADLINE)
        assert registry.whereis_name("key") is None


# case: registry_test.exs: keys
@pytest.mark.parametrize("keys", [(1, 1.0, True), ((1, "a"), (1.0, "a")), ("1", b"1")], ids=repr)
@inside
def test_keys_are_compared_strictly(keys: tuple[Any, ...]) -> None:
    """By type too: in a dict 1, 1.0 and True are one key."""
    registry = Registry("unique")
    for key in keys:
        registry.register(key, key)
    assert [registry.lookup(key) for key in keys] == [[(otpy.self_pid(), key)] for key in keys]
    assert [type(registry.lookup(key)[0][1]) for key in keys] == [type(key) for key in keys]
    registry.unregister(keys[0])
    assert [bool(registry.lookup(key)) for key in keys] == [False, *[True] * (len(keys) - 1)]


# -- duplicate keys --------------------------------------------------------------------------------


# case: registry_test.exs: duplicate
# case: registry_test.exs: values
# case: registry_test.exs: lookup
@PARTITIONS
@inside
def test_a_duplicate_key_has_many_entries(partitions: int) -> None:
    """Of several processes, and several of one."""
    registry = Registry("duplicate", partitions=partitions)
    me, other = otpy.self_pid(), Other()
    registry.register("hello", 1)
    other.do(lambda: registry.register("hello", 2))
    registry.register("hello", 1)
    assert registry.lookup("hello") == [(me, 1), (other.pid, 2), (me, 1)]
    assert registry.keys(me) == ["hello", "hello"]
    assert registry.values("hello", me) == [1, 1]
    other.kill()
    assert registry.lookup("hello") == [(me, 1), (me, 1)]
    registry.unregister("hello")
    assert registry.lookup("hello") == []


# case: registry_test.exs: duplicate
@inside
def test_duplicate_keys_are_no_names() -> None:
    """A name stands for one process."""
    registry = Registry("duplicate", name="topics")
    uses: list[Callable[[], object]] = [
        lambda: Echo.start(name=Via(registry, "k")),
        lambda: Echo.start(name=Via("topics", "k")),
        lambda: otpy.whereis(Via("topics", "k")),
        lambda: otpy.send(Via("topics", "k"), 1),
        lambda: otpy.call(Via("topics", "k"), 1),
        lambda: registry.update_value("k", str),
    ]
    for use in uses:
        with pytest.raises(otpy.RegistryError, match="unique"):
            use()


# -- looking ---------------------------------------------------------------------------------------


# case: registry_test.exs: match
# case: registry_test.exs: count_match
@KINDS
@PARTITIONS
@inside
def test_matching_values_of_a_key(keys: Any, partitions: int) -> None:
    """match, count_match: patterns with variables that must agree, and guards of the variables."""
    registry = Registry(keys, partitions=partitions)
    me = otpy.self_pid()
    value = (1, ("atom", "atom"), 1)
    registry.register("hello", value)
    assert registry.match("hello", (1, ANY, ANY)) == [(me, value)]
    assert registry.match("hello", (1.0, ANY, ANY)) == [(me, value)]
    assert registry.match("hello", (Var("n"), ANY, Var("n"))) == [(me, value)]
    assert registry.match("hello", (ANY, (Var("n"), "other"), ANY)) == []
    assert registry.match("hello", Var("all")) == [(me, value)]
    assert registry.match("hello", (Var("n"), ANY, ANY), guard=lambda found: found["n"] > 1) == []
    assert registry.match("hello", (Var("n"), ANY, ANY), guard=lambda found: found["n"] < 2) == [(me, value)]
    assert registry.match("absent", ANY) == []
    assert registry.count_match("hello", ANY) == 1
    assert registry.count_match("hello", (2, ANY, ANY)) == 0


# case: registry_test.exs: select
# case: registry_test.exs: count_select
# case: registry_test.exs: count
@PARTITIONS
@inside
def test_selecting_entries(partitions: int) -> None:
    """select, count_select: patterns over key, pid and value, guards, and a body that says what comes out."""
    registry = Registry("duplicate", partitions=partitions)
    me, other = otpy.self_pid(), Other()
    registry.register("a", 1)
    registry.register("b", 2)
    other.do(lambda: registry.register("a", 3))
    everything = [("a", me, 1), ("b", me, 2), ("a", other.pid, 3)]
    assert sorted(registry.select(), key=repr) == sorted(everything, key=repr)
    assert registry.select(("b", ANY, ANY)) == [("b", me, 2)]
    assert registry.select((ANY, other.pid, Var("n"))) == [("a", other.pid, 3)]
    found = registry.select(
        (Var("k"), ANY, Var("n")), guard=lambda found: found["k"] == "a", body=lambda found: found["n"]
    )
    assert sorted(found) == [1, 3]
    assert registry.select((ANY, ANY, 9)) == []
    assert (registry.count_select(), registry.count_select(("a", ANY, ANY))) == (3, 2)
    assert registry.count_select((ANY, ANY, Var("n")), guard=lambda found: found["n"] > 1) == 2
    assert registry.count() == 3
    for bad in ("a", ("a", ANY), [ANY, ANY, ANY]):
        with pytest.raises(TypeError, match="key, pid, value"):
            registry.select(bad)  # type: ignore[arg-type]


# case: registry_test.exs: unregister_match
@KINDS
@inside
def test_taking_out_what_matches(keys: Any) -> None:
    """unregister_match: of the own entries of one key only."""
    registry = Registry(keys)
    other = Other()
    registry.register("hello", ("a", 1))
    registry.register("world", ("a", 1))
    if keys == "duplicate":
        registry.register("hello", ("b", 2))
        other.do(lambda: registry.register("hello", ("a", 1)))
    registry.unregister_match("hello", ("c", ANY))
    registry.unregister_match("hello", ("a", Var("n")), guard=lambda found: found["n"] > 1)
    assert registry.values("hello", otpy.self_pid())[:1] == [("a", 1)]
    registry.unregister_match("hello", ("a", ANY))
    assert registry.values("hello", otpy.self_pid()) == ([("b", 2)] if keys == "duplicate" else [])
    assert registry.count_match("hello", ("a", ANY)) == (1 if keys == "duplicate" else 0)
    assert registry.keys(otpy.self_pid())[0] == "world"


# case: registry_test.exs: update_value
@inside
def test_a_value_is_updated_by_its_owner_only() -> None:
    """Others get NotRegistered, and so does who has no such key."""
    registry = Registry("unique")
    registry.register("n", 1)
    assert registry.update_value("n", lambda n: n + 1) == (2, 1)
    assert registry.lookup("n") == [(otpy.self_pid(), 2)]
    refused = Other().do(lambda: registry.update_value("n", str))
    assert isinstance(refused, otpy.NotRegistered)
    with pytest.raises(otpy.NotRegistered, match="'other'"):
        registry.update_value("other", str)
    with pytest.raises(ZeroDivisionError):
        registry.update_value("n", lambda n: n / 0)
    assert registry.lookup("n") == [(otpy.self_pid(), 2)]


# -- dispatch --------------------------------------------------------------------------------------


# case: registry_test.exs: dispatch
@KINDS
@inside
def test_dispatch_calls_once_with_all_entries(keys: Any) -> None:
    """And not at all if there are none."""
    registry = Registry(keys)
    calls: list[Any] = []
    registry.dispatch("hello", calls.append)
    assert calls == []
    registry.register("hello", 1)
    more = []
    if keys == "duplicate":
        other = Other()
        other.do(lambda: registry.register("hello", 2))
        more = [(other.pid, 2)]
    registry.dispatch("hello", calls.append)
    assert calls == [[(otpy.self_pid(), 1), *more]]


# case: registry_test.exs: dispatch
@pytest.mark.parametrize("parallel", [False, True])
@inside
def test_dispatch_of_partitions(*, parallel: bool) -> None:
    """Each partition that has entries gets a call of its own; in parallel, each in a process of its own."""
    registry = Registry("duplicate", partitions=3)
    others = [Other() for _ in range(9)]
    for other in others:
        other.do(lambda: registry.register("hello"))
    calls: list[tuple[otpy.Pid, list[Any]]] = []
    registry.dispatch("hello", lambda entries: calls.append((otpy.self_pid(), entries)), parallel=parallel)
    assert sorted((pid.id for _, entries in calls for pid, _ in entries)) == [other.pid.id for other in others]
    assert all(len({pid.id % 3 for pid, _ in entries}) == 1 for _, entries in calls)
    callers = {caller for caller, _ in calls}
    assert len(callers) == len(calls) if parallel else callers == {otpy.self_pid()}
    with pytest.raises(ZeroDivisionError):
        registry.dispatch("hello", lambda _: 1 / 0, parallel=parallel)


# -- unregister ------------------------------------------------------------------------------------


# case: registry_test.exs: unregister
@KINDS
@inside
def test_one_unregisters_own_entries_only(keys: Any) -> None:
    """As often as one likes."""
    registry = Registry(keys)
    other = Other()
    other.do(lambda: registry.register("theirs"))
    registry.register("mine")
    registry.unregister("theirs")
    registry.unregister("mine")
    registry.unregister("mine")
    registry.unregister("absent")
    assert registry.select() == [("theirs", other.pid, None)]


# case: registry_test.exs: unregister
@KINDS
@pytest.mark.parametrize("odd", [ANY, Var("n"), (), None, ("tuple", ANY), frozenset({1})], ids=repr)
@inside
def test_odd_keys_are_literal(keys: Any, odd: Any) -> None:
    """What would be a pattern elsewhere is a key like others."""
    registry = Registry(keys)
    registry.register(odd, 1)
    registry.register("hello", 2)
    assert registry.values(odd, otpy.self_pid()) == [1]
    assert registry.count_match(odd, ANY) == 1
    registry.unregister_match(odd, 5)
    assert registry.count() == 2
    registry.unregister(odd)
    assert registry.keys(otpy.self_pid()) == ["hello"]


@inside
def test_a_key_without_a_hash_is_refused() -> None:
    """As in a dict."""
    registry = Registry("unique")
    with pytest.raises(TypeError, match="unhashable"):
        registry.register([1])


# -- listeners -------------------------------------------------------------------------------------


# case: registry_test.exs: listeners
@KINDS
@inside
def test_listeners_hear_of_each_entry(keys: Any) -> None:
    """In the order of what happens; an end is told entry by entry; a listener that is not there is no error."""
    otpy.register("listener", otpy.self_pid())
    registry = Registry(keys, listeners=["absent", "listener"])
    other = Other()
    other.do(lambda: (registry.register("a", 1), registry.register("b", 2)))
    assert [get(), get()] == [Registered(registry, "a", other.pid, 1), Registered(registry, "b", other.pid, 2)]
    registry.register("c")
    registry.unregister("c")
    me = otpy.self_pid()
    assert [get(), get()] == [Registered(registry, "c", me, None), Unregistered(registry, "c", me)]
    ref = otpy.monitor(other.pid)
    otpy.exit(other.pid, otpy.Kill())
    ended = [get(), get(), get()]
    assert ended[:2] == [Unregistered(registry, "a", other.pid), Unregistered(registry, "b", other.pid)]
    assert isinstance(ended[2], otpy.Down)
    assert ended[2].ref is ref


# -- links -----------------------------------------------------------------------------------------


# case: registry_test.exs: links
@KINDS
@inside
def test_an_entry_links_its_process_with_the_registry(keys: Any) -> None:
    """Until the last one goes; and an end of the process is no concern of the registry."""
    registry = Registry(keys)
    other = Other()

    def links() -> Any:
        info = otpy.process_info(other.pid)
        return info and info.links

    other.do(lambda: registry.register("a"))
    other.do(lambda: registry.register("b"))
    assert links() == (registry.pid,)
    other.do(lambda: registry.unregister("a"))
    assert links() == (registry.pid,)
    other.do(lambda: registry.unregister("b"))
    assert links() == ()
    other.do(lambda: registry.register("a"))
    other.kill()
    assert otpy.is_alive(registry.pid)
    info = otpy.process_info(registry.pid)
    assert info is not None
    assert info.links == (otpy.self_pid(),)


@inside
def test_the_link_of_a_parent_stays_when_its_entries_go() -> None:
    """It is not made by them: the registry still ends with who started it."""
    registry = Registry("unique")
    registry.register("a")
    registry.unregister("a")
    info = otpy.process_info(registry.pid)
    assert info is not None
    assert info.links == (otpy.self_pid(),)


@inside
def test_who_is_registered_ends_with_the_registry() -> None:
    """It relied on being found; its supervisor starts it again, and it registers with the new one."""
    otpy.trap_exit(True)
    registry = Registry("unique", name="rooms")
    server = Echo.start(name=Via("rooms", 1))
    otpy.exit(registry.pid, otpy.Kill())
    assert reason_of(server) in {otpy.Killed(), otpy.NoProc()}
    for use in (registry.count, registry.entries, lambda: registry.lookup(1), lambda: registry.keys(server)):
        with pytest.raises(otpy.NoSuchRegistry, match="rooms"):
            use()
    for change in (lambda: registry.register(2), lambda: registry.meta(1), lambda: registry.put_meta(1, 2)):
        with pytest.raises(otpy.NoSuchRegistry, match="rooms"):
            change()
    with pytest.raises(otpy.NoSuchRegistry):
        Registry.named("rooms")
    assert otpy.whereis("rooms") is None
    again = Registry("unique", name="rooms")
    assert Registry.named("rooms") is again


# -- Via -------------------------------------------------------------------------------------------


# case: registry_test.exs: via
@PARTITIONS
@pytest.mark.parametrize("by", ["name", "object"])
@inside
def test_a_registry_names_processes(by: str, partitions: int) -> None:
    """By its name, or itself."""
    registry = Registry("unique", name="rooms", partitions=partitions)
    via = Via(registry if by == "object" else "rooms", ("room", 1))
    assert otpy.whereis(via) is None
    pid = Echo.start_link(name=via)
    assert otpy.whereis(via) is pid
    assert otpy.call(via, "hello") == "hello"
    otpy.cast(via, 1)
    assert otpy.call(via, "casts") == [1]
    with pytest.raises(otpy.AlreadyStarted) as error:
        Echo.start_link(name=via)
    assert error.value.pid is pid
    assert registry.keys(pid) == [("room", 1)]
    otpy.stop(via)
    assert otpy.whereis(via) is None
    with pytest.raises(otpy.NoProcess):
        otpy.send(via, 1)
    assert registry.count() == 0


# case: registry_test.exs: via
@inside
def test_a_via_may_carry_a_value() -> None:
    """It stands beside the key from the first moment."""
    registry = Registry("unique")
    pid = Echo.start(name=Via(registry, "k", "value"))
    assert registry.lookup("k") == [(pid, "value")]


# case: registry_test.exs: via
@inside
def test_an_entry_is_gone_when_a_start_has_failed() -> None:
    """Whatever came of init."""

    class Crashes(otpy.GenServer[None]):
        def init(self, arg: Any) -> Any:
            assert otpy.whereis(via) is otpy.self_pid()
            raise ValueError

    registry = Registry("unique")
    via = Via(registry, "k")
    with pytest.raises(otpy.InitStopped):
        Crashes.start_link(name=via)
    assert registry.count() == 0


@inside
def test_a_supervised_child_keeps_its_key_over_restarts() -> None:
    """The death frees it before the supervisor hears of it, so the restart never fails for it."""
    sup = otpy.supervisor.start_link(
        [Registry.child_spec(keys="unique", name="rooms"), Echo.child_spec(name=Via("rooms", "echo"))],
        flags=otpy.SupFlags(intensity=100),
    )
    for _ in range(20):
        before = otpy.whereis(Via("rooms", "echo"))
        assert before is not None
        otpy.exit(before, otpy.Kill())
        eventually(partial(_is_another, before))
    assert otpy.is_alive(sup)


def _is_another(before: otpy.Pid) -> bool:
    return otpy.whereis(Via("rooms", "echo")) not in {before, None}


# -- options ---------------------------------------------------------------------------------------


# case: registry_test.exs: options
@inside
def test_a_started_registry_wants_a_name() -> None:
    """Nobody would find it."""
    with pytest.raises(TypeError, match="name"):
        Registry.start_link(keys="unique")  # type: ignore[call-arg]
    for name in (None, "", 1, b"rooms"):
        with pytest.raises(TypeError, match="non-empty str"):
            Registry.start_link(keys="unique", name=name)  # type: ignore[arg-type]


BAD: dict[str, tuple[Any, type[Exception]]] = {
    "keys": ("many", ValueError),
    "partitions": (0, ValueError),
    "listeners": ("listener", TypeError),
    "meta": ([1], TypeError),
}


# case: registry_test.exs: options
@pytest.mark.parametrize("option", BAD)
@inside
def test_bad_options_are_refused(option: str) -> None:
    """Before anything is started, by each way of starting; with what was given."""
    value, error = BAD[option]
    options: dict[str, Any] = {"keys": "unique", "name": "rooms", option: value}
    before = otpy.processes()
    for start in (Registry, Registry.start_link, Registry.child_spec):
        with pytest.raises(error, match=option):
            start(**options)
    with pytest.raises(TypeError, match=r"unknown options \['colour'\].*partitions, listeners, meta"):
        Registry.child_spec(keys="unique", name="rooms", colour="red")
    assert otpy.processes() == before


@pytest.mark.parametrize("value", [True, -1, 1.5, "2", None])
@inside
def test_partitions_are_counted(value: Any) -> None:
    """A bool is no number of partitions, nor is half a one."""
    with pytest.raises(ValueError, match="whole number"):
        Registry("unique", partitions=value)


# case: registry_test.exs: options
@inside
def test_an_unknown_registry_raises() -> None:
    """By name it is looked up at each use."""
    with pytest.raises(otpy.NoSuchRegistry, match="nowhere"):
        Registry.named("nowhere")
    with pytest.raises(otpy.NoSuchRegistry, match="nowhere"):
        Echo.start(name=Via("nowhere", "k"))


@inside
def test_a_name_belongs_to_one_registry() -> None:
    """It is a registered name of its process."""
    first = Registry("unique", name="rooms")
    with pytest.raises(otpy.AlreadyStarted) as error:
        Registry("duplicate", name="rooms")
    assert error.value.pid is first.pid is otpy.whereis("rooms")


# case: registry_test.exs: entries of the dead
@KINDS
@PARTITIONS
@inside
def test_entries_go_with_a_killed_process(keys: Any, partitions: int) -> None:
    """All of them, whatever partition they are in."""
    registry = Registry(keys, partitions=partitions)
    other = Other()
    for number in range(20):
        other.do(partial(registry.register, number))
    other.kill()
    assert registry.select() == []


@inside
def test_a_registry_has_values_of_its_own() -> None:
    """meta, put_meta, delete_meta; given at the start too."""
    registry = Registry("unique", meta={"a": 1})
    assert (registry.meta("a"), registry.meta("b"), registry.meta("b", 5)) == (1, None, 5)
    registry.put_meta(("custom", "b"), 2)
    assert registry.meta(("custom", "b")) == 2
    registry.delete_meta("a")
    registry.delete_meta("a")
    assert registry.meta("a") is None


@inside
def test_a_registry_lives_through_junk() -> None:
    """All who are registered would end with it."""
    registry = Registry("unique")
    otpy.cast(registry.pid, "junk")
    otpy.send(registry.pid, "junk")
    with pytest.raises(otpy.CallTimeout):
        otpy.call(registry.pid, "junk", timeout=0.01)
    assert otpy.sys.get_state(registry.pid) is registry


@inside
def test_the_dead_are_not_entered() -> None:
    """Nobody would take the entry out again."""
    registry = Registry("unique")
    other = Other()
    other.kill()
    with pytest.raises(otpy.NoProcess):
        registry.register_name("k", other.pid)
    assert registry.count() == 0


@pytest.mark.parametrize("seed", range(3))
def test_threads_race_for_keys(seed: int) -> None:
    """Of all who try to get a key one has it; seen by everybody who looks."""
    rng = random.Random(seed)  # noqa: S311 - a game
    keys = [rng.choice([1, 1.0, "1", (1, 2), (1.0, 2), None]) for _ in range(40)]
    with otpy.runtime():
        registry = Registry("unique")
        won: list[Any] = []
        stop = threading.Event()

        def compete(order: list[Any]) -> None:
            for key in order:
                try:
                    registry.register(key)
                except otpy.AlreadyRegistered:
                    continue
                won.append(key)
                found = registry.whereis_name(key)
                assert found is otpy.self_pid()
                registry.unregister(key)

        def look() -> None:
            while not stop.is_set():
                for key in keys:
                    assert len(registry.lookup(key)) <= 1

        threads = [threading.Thread(target=compete, args=(rng.sample(keys, len(keys)),)) for _ in range(6)]
        looker = threading.Thread(target=look)
        looker.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        stop.set()
        looker.join(DEADLINE)
        assert registry.count() == 0
        assert len(won) >= len(keys)


@inside
def test_the_registry_s_own_process_may_be_entered() -> None:
    """It is among the registry's, and ends it all the same."""
    registry = Registry("unique", name="rooms")
    otpy.unlink(registry.pid)
    assert registry.register_name("itself", registry.pid)
    assert otpy.whereis(Via("rooms", "itself")) is registry.pid
    ref = otpy.monitor(registry.pid)
    otpy.exit(registry.pid, otpy.Kill())
    assert down(ref) == otpy.Killed()
    with pytest.raises(otpy.NoSuchRegistry):
        registry.count()


@inside
def test_what_is_no_pid_is_refused() -> None:
    """Nobody would ever be found under it."""
    registry = Registry("unique")
    uses: list[Callable[[], object]] = [
        lambda: registry.keys("name"),  # type: ignore[arg-type]
        lambda: registry.values("key", "name"),  # type: ignore[arg-type]
        lambda: registry.register_name("key", "name"),  # type: ignore[arg-type]
    ]
    for use in uses:
        with pytest.raises(TypeError, match="no Pid"):
            use()


def test_a_rehearsal_looks_and_changes_nothing() -> None:
    """Code that is only tried may ask who is there, but enters nobody."""
    with otpy.runtime():
        registry = Registry("unique", name="rooms")
        pid = Echo.start(name=Via("rooms", "k", 1))
        changes: list[Callable[[], object]] = [
            lambda: registry.register("new"),
            lambda: registry.unregister("k"),
            lambda: registry.update_value("k", str),
            lambda: registry.put_meta("a", 1),
            lambda: registry.register_name("new", pid),
            lambda: Registry("unique"),
            lambda: pg.join("g", pid),
            lambda: pg.monitor("g"),
            lambda: otpy.send(Via("rooms", "k"), "hello"),
            lambda: otpy.call(Via("rooms", "k"), "hello"),
            lambda: Echo.start(name=Via("rooms", "new")),
        ]
        with rehearsing():
            assert registry.lookup("k") == [(pid, 1)]
            assert otpy.whereis(Via("rooms", "k")) is pid
            assert Registry.named("rooms").count() == 1
            assert pg.members("g") == []
            for change in changes:
                with pytest.raises(otpy.EffectRefused):
                    change()
        assert registry.select() == [("k", pid, 1)]
        assert otpy.call(pid, "casts") == []


class Compared:
    """A key that counts how often it is compared."""

    count = 0

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return isinstance(other, Compared)

    def __hash__(self) -> int:
        return 1


@inside
def test_what_is_the_own_is_found_however_many_share_the_key() -> None:
    """A hundred thousand subscribers that leave a topic one by one must not each look at all the others."""
    topics = Registry("duplicate")
    others = [Other() for _ in range(50)]
    for other in others:
        assert other.do(lambda: topics.register(Compared())) is topics.pid
    topics.register(Compared(), "mine")
    Compared.count = 0
    assert topics.values(Compared(), otpy.self_pid()) == ["mine"]
    topics.unregister(Compared())
    assert Compared.count == 2
    assert len(topics.lookup(Compared())) == 50


@inside
def test_what_is_the_own_is_found_however_many_keys_a_process_has() -> None:
    """And the other way round."""
    rooms = Registry("duplicate")
    for number in range(50):
        rooms.register((Compared(), number))
    Compared.count = 0
    rooms.unregister((Compared(), 7))
    assert Compared.count == 1
    assert rooms.count() == 49


@pytest.mark.parametrize("name", [3, "", None, []])
@inside
def test_what_is_no_name_of_a_registry_is_refused(name: Any) -> None:
    """Where one is looked up as where one is started."""
    with pytest.raises(TypeError, match="non-empty str"):
        Registry.named(name)
    with pytest.raises(TypeError, match="non-empty str"):
        Registry.child_spec(keys="unique", name=name)
