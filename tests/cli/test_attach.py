"""`otpy attach`: a shell in the node, from a terminal and from a pipe; whatever is typed, the node goes on."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy as otp
from otpy.cli.client import Conversation, conversation
from otpy.cli.exits import BadInput
from otpy.cli.frames import Event
from otpy.cli.remote import Remote
from tests.cli.conftest import COUNTER, DEADLINE, Finished, Here, Shell, one_line
from tests.support import Echo, eventually_outside


def typed(here: Here, text: str) -> Finished:
    """Pipe *text* into a shell."""
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        return here.otpy("attach")
    finally:
        sys.stdin = before


@contextlib.contextmanager
def shell(here: Here) -> Generator[tuple[Remote, Conversation]]:
    """Open a shell as a program does."""
    with conversation(here.socket, "attach", {"client": 7}) as talk:
        yield Remote(talk), talk


def shells() -> list[otp.Pid]:
    """Return the processes of shells."""
    return [pid for pid in otp.processes() if "attach" in repr(pid)]


def test_names_stay_from_one_piece_to_the_next(here: Here) -> None:
    """It is one shell; values are printed, and `_` is the last one."""
    assert typed(here, "x = 20\nx + 1\n_ * 2\nNone\n_\n") == (0, "21\n42\n42\n", "")


def test_a_file_may_be_piped_in_as_it_is(here: Here) -> None:
    """Without the empty lines that Python's prompt wants after blocks."""
    text = (
        "def f(a):\n    if a:\n        return 1\n    return 2\n"
        "class A:\n    x = f(0)\n"
        "A.x\nfor i in range(2):\n    print(i)\n"
    )
    assert typed(here, text) == (0, "2\n0\n1\n", "")


def test_what_is_no_unicode_is_typed_as_an_escape(here: Here) -> None:
    """As Python has such bytes of a command line; elsewhere it is a syntax error, and the shell goes on."""
    assert typed(here, "'\udcff'\n") == (0, "'\\udcff'\n", "")
    code, out, err = typed(here, "\udcff\n1\n")
    assert (code, out) == (1, "1\n")
    assert "SyntaxError" in err


def test_everything_of_otpy_is_at_hand(here: Here) -> None:
    """As after `import otpy` and `from otpy import *`; behaviours may be defined there, too."""
    text = (
        "class A(GenServer):\n"
        "    def init(self, arg): return Ok(arg)\n"
        "    def handle_call(self, request, from_, state): return Reply((request, state), state)\n\n"
        "p = A.start(5, name='a')\n"
        "call('a', 1)\n"
        "await acall(p, 2)\n"
        "otpy.sys.get_state(p), whereis('a') is p, pid(p.id) is p\n"
        "stop(p)\n"
    )
    assert typed(here, text) == (0, "(1, 5)\n(2, 5)\n(5, True, True)\n", "")


def test_what_is_loaded_when_it_is_used_is_loaded_when_it_is_typed(here: Here) -> None:
    """In the body of a function, too. To open a shell in a node must not load a web server."""
    with shell(here) as (remote, _):
        assert remote.run(
            "def f(): return GenStatem.__name__\n(f(), 'GenStatem' in globals(), 'StateTimeout' in globals())"
        )
    assert here.otpy.captured.readouterr().out == "('GenStatem', True, False)\n"


