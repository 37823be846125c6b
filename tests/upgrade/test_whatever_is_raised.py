"""Whatever the code of users raises, it refuses the upgrade: nobody is ended for it, and an UpgradeError says so."""

from __future__ import annotations

import asyncio
import textwrap

import pytest

import otpy
from otpy import upgrade
from tests.support import inside
from tests.upgrade.conftest import Make
from tests.upgrade.sources import source

SERVER = source("""
    import asyncio
    import otpy

    class Signal(BaseException):
        pass

    class Server(otpy.GenServer):
        runs_on = "WHERE"

        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(state, state)
""")
TREE = source("""
    import otpy

    class Signal(BaseException):
        pass

    class Top(otpy.Supervisor):
        def init(self, arg):
            return otpy.SupFlags(), []
""")
RAISED = ("Signal()", "asyncio.CancelledError()", "KeyboardInterrupt()", "GeneratorExit()", 'otpy.ExitProcess("no")')
PLACES = ("scheduler", "thread", "asyncio")


def with_callback(old: str, text: str) -> str:
    """Return *old* with one method more in its last class."""
    return old + textwrap.indent(textwrap.dedent(text), "    ")


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("runs_on", PLACES)
@pytest.mark.parametrize("raised", RAISED)
@inside
def test_by_code_change(module: Make, raised: str, runs_on: str, *, rehearse: bool) -> None:
    """A process that ended of it would leave the set, and the upgrade of the others would stand."""
    old = SERVER.replace("WHERE", runs_on)
    pid = module("m_raises", old).Server.start(1)
    new = with_callback(old, f"def code_change(self, old_vsn, state, extra):\n    raise {raised}")
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module("m_raises", new, rehearse=rehearse)
    assert otpy.call(pid, "state") == 1


@inside
def test_by_what_a_code_change_awaits(module: Make) -> None:
    """Somebody has cancelled it, and not the process."""
    old = SERVER.replace("WHERE", "asyncio")
    pid = module("m_raises", old).Server.start(1)
    new = """
        async def code_change(self, old_vsn, state, extra):
            task = asyncio.ensure_future(asyncio.sleep(10))
            asyncio.get_running_loop().call_soon(task.cancel)
            await task
    """
    with pytest.raises(otpy.MigrationFailed) as failed:
        upgrade.reload_module("m_raises", with_callback(old, new), rehearse=False)
    assert isinstance(failed.value.reason, asyncio.CancelledError)
    assert otpy.call(pid, "state") == 1


@pytest.mark.parametrize("runs_on", PLACES)
@pytest.mark.parametrize("raised", RAISED)
@inside
def test_by_check_upgrade(module: Make, raised: str, runs_on: str) -> None:
    """It is an objection as any other."""
    old = SERVER.replace("WHERE", runs_on)
    pid = module("m_raises", old).Server.start(1)
    with pytest.raises(otpy.CheckFailed):
        upgrade.reload_module("m_raises", with_callback(old, f"def check_upgrade(self, state):\n    raise {raised}"))
    assert otpy.call(pid, "state") == 1


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("raised", ["Signal()", "SystemExit(1)", 'otpy.ExitProcess("no")'])
@inside
def test_by_the_init_of_a_supervisor(module: Make, raised: str, *, rehearse: bool) -> None:
    """It would end the program that has asked for the upgrade, or the supervisor with all below it."""
    pid = module("m_raises", TREE).Top.start()
    with pytest.raises(otpy.MigrationFailed):
        upgrade.reload_module("m_raises", TREE.replace("return", f"raise {raised}\n        return"), rehearse=rehearse)
    assert otpy.is_alive(pid)


@pytest.mark.parametrize("raised", ["Signal()", "KeyboardInterrupt()", 'otpy.ExitProcess("no")'])
@inside
def test_by_the_module_itself(module: Make, raised: str) -> None:
    """As any other error of its body."""
    module("m_raises", TREE)
    with pytest.raises(otpy.LoadFailed):
        upgrade.reload_module("m_raises", f"{TREE}\nraise {raised}\n")


@inside
def test_by_an_object_that_does_not_say_of_which_class_it_is(module: Make) -> None:
    """A proxy that stands for nothing yet may be in a state; its class is asked of Python, not of it."""
    old = source("""
        import otpy

        class Proxy:
            @property
            def __class__(self):
                raise RuntimeError("stands for nothing")

        class Thing:
            pass

        class Server(otpy.GenServer):
            def init(self, arg):
                return otpy.Ok([Proxy(), Thing()])

            def handle_call(self, request, from_, state):
                return otpy.Reply(hasattr(state[1], "__dict__"), state)
    """)
    pid = module("m_raises", old).Server.start()
    upgrade.reload_module("m_raises", old.replace("pass", "__slots__ = ()"))
    assert otpy.call(pid, "has") is False
