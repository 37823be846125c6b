"""The interpreter around us: its exit, Ctrl-C, fork, imports. Each in a Python of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support import python

ROOT = Path(__file__).parent.parent.parent
SERVER = """
import os, signal, sys, threading, time
import otpy

class Server(otpy.GenServer):
    def init(self, arg):
        otpy.trap_exit(True)
        return otpy.Ok(arg)
    def handle_call(self, request, from_, state):
        return otpy.Reply(request() if callable(request) else request, state)
    def handle_cast(self, request, state):
        request()
        return otpy.NoReply(state)
    def terminate(self, reason, state):
        print("terminate", state, flush=True)

class OnThread(Server):
    runs_on = "thread"
"""


def run(code: str, timeout: float = 50.0) -> subprocess.CompletedProcess[str]:
    """Run *code* after the definitions above."""
    return python(SERVER + textwrap.dedent(code), timeout=timeout)


# -- exit ------------------------------------------------------------------------------------------


def test_the_interpreter_ends_with_everything_still_waiting() -> None:
    """Parked, idle, on threads, asyncio, timers: exit code 0, nothing on stderr, and terminate was called."""
    done = run("""
        for number in range(100):
            otpy.spawn(otpy.receive)
        Server.start("idle")
        OnThread.start("on thread")
        busy = Server.start("busy")
        otpy.send_after(busy, "never", 1000)
        otpy.spawn(otpy.sleep, 1000)
        otpy.blocking(int)
        print("end of main", flush=True)
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["end of main", "terminate busy", "terminate on thread", "terminate idle"]


def test_the_interpreter_ends_while_handlers_are_stuck() -> None:
    """Threads that compute or block are left behind."""
    done = run("""
        with otpy.runtime(shutdown_timeout=0.05):
            for kind in (Server, OnThread):
                otpy.cast(kind.start("computes"), lambda: [None for _ in iter(int, 1)])
                otpy.cast(kind.start("blocks"), lambda: threading.Event().wait())
            otpy.call(OnThread.start("answers"), "hello")
        print("end of main")
    """)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert done.stdout.splitlines() == ["terminate answers", "end of main"]


def test_an_error_in_main_is_the_exit_code() -> None:
    """Servers end in order, and Python reports as always."""
    done = run("""
        Server.start("server")
        raise SystemExit(3)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (3, "terminate server\n", "")


def test_sys_exit_inside_run_is_the_exit_code() -> None:
    """`run` raises what main raises."""
    done = run("""
        def main():
            Server.start_link("server")
            sys.exit(4)
        otpy.run(main)
    """)
    assert done.returncode == 4
    assert done.stderr == ""


def test_a_process_that_calls_sys_exit_does_not_end_the_interpreter() -> None:
    """Only itself."""
    done = run("""
        import logging
        logging.disable()
        server = Server.start("server")
        try:
            otpy.call(server, sys.exit)
        except otpy.ServerExited as exited:
            print(type(exited.reason.error).__name__, flush=True)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "terminate server\nSystemExit\n", "")


# -- Ctrl-C ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "waits",
    [
        "otpy.run(lambda: (ready(), otpy.receive()))",
        "otpy.run(lambda: (ready(), threading.Event().wait()))",
        "ready(); otpy.call(Server.start('asked'), otpy.receive, timeout=None)",
        "ready(); otpy.receive()",
        "ready(); otpy.sleep(1000)",
        "ready(); otpy.Lock().acquire() and otpy.blocking(threading.Event().wait)",
    ],
)
def test_ctrl_c_ends_every_wait_of_the_main_thread(waits: str) -> None:
    """At once, as KeyboardInterrupt; and servers are still ended in order, which needs waits of its own."""
    program = (
        SERVER
        + textwrap.dedent("""
        def ready():
            print("ready", flush=True)
        def main():
            Server.start("server")
            """)
        + f"    {waits}\n"
        + textwrap.dedent("""
        try:
            with otpy.runtime(shutdown_timeout=1.0):
                main()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """)
    )
    code, lines, _ = interrupted(program)
    assert (code, lines[-2:]) == (0, ["terminate server", "interrupted"])


def test_ctrl_c_in_run_stops_its_own_runtime() -> None:
    """The one that `run` made."""
    program = SERVER + textwrap.dedent("""
        def main():
            Server.start_link("linked")
            print("ready", flush=True)
            otpy.receive()
        otpy.run(main)
    """)
    code, lines, errors = interrupted(program)
    assert (code, lines) == (-signal.SIGINT, ["terminate linked"])
    assert errors.rstrip().endswith("KeyboardInterrupt")


