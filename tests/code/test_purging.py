"""What `code` of OTP promises of old code: who runs it, who is ended with it, and what every reference reaches."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import otpy
from otpy import MFA, code
from otpy.errors import LoadFailed
from tests.support import eventually, eventually_waits, get, inside

WAITING = """
import otpy

def wait():
    otpy.receive()
    return {version}

def fail():
    raise ValueError({version})
"""


@pytest.fixture
def load(name: str) -> Callable[[str], ModuleType]:
    """Return what makes the text of a module the current one."""

    def load_text(text: str) -> ModuleType:
        code.load(text, name=name)
        return sys.modules[name]

    return load_text


def waiting(version: int) -> str:
    """Return the text of a version of a module whose processes wait."""
    return WAITING.format(version=version)


def processes_of(function: Any, number: int) -> list[otpy.Pid]:
    """Start so many processes that wait in *function*."""
    pids = [otpy.spawn(function) for _ in range(number)]
    eventually_waits(pids[-1])
    return pids


# case: code_SUITE: purge_many_exits
@inside
def test_a_thousand_that_run_old_code_are_killed_and_a_thousand_others_are_not(
    load: Callable[[str], ModuleType],
) -> None:
    """Each with the reason of a kill."""
    module = load(waiting(1))
    old = processes_of(module.wait, 1000)
    refs = [otpy.monitor(pid) for pid in old]
    load(waiting(2))
    new = processes_of(module.wait, 1000)
    assert not code.soft_purge(module)
    assert code.purge(module)
    reasons = {message.ref: message.reason for message in (get() for _ in old)}
    assert [reasons[ref] for ref in refs] == [otpy.Killed()] * 1000
    assert all(otpy.is_alive(pid) for pid in new)
    eventually(lambda: code.soft_purge(module))
    assert not code.purge(module)


# case: code_SUITE: soft_purge
@inside
def test_a_soft_purge_waits_for_who_runs_old_code_and_hurts_nobody(load: Callable[[str], ModuleType]) -> None:
    """True again when it has ended by itself."""
    module = load(waiting(1))
    assert code.soft_purge(module)
    (old,) = processes_of(module.wait, 1)
    assert code.soft_purge(module)
    load(waiting(2))
    assert not code.soft_purge(module)
    assert otpy.is_alive(old)
    otpy.send(old, "go on")
    eventually(lambda: code.soft_purge(module))


# case: code_SUITE: purge_stacktrace
@inside
def test_who_keeps_an_exception_runs_no_old_code(load: Callable[[str], ModuleType]) -> None:
    """Its traceback has frames of old code; they have ended."""
    module = load(waiting(1))
    kept: list[BaseException] = []

    def keep() -> None:
        try:
            module.fail()
        except ValueError as error:
            kept.append(error)
        otpy.receive()

    (pid,) = processes_of(keep, 1)
    load(waiting(2))
    assert kept[0].__traceback__ is not None
    assert code.who_runs(module) == ()
    assert not code.check_process_code(pid, module)
    assert not code.purge(module)
    assert otpy.is_alive(pid)
    otpy.send(pid, "end")


# case: code_SUITE: on_load_deleted
@inside
def test_code_that_is_older_than_the_last_upgrade_is_old_too(load: Callable[[str], ModuleType]) -> None:
    """Whoever runs it stands in the way as long as it runs, whatever was loaded since; nothing ends it unasked."""
    module = load(waiting(1))
    (oldest,) = processes_of(module.wait, 1)
    load(waiting(2))
    (older,) = processes_of(module.wait, 1)
    load(waiting(3))
    load("x = 1\n")
    load(waiting(4))
    assert {found.pid: found.number for found in code.who_runs(module)} == {oldest: 1, older: 2}
    otpy.send(older, "go on")
    eventually(lambda: [found.pid for found in code.who_runs(module)] == [oldest])
    assert code.purge(module)
    eventually(lambda: code.soft_purge(module))


# case: code_SUITE: purge
# case: code_SUITE: load_binary
@pytest.mark.parametrize("what", [7, None, "", b"bytes", ["os"]], ids=repr)
def test_what_is_no_module_is_refused(what: Any) -> None:
    """With what to give."""
    asks: list[Callable[[Any], Any]] = [
        code.purge,
        code.soft_purge,
        code.who_runs,
        code.versions,
        code.vsn,
        code.which,
        code.load,
        functools.partial(otpy.code.check_process_code, otpy.self_pid()),
    ]
    for ask in asks:
        with pytest.raises(TypeError, match="no module; give one"):
            ask(what)


# case: code_SUITE: load_binary
@pytest.mark.parametrize("text", [7, None, b"x = 1", ["x = 1"]], ids=repr)
def test_what_is_no_text_is_refused(name: str, text: Any) -> None:
    """And no module is made."""
    with pytest.raises(TypeError, match="give its text"):
        code.load(text, name=name)
    assert name not in sys.modules


# case: code_SUITE: load_binary
@pytest.mark.parametrize("module", ["sys", "builtins", "_thread"])
def test_what_the_interpreter_is_made_of_stays(module: str) -> None:
    """There is no Python source that another could take the place of."""
    before = dict(vars(sys.modules[module]))
    with pytest.raises(LoadFailed, match="not made of Python source"):
        code.load("x = 1", name=module)
    assert vars(sys.modules[module]) == before


REACHED = """
import otpy

class Teller:
    def tell(self):
        return say()

def say():
    return {version}

def by_a_local_call():
    return say()

def in_the_middle(me):
    otpy.send(me, say())
    otpy.receive()
    otpy.send(me, ({version}, say()))

def send_to(me):
    otpy.send(me, say())

def start(me):
    return otpy.spawn_link(send_to, me)
"""


# case: code_SUITE: upgrade
@inside
def test_every_way_to_a_function_leads_to_the_new_code(load: Callable[[str], ModuleType]) -> None:
    """Taken before or after: there is one version, the current one. Who is in the middle ends what it has begun."""
    module = load(REACHED.format(version=1))
    me = otpy.self_pid()
    ways: dict[str, Callable[[], Any]] = {
        "attribute": lambda: module.say(),  # noqa: PLW0108 - looked up at each call
        "reference": module.say,
        "local call": module.by_a_local_call,
        "bound method": module.Teller().tell,
        "partial": functools.partial(module.say),
        "spawn": lambda: (otpy.spawn(module.send_to, me), get())[1],
        "spawn of a reference": functools.partial(_spawned, module.send_to, me),
        "a child's start by name": functools.partial(_started, MFA(module.__name__, "start", (me,))),
        "a child's start by reference": functools.partial(_started, otpy.ChildSpec("x", (module.start, [me])).start),
    }
    middle = otpy.spawn(module.in_the_middle, me)
    assert get() == 1
    assert {name: way() for name, way in ways.items()} == dict.fromkeys(ways, 1)
    load(REACHED.format(version=2))
    assert {name: way() for name, way in ways.items()} == dict.fromkeys(ways, 2)
    assert otpy.is_alive(middle)
    otpy.send(middle, "go on")
    assert get() == (1, 2)


def _spawned(function: Any, me: otpy.Pid) -> Any:
    otpy.spawn(function, me)
    return get()


def _started(start: Any) -> Any:
    sup = otpy.supervisor.start_link([otpy.ChildSpec("x", start, restart="temporary")])
    said = get()
    otpy.stop(sup)
    return said
