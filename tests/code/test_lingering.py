"""Who runs old code is told with its place; a soft purge refuses while there is somebody, a purge ends them."""

import asyncio
import logging
import sys
import threading
import types
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import greenlet
import pytest

import otpy
from otpy import code
from otpy.code.baseline import note_source
from otpy.errors import NoSuchVersion
from tests.support import eventually, eventually_waits, inside, outside

VERSION_1 = """
import asyncio
import otpy

__vsn__ = "1"


def numbers():
    yield 1
    yield 2


async def wait(event):
    await event.wait()


async def stream():
    yield 1
    yield 2


def stubborn():
    try:
        yield 1
    except GeneratorExit:
        yield "no"


def block(started, event):
    started.set()
    event.wait()


def loop():
    otpy.receive()


def switch():
    back = "kept"
    greenlet.getcurrent().parent.switch(back)


def same():
    yield "same"
    yield "same"


class Server(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok(arg)

    def handle_call(self, request, from_, state):
        otpy.receive(lambda message: message == "go")
        return otpy.Reply("old", state)


class Loop(Server):
    runs_on = "asyncio"

    async def handle_call(self, request, from_, state):
        await inner(state)
        return otpy.Reply("old", state)


async def inner(event):
    await event.wait()
"""
VERSION_2 = (
    VERSION_1.replace('"1"', '"2"')
    .replace("yield 2", "yield 3")
    .replace("await event.wait()", "await event.wait()\n    return 2")
    .replace("event.wait()\n\n\ndef", "event.wait()\n    return 2\n\n\ndef")
    .replace("otpy.receive()", "otpy.receive()\n    return 2")
    .replace('"kept"', '"new"')
    .replace('"old"', '"new"')
    .replace('"no"', '"never"')
)
MOVED = "# comments\n# that move the lines\n" + VERSION_1


@pytest.fixture
def shop(name: str) -> ModuleType:
    """The module, with its first version loaded."""
    code.load(VERSION_1.replace("import otpy", "import greenlet\nimport otpy"), name=name)
    return sys.modules[name]


def upgrade(shop: ModuleType) -> None:
    """Load the second version; nobody is asked and nobody is suspended."""
    code.load(VERSION_2.replace("import otpy", "import greenlet\nimport otpy"), name=shop.__name__)


def kinds(shop: ModuleType) -> list[str]:
    """Return what runs old code."""
    return [each.kind for each in code.who_runs(shop)]


def test_nobody_runs_old_code_of_a_module_that_has_one_version(shop: ModuleType) -> None:
    """Whatever stands in it."""
    running = shop.numbers()
    next(running)
    assert code.who_runs(shop) == ()
    assert code.soft_purge(shop)
    assert not code.purge(shop)
    assert next(running) == 2


def test_unknown_module_is_run_by_nobody() -> None:
    """As OTP says of a module that is not loaded."""
    assert code.who_runs("no_such_module_anywhere") == ()


def test_generator_is_told_with_the_line_where_it_stands(shop: ModuleType) -> None:
    """In the text of its own version."""
    running = shop.numbers()
    next(running)
    upgrade(shop)
    (found,) = code.who_runs(shop.__name__)
    assert (found.kind, found.who, found.function) == ("generator", "numbers", "numbers")
    assert (found.vsn, found.number) == ("1", 1)
    assert (found.file, found.line) == (f"<otpy {shop.__name__} 1>", 10)
    assert str(found) == f"<otpy {shop.__name__} 1>:10 in numbers: generator numbers (version 1, vsn 1)"


def test_generator_that_has_ended_is_not_told(shop: ModuleType) -> None:
    """It runs nothing any more."""
    running = shop.numbers()
    list(running)
    upgrade(shop)
    assert code.who_runs(shop) == ()


def test_what_began_after_the_upgrade_is_not_told(shop: ModuleType) -> None:
    """It runs the new code."""
    upgrade(shop)
    running = shop.numbers()
    next(running)
    assert code.who_runs(shop) == ()
    assert [each.kind for each in code.who_runs(shop, "2")] == ["generator"]


def test_code_that_newer_versions_left_alone_is_not_old(shop: ModuleType) -> None:
    """Also if its lines have moved."""
    running = shop.same()
    next(running)
    code.load(MOVED.replace('"1"', '"3"'), name=shop.__name__)
    assert code.who_runs(shop) == ()
    assert len(code.who_runs(shop, "3")) == 1


def test_version_can_be_asked_for(shop: ModuleType) -> None:
    """By its vsn; one that there is not is an error."""
    running = shop.numbers()
    next(running)
    upgrade(shop)
    assert len(code.who_runs(shop, "1")) == 1
    assert code.who_runs(shop, "2") == ()
    with pytest.raises(NoSuchVersion):
        code.who_runs(shop, "7")