def interrupted(program: str) -> tuple[int, list[str], str]:
    """Run *program*, interrupt it when it is ready, and return its exit code, what it says then, and its errors.

    A signal that comes between Python's last look and the system call that waits is noticed late; that is Python's own,
    and the reason why the signal is sent again when nothing happens.
    """
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        while not select.select([process.stdout], [], [], 3.0)[0]:
            process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=50)
    return process.returncode, out.splitlines(), errors


def test_a_signal_handler_may_send() -> None:
    """It runs in the main thread, in the middle of whatever that does."""
    done = run("""
        me = otpy.self_pid()
        signal.signal(signal.SIGUSR1, lambda *_: otpy.send(me, "signalled"))
        server = Server.start("server")
        heard = []
        def pester():  # more than once: see `interrupted`
            while not heard:
                os.kill(os.getpid(), signal.SIGUSR1)
                otpy.sleep(0.01)
        otpy.cast(server, pester)
        heard.append(otpy.receive(timeout=30))
        print(heard[0], flush=True)
    """)
    assert done.stdout.splitlines()[0] == "signalled"
    assert done.returncode == 0


# -- fork ------------------------------------------------------------------------------------------

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@fork
def test_the_child_of_a_fork_finds_its_parents_processes_dead_and_starts_afresh() -> None:
    """Their threads do not exist there: a clear error instead of a hang, and a runtime of its own."""
    done = run("""
        import warnings
        warnings.simplefilter("ignore")  # newer Pythons warn of fork with threads
        server = Server.start("server")
        me = otpy.self_pid()
        otpy.register("name", server)
        child = os.fork()
        if child == 0:
            facts = [otpy.is_alive(server), otpy.is_alive(me), otpy.whereis("name"), otpy.processes()]
            for ask in (lambda: otpy.call(server, "hello"), lambda: otpy.call(me, "hello", timeout=None)):
                try:
                    ask()
                except otpy.NoProcess:
                    facts.append("no process")
            fresh = Server.start("fresh")
            facts.append(otpy.call(fresh, "fresh"))
            facts.append(otpy.self_pid() is me)
            print(facts, flush=True)
            otpy.stop(fresh)
            os._exit(0)
        print(os.waitpid(child, 0)[1], otpy.call(server, "parent lives on"))
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "[False, False, None, [], 'no process', 'no process', 'fresh', False]",
        "terminate fresh",
        "0 parent lives on",
        "terminate server",
    ]


@fork
def test_a_fork_inside_a_handler_does_not_run_the_parents_queue_twice() -> None:
    """The child is a copy of the scheduler's thread; when the handler returns there, it must end."""
    done = run("""
        import warnings
        warnings.simplefilter("ignore")
        server = Server.start("server")
        said = []
        def say():
            print("said once", flush=True)
        otpy.cast(server, lambda: said.append(os.fork()))
        otpy.cast(server, say)
        otpy.call(server, "done")
        print("child ended with", os.waitpid(said[0], 0)[1], flush=True)
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["said once", "child ended with 0", "terminate server"]


@fork
def test_forking_at_any_moment_hangs_nobody() -> None:
    """Whatever locks the parent's threads hold at that moment."""
    done = run("""
        import warnings
        warnings.simplefilter("ignore")
        stop = threading.Event()
        servers = [Server.start(str(number)) for number in range(3)]
        def churn():
            while not stop.is_set():
                otpy.spawn_link(int)
                otpy.call(servers[0], "x")
        threads = [threading.Thread(target=churn) for _ in range(3)]
        for thread in threads: thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                ok = otpy.run(lambda: otpy.call(Server.start("child"), 42)) == 42
                os._exit(0 if ok else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
        print("all came back", flush=True)
    """)
    assert done.returncode == 0, done.stderr
    assert "all came back" in done.stdout


# -- imports ---------------------------------------------------------------------------------------


def test_import_is_quick_and_light() -> None:
    """At most four times what `import asyncio` takes (some 150 ms on a slow machine), and nothing heavy is loaded.

    Both are measured as processor time of one and the same process, so that the load of the machine cancels out.
    """
    code = """
        import sys, time
        began = time.process_time()
        import asyncio
        between = time.process_time()
        import otpy
        ended = time.process_time()
        heavy = {"rich", "cyclopts", "sqlalchemy", "networkx", "RestrictedPython"} & set(sys.modules)
        print((ended - began) / (between - began), *sorted(heavy))
    """
    runs = [python(code).stdout.split() for _ in range(5)]
    assert all(run[1:] == [] for run in runs)
    assert min(float(run[0]) for run in runs) < 4