def test_what_needs_an_extra_is_an_error_only_when_it_is_typed(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell opens, whatever is not installed."""
    monkeypatch.setitem(otp._LATER, "GenStatem", ("no_such_module", "GenStatem"))
    finished = typed(here, "1\nGenStatem\n2\n")
    assert finished.out == "1\n2\n"
    assert "no_such_module" in finished.err


def test_the_shell_has_a_mailbox(here: Here) -> None:
    """It may receive and flush: between two pieces, messages wait."""
    with shell(here) as (remote, _):
        [pid] = shells()
        otp.send(pid, "one")
        otp.send(pid, "two")
        assert remote.run("receive(), flush()")
    assert here.otpy.captured.readouterr().out == "('one', ['two'])\n"


def test_a_shell_is_seen_with_a_label(here: Here) -> None:
    """Who looks at the node sees who is in it, from which process."""
    with shell(here) as (remote, _):
        [pid] = shells()
        assert repr(pid) == remote.about["pid"]
        info = otp.process_info(pid)
        assert info is not None
        assert info.label is not None
        assert "(process 7)" in info.label
        assert info.label in str(otp.tree())
    eventually_outside(lambda: shells() == [])


def test_an_error_shows_the_users_frames_and_the_shell_goes_on(here: Here) -> None:
    """With the text that was typed, also of functions that were typed earlier; the exit code of a pipe tells of it."""
    finished = typed(here, "def f():\n    1 / 0\n\nf()\n'after'\n")
    assert finished.code == 1
    assert finished.out == "'after'\n"
    lines = [line.strip() for line in finished.err.splitlines()]
    assert lines[0] == "Traceback (most recent call last):"
    assert sum(line.startswith("File") for line in lines) == 2
    assert "1 / 0" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_what_is_incomplete_at_the_end_is_an_error(here: Here) -> None:
    """Nothing that was typed is passed over in silence."""
    finished = typed(here, "f(1,")
    assert finished.code == 1
    assert "SyntaxError" in finished.err


@pytest.mark.parametrize("word", ["exit", "exit()", "quit", "quit()"])
def test_leaving_leaves_the_rest(here: Here, word: str) -> None:
    """The words that people type by habit do not end the node: they end the shell."""
    assert typed(here, f"1\n{word}\n2\n") == (0, "1\n", "")
    assert here.otpy("rpc", "3").out == "3\n"


def test_the_text_of_earlier_pieces_is_found(here: Here) -> None:
    """By inspect.getsource, too; until the shell ends."""
    assert typed(here, "def f():\n    return 1\n\nimport inspect\ninspect.getsource(f)\n").out == (
        "'def f():\\n    return 1\\n'\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "print('begun')\nwhile True: pass",
        "print('begun')\nreceive()",
        "print('begun')\nsleep(1000)",
        "import asyncio\nprint('begun')\nawait asyncio.sleep(1000)",
        "print('begun')\nblocking(__import__('threading').Event().wait, 2)",
        "while True: print('begun')",
        "print('begun')\nimport time\ntime.sleep(1)",
    ],
)
def test_an_interrupt_ends_what_runs_and_keeps_the_names(here: Here, source: str) -> None:
    """Also what does not listen: another process goes on with the names, as in Erlang's shell."""
    with shell(here) as (remote, talk):
        [pid] = shells()
        assert remote.run("kept = 5")
        talk.say("run", id=100, source=source)
        until(talk, "out")
        talk.say("interrupt")
        assert until(talk, "interrupted").facts["id"] == 100
        assert not otp.is_alive(pid) or otp.process_info(pid) is None or fenced(pid)
        assert remote.run("kept")
    assert "5\n" in here.otpy.captured.readouterr().out
    eventually_outside(lambda: not any(thread.name.startswith("otpy-attach") for thread in threading.enumerate()))


def fenced(pid: Any) -> bool:
    """Whether *pid* has been told to die: what it still does reaches nobody."""
    return bool(pid.fenced)


def until(talk: Conversation, name: str) -> Event:
    """Return the next event *name*."""
    while True:
        event = talk.next()
        assert isinstance(event, Event)
        if event.name == name:
            return event


def test_an_interrupt_when_nothing_runs_does_nothing(here: Here) -> None:
    """It comes too late when the answer is on its way: what is typed next is not hurt."""
    with shell(here) as (remote, talk):
        before = shells()
        talk.say("interrupt")
        assert remote.run("1")
        assert shells() == before


def test_cleanup_runs_when_it_is_interrupted(here: Here) -> None:
    """`finally` blocks of what is awaited, too."""
    with shell(here) as (remote, talk):
        source = (
            "import asyncio\ncleaned = []\n"
            "try:\n    print('begun')\n    await asyncio.sleep(1000)\nfinally:\n    cleaned.append(1)"
        )
        talk.say("run", id=100, source=source)
        until(talk, "out")
        talk.say("interrupt")
        until(talk, "interrupted")
        assert remote.run("import threading\nwhile not cleaned: sleep(0.001)")


def test_a_link_that_breaks_is_told_and_the_names_stay(here: Here) -> None:
    """A process that was linked from the shell takes the shell's process along, as in OTP, but not the shell."""
    with shell(here) as (remote, _):
        assert remote.run("kept = 6\np = spawn_link(receive)")
        [pid] = shells()
        assert remote.run("send(p, 1)\nsleep(0)")  # a normal end hurts nobody
        assert not remote.run("def bad(): raise ExitProcess('broken')\n_ = spawn_link(bad)\nreceive()")
        assert not otp.is_alive(pid)
        assert remote.run("kept")
    said = here.otpy.captured.readouterr()
    assert said.out.endswith("6\n")
    assert "ended with 'broken'" in said.err


def test_a_link_that_breaks_while_nothing_runs_is_told_at_the_next_piece(here: Here) -> None:
    """It is not mistaken for the end of what is typed next."""
    with shell(here) as (remote, _):
        [pid] = shells()
        otp.exit(pid, "from outside")
        eventually_outside(lambda: shells() not in ([], [pid]))
        assert remote.run("7")
    said = here.otpy.captured.readouterr()
    assert said.out == "7\n"
    assert "meanwhile" in said.err


def test_leaving_ends_what_is_linked_and_nothing_else(here: Here) -> None:
    """As with every process: `start_link` belongs to the shell, `start` does not."""
    source = "from tests.support import Echo\nEcho.start(name='free')\nEcho.start_link(name='linked')\n"
    assert typed(here, source).code == 0
    eventually_outside(lambda: otp.whereis("linked") is None)
    assert otp.whereis("free") is not None


@pytest.mark.parametrize("source", ["receive()", "while True: print('x' * 10_000)", "while True: pass"])
def test_a_shell_ends_with_its_client(here: Here, source: str) -> None:
    """A lost terminal leaves nothing behind, whatever it ran."""
    with shell(here) as (_, talk):
        talk.say("run", id=100, source=f"print('begun')\n{source}")
        until(talk, "out")
    eventually_outside(lambda: shells() == [])
    eventually_outside(lambda: not any(thread.name.startswith("otpy-attach") for thread in threading.enumerate()))


def test_several_may_be_attached_each_with_names_of_its_own(here: Here) -> None:
    """Only the node is shared."""
    with shell(here) as (one, _), shell(here) as (other, _):
        assert len(shells()) == 2
        assert one.run("mine = 1")
        assert not other.run("mine")
        assert other.run("register('other', self_pid())")
        assert one.run("send('other', 'hello') and None")
        assert other.run("receive()")
    assert here.otpy.captured.readouterr().out == "'hello'\n"


def test_completion_asks_the_node(here: Here) -> None:
    """Of names and of attributes, also of what was made a moment ago; an object that raises is none."""
    with shell(here) as (remote, _):
        assert remote.run("shopping_cart = {}\nclass Bad:\n    def __dir__(self): raise ValueError\nbad = Bad()")
        assert remote.complete("shopping_") == ["shopping_cart"]
        assert "whereis(" in remote.complete("wherei")
        assert "shopping_cart.popitem()" in remote.complete("shopping_cart.popi")
        assert remote.complete("otpy.supervisor.which_ch") == ["otpy.supervisor.which_children("]
        assert remote.complete("GenState") == ["GenStatem"]  # which is loaded when it is used
        assert remote.complete("bad.a") == []
        assert remote.complete("nobody.a") == []


def test_one_thing_at_a_time(here: Here) -> None:
    """A client that says more is told so."""
    with shell(here) as (_, talk):
        talk.say("run", id=1, source="receive()")
        talk.say("run", id=2, source="1")
        with pytest.raises(BadInput, match="one thing after the other"):
            until(talk, "done")


def test_an_upgrade_may_be_asked_for_in_a_shell(otpy: Shell) -> None:
    """The shell is no process of the module that changes, so it is not in the way of it."""
    otpy.node(COUNTER)
    source = (COUNTER / "v2" / "counter.py").read_text()
    text = f"otpy.upgrade.reload_module('counter', {source!r}).status\nprocess_info(whereis('counter')).vsn\n"
    process = attached(otpy)
    out, err = process.communicate(text, timeout=DEADLINE)
    assert (process.returncode, out, err) == (0, "'completed'\n'2'\n", "")


def test_values_that_otpy_made_to_be_read_are_text(here: Here) -> None:
    """A tree is a drawing."""
    Echo.start(name="echo")
    assert "echo <" in typed(here, "tree()\n").out


# -- at a terminal ---------------------------------------------------------------------------------------


AGAIN = 1.0
"""Seconds after which somebody presses a key again."""


class Terminal:
    """`otpy attach` on a terminal of its own."""

    def __init__(self, otpy: Shell) -> None:
        self._master, slave = os.openpty()
        env = {**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from otpy.cli import main; sys.exit(main())", "attach"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it calls the system, and takes no lock
        )
        otpy.nodes.append(self.process)  # type: ignore[arg-type]
        os.close(slave)
        self._said = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def until(self, wanted: str) -> str:
        """Read until *wanted* is there; return what was before it."""
        while wanted not in self._said:
            assert select.select([self._master], [], [], DEADLINE)[0], self._said
            self._read()
        before, _, self._said = self._said.partition(wanted)
        return before

    def interrupt(self, wanted: str) -> str:
        """Press Ctrl-C until *wanted* is there; return what was before it.

        Python does not see a signal that comes just before it waits for input, until there is something else.
        """
        self.type("\x03")
        while wanted not in self._said:
            if select.select([self._master], [], [], AGAIN)[0]:
                self._read()
            else:
                self.type("\x03")
        return self.until(wanted)

    def _read(self) -> None:
        self._said += os.read(self._master, 4096).decode().replace("\r\n", "\n")

    def close(self) -> None:
        """Tear the line."""
        os.close(self._master)


@pytest.fixture
def terminal(node: Shell) -> Iterator[Terminal]:
    """Give a terminal with a shell in a node."""
    made = Terminal(node)
    made.until("counter> ")
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait(DEADLINE)


def test_a_session_at_a_terminal(terminal: Terminal, node: Shell) -> None:
    """Prompts, completion, several lines, Ctrl-C at the prompt and while something runs, Ctrl-D."""
    terminal.type("wherei\t'counter')\n")
    assert "Pid<" in terminal.until("counter> ")
    terminal.type("for i in range(2):\n")
    terminal.until("...> ")
    terminal.type("    print('i', i)\n\n")
    assert "i 0\ni 1" in terminal.until("counter> ")
    terminal.type("if forgotten:\n")
    terminal.until("...> ")
    terminal.interrupt("counter> ")
    terminal.type("print('beg' + 'un'); receive()\n")
    terminal.until("begun")
    assert "interrupted" in terminal.interrupt("counter> ")
    terminal.type("'still ' + 'here'\n")
    assert "'still here'" in terminal.until("counter> ")
    terminal.type("\x04")
    assert terminal.process.wait(DEADLINE) == 0
    assert "attach" not in node("tree").out
    history = node.state_dir / "otpy" / "attach_history"
    assert "'still ' + 'here'" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_a_terminal_that_is_gone_ends_the_shell(terminal: Terminal, node: Shell) -> None:
    """The window was closed: the process in the node ends, and the node goes on."""
    terminal.type("print('beg' + 'un'); receive()\n")
    terminal.until("begun")
    terminal.process.send_signal(signal.SIGKILL)
    terminal.close()
    eventually_outside(lambda: "attach" not in node("tree").out)


def attached(otpy: Shell) -> subprocess.Popen[str]:
    """Start a shell as a process, with pipes."""
    command = [sys.executable, "-c", "import sys; from otpy.cli import main; sys.exit(main())", "attach"]
    process = subprocess.Popen(
        command, cwd=otpy.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    otpy.nodes.append(process)
    return process


def test_a_node_that_ends_under_a_shell_is_told(otpy: Shell) -> None:
    """And does not wait for the shell, whatever that runs."""
    node, _ = otpy.node(COUNTER)
    process = attached(otpy)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("print('begun'); __import__('time').sleep(1000)\n")
    process.stdin.flush()
    assert process.stdout.readline() == "begun\n"
    node.send_signal(signal.SIGTERM)
    assert node.wait(DEADLINE) == 0
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "gave no answer" in one_line(err)


def test_lines_come_one_by_one_through_a_pipe(otpy: Shell, tmp_path: Path) -> None:
    """A program may read an answer before it writes the next line."""
    otpy.node(COUNTER)
    process = attached(otpy)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(3):
        process.stdin.write(f"{number} + 1\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{number + 1}\n"
    assert process.communicate(timeout=DEADLINE) == ("", "")
    assert process.returncode == 0