def test_module_from_a_file_is_followed_too(name: str, on_disk: Callable[[str, str], Path]) -> None:
    """Its running frames bear the file's name, whatever the version."""
    path = on_disk(name, VERSION_1)
    module = __import__(name)
    note_source(name)
    running = module.numbers()
    next(running)
    path.write_text(VERSION_2)
    code.load(name)
    (found,) = code.who_runs(name)
    assert (found.vsn, found.line) == ("1", 9)
    assert "yield 1" in code.versions(name)[0].source.splitlines()[found.line - 1]


def test_asking_leaves_nothing_behind(shop: ModuleType) -> None:
    """It holds all objects for a moment: a tuple that is being filled meanwhile would break if it went on doing so."""
    running = shop.numbers()
    next(running)
    upgrade(shop)
    assert tuple(len(code.who_runs(shop)) for _ in range(30)) == (1,) * 30
    gone = weakref.ref(running)
    del running
    assert gone() is None


# -- purge -----------------------------------------------------------------------------------------


def test_purge_closes_generators(shop: ModuleType) -> None:
    """And says whether there was one."""
    running = shop.numbers()
    next(running)
    upgrade(shop)
    assert not code.soft_purge(shop)
    assert code.purge(shop)
    assert code.soft_purge(shop)
    assert not code.purge(shop)
    assert list(running) == []


def test_generator_that_refuses_to_end_is_logged(shop: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody shall think that it is gone."""
    running = shop.stubborn()
    next(running)
    upgrade(shop)
    with caplog.at_level(logging.WARNING, "otpy.code"):
        assert not code.purge(shop)
    assert "cannot end, and goes on with old code" in caplog.text
    assert kinds(shop) == ["generator"]


def test_purge_closes_async_generators_and_coroutines(shop: ModuleType) -> None:
    """Those that no task runs."""

    async def begin() -> Any:
        stream = shop.stream()
        await anext(stream)
        return stream

    stream = asyncio.run(_and_keep(begin()))
    waiting = shop.wait(Event())
    waiting.send(None)
    upgrade(shop)
    assert sorted(kinds(shop)) == ["async generator", "coroutine"]
    assert code.purge(shop)
    assert kinds(shop) == []
    assert (stream.ag_frame, waiting.cr_frame) == (None, None)


class Event:
    """Something to wait for without an event loop."""

    @types.coroutine
    def wait(self) -> Generator[None]:
        """Wait for ever."""
        yield


async def _and_keep(beginning: Any) -> Any:
    """Hand out an async generator that the loop shall not close when it ends."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return await beginning
    finally:
        sys.set_asyncgen_hooks(*hooks)


def test_purge_cancels_tasks(shop: ModuleType) -> None:
    """A coroutine that was closed under its task would leave that with an error of its own."""

    async def main() -> None:
        async def outer() -> None:
            await shop.wait(asyncio.Event())

        task = asyncio.create_task(outer())
        await asyncio.sleep(0)
        upgrade(shop)
        assert kinds(shop) == ["coroutine"]
        assert code.purge(shop)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert kinds(shop) == []

    asyncio.run(main())


def test_threads_are_told_and_cannot_be_ended(shop: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Python has no way."""
    started, event = threading.Event(), threading.Event()
    thread = threading.Thread(target=shop.block, args=(started, event), name="stuck")
    thread.start()
    try:
        assert started.wait(20)
        upgrade(shop)
        (found,) = code.who_runs(shop)
        assert (found.kind, found.who, found.function) == ("thread", "stuck", "block")
        assert not code.purge(shop)
        assert "thread stuck" in caplog.text
        assert not code.soft_purge(shop)
    finally:
        event.set()
        thread.join()
    assert code.soft_purge(shop)


def test_greenlets_are_told(shop: ModuleType) -> None:
    """Those that are no processes of otpy."""
    standing = greenlet.greenlet(shop.switch)
    assert standing.switch() == "kept"
    upgrade(shop)
    assert kinds(shop) == ["greenlet"]
    assert not code.purge(shop)
    standing.switch()
    assert kinds(shop) == []


# -- processes -------------------------------------------------------------------------------------


# case: release_handler_SUITE: instructions
# case: code_SUITE: purge
@inside
def test_purge_kills_plain_processes_on_old_code(shop: ModuleType) -> None:
    """With OTP's reason; those on new code live."""
    otpy.trap_exit(True)
    old = otpy.spawn_link(shop.loop)
    eventually_waits(old)
    upgrade(shop)
    new = otpy.spawn(shop.loop)
    eventually_waits(new)
    (found,) = code.who_runs(shop)
    assert (found.kind, found.pid, found.function) == ("process", old, "loop")
    assert code.check_process_code(old, shop)
    assert not code.check_process_code(new, shop)
    assert code.purge(shop)
    assert otpy.receive(timeout=20) == otpy.Exit(old, otpy.Killed())
    assert otpy.is_alive(new)
    eventually(lambda: code.soft_purge(shop))  # death comes first, then its code is left
    otpy.exit(new, otpy.Kill())


# case: code_SUITE: purge
@inside
def test_idle_server_runs_no_code(shop: ModuleType) -> None:
    """Its next callback is new: that is why OTP's soft_purge is true of it."""
    pid = shop.Server.start("state")
    upgrade(shop)
    assert code.who_runs(shop) == ()
    assert not code.purge(shop)
    assert otpy.is_alive(pid)
    otpy.stop(pid)


# case: code_SUITE: soft_purge
@inside
def test_server_in_the_middle_of_a_callback_runs_old_code(shop: ModuleType) -> None:
    """Until it returns."""
    pid = shop.Server.start("state")
    request = otpy.send_request(pid, "x")
    eventually_waits(pid)
    upgrade(shop)
    (found,) = code.who_runs(shop)
    assert (found.pid, found.function) == (pid, "Server.handle_call")
    otpy.send(pid, "go")
    assert otpy.wait_response(request, timeout=20) == "old"
    eventually(lambda: code.soft_purge(shop))
    otpy.stop(pid)


@outside
def test_process_on_a_thread_of_its_own_is_a_process(shop: ModuleType) -> None:
    """It can be ended, other than a thread."""
    kind: Any = type("OnThread", (shop.Server,), {"runs_on": "thread"})
    pid = kind.start("state")
    otpy.send_request(pid, "x")
    eventually_waits(pid)
    upgrade(shop)
    (found,) = code.who_runs(shop)
    assert (found.kind, found.pid) == ("process", pid)
    assert code.purge(shop)
    eventually(lambda: not otpy.is_alive(pid))
    eventually(lambda: code.soft_purge(shop))


@outside
def test_process_on_the_event_loop_is_told_where_it_awaits(shop: ModuleType) -> None:
    """By its innermost coroutine, and once."""
    pid = shop.Loop.start(asyncio.Event())
    otpy.send_request(pid, "x")
    eventually(lambda: len(code.who_runs(shop, "1")) == 1)
    upgrade(shop)
    (found,) = code.who_runs(shop)
    assert (found.kind, found.pid, found.function) == ("process", pid, "inner")
    assert code.purge(shop)
    eventually(lambda: not otpy.is_alive(pid))
    eventually(lambda: code.soft_purge(shop))


@inside
def test_who_purges_itself_ends_last(shop: ModuleType) -> None:
    """As in OTP, old code is no protection; but all others are ended before."""
    otpy.trap_exit(True)
    other = otpy.spawn(shop.loop)
    eventually_waits(other)
    own = "def clean(purge):\n    purge()\n    otpy.receive()\n"
    code.load(VERSION_1 + own, name=shop.__name__)

    def purge() -> None:
        code.load(VERSION_2 + own.replace("purge()", "purge(1)", 1), name=shop.__name__)
        assert sorted(each.function for each in code.who_runs(shop)) == ["clean", "loop"]
        code.purge(shop)

    cleaner = otpy.spawn_link(shop.clean, purge)
    assert otpy.receive(timeout=20) == otpy.Exit(cleaner, otpy.Killed())
    assert not otpy.is_alive(other)


@inside
def test_process_that_starts_another_keeps_its_own_frames(shop: ModuleType) -> None:
    """A start runs on the stack of the starter: the old frame below belongs to it, not to what it starts."""

    class Slow(otpy.GenServer[None]):
        """Waits in its init."""

        def init(self, arg: otpy.Pid) -> otpy.Ok[None]:
            """Wait for leave to go on."""
            otpy.send(arg, otpy.self_pid())
            otpy.receive()
            return otpy.Ok(None)

    code.load(VERSION_1 + "\n\ndef start(slow, arg):\n    slow.start(arg)\n    otpy.receive()\n", name=shop.__name__)
    starter = otpy.spawn(shop.start, Slow, otpy.self_pid())
    started = otpy.receive(timeout=20)
    eventually_waits(started)
    code.load(VERSION_2 + "\n\ndef start(slow, arg):\n    slow.start(arg)\n    return 2\n", name=shop.__name__)
    (found,) = code.who_runs(shop)
    assert (found.pid, found.function) == (starter, "start")
    otpy.exit(starter, otpy.Kill())
    otpy.exit(started, otpy.Kill())
