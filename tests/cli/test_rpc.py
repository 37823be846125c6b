"""`otpy rpc`: what is typed runs in the node, and neither its errors nor a lost client hurt the node."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import otpy as otp
from otpy.cli.client import conversation
from otpy.cli.exits import Failed
from otpy.cli.frames import Event
from tests.cli.conftest import COUNTER, DEADLINE, Here, Shell, one_line
from tests.support import eventually_outside

MODULE = """
import asyncio
import otpy

class Box:
    @staticmethod
    def double(value): return value * 2

def joined(*args): return "-".join(map(repr, args))
async def later(value): await asyncio.sleep(0); return value
def fails(): raise ValueError("in the module")
broken = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a module that the node can import."""
    (tmp_path / "rpc_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rpc_module", raising=False)
    return "rpc_module"


def evaluators() -> list[str]:
    """Return the labels of the processes that evaluate."""
    infos = [otp.process_info(pid) for pid in otp.processes()]
    return [info.label or "" for info in infos if info is not None and (info.label or "").startswith(("rpc", "attach"))]


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("1 + 1", "2\n"),
        ("'text'", "'text'\n"),
        ("x = 20\nx + 1", "21\n"),
        ("None", ""),
        ("x = 1", ""),
        ("print('said'); 5", "said\n5\n"),
        ("print('no end', end='')", "no end"),
        ("import asyncio\nawait asyncio.sleep(0, 7)", "7\n"),
        ("[x async for x in agen()]", None),
        ("def f():\n    return 3\nf()", "3\n"),
        ("otpy.whereis('nobody') is whereis('nobody')", "True\n"),
        ("type(self_pid()).__name__, receive(timeout=0) if 0 else flush()", "('Process', [])\n"),
        ("pid(self_pid().id) is self_pid()", "True\n"),
        ("print('\\ud800')", "\\ud800\n"),
    ],
)
def test_the_value_and_the_output_are_printed(here: Here, source: str, printed: str | None) -> None:
    """As at Python's prompt: the last expression has the value, None is not printed, `await` may stand at the top."""
    finished = here.otpy("rpc", source)
    if printed is None:
        assert finished.code == 1
        assert "NameError" in finished.err
    else:
        assert finished == (0, printed, "")


def test_what_otpy_made_to_be_read_is_printed_as_text(here: Here) -> None:
    """A tree is a drawing, not the repr of a struct."""
    assert here.otpy("rpc", "tree()").out.startswith("rpc of process")


def test_standard_error_stays_apart(here: Here) -> None:
    """What the code writes there is written there."""
    finished = here.otpy("rpc", "import sys as s; print('o'); print('e', file=s.stderr)")
    assert finished == (0, "o\n", "e\n")


def test_json_is_for_plain_data_and_has_standard_output_for_itself(here: Here) -> None:
    """A program reads the value, whatever the code prints beside it."""
    finished = here.otpy("rpc", "print('beside'); {'a': [1, None, self_pid]}", "--json")
    assert finished.code == 0
    value = json.loads(finished.out)
    assert value["a"][:2] == [1, None]
    assert finished.err == "beside\n"
    assert json.loads(here.otpy("rpc", "None", "--json").out) is None


def test_an_exception_shows_the_frames_of_the_user_only(here: Here) -> None:
    """Nobody wants to read how otpy calls eval."""
    finished = here.otpy("rpc", "def f():\n    call('nobody', 1)\nf()")
    assert finished.code == 1
    assert finished.out == ""
    frames = [line.strip() for line in finished.err.splitlines() if line.lstrip().startswith("File ")]
    assert [re.sub(r"rpc \d+", "rpc N", frame) for frame in frames] == [
        'File "<otpy rpc N:1>", line 3, in <module>',
        'File "<otpy rpc N:1>", line 2, in f',
    ]
    assert "    call('nobody', 1)" in finished.err
    assert "NoProcess" in finished.err


def test_what_caused_an_exception_is_shown_without_otpys_frames_too(here: Here) -> None:
    """Of all exceptions of a chain and of a group."""
    source = "try:\n    call('nobody', 1)\nexcept CallError as e:\n    raise ExceptionGroup('g', [e]) from e"
    told = here.otpy("rpc", source).err
    assert "otpy/kernel" not in told
    assert "otpy/cli" not in told
    assert told.count("NoProcess") >= 2


@pytest.mark.parametrize(
    "source", ["1 1", "raise SystemExit(3)", "raise KeyboardInterrupt", "(lambda f: f(f))(lambda f: f(f))"]
)
def test_whatever_is_raised_is_an_error_of_the_code_alone(here: Here, source: str) -> None:
    """The node is there afterwards, and its process of that time is not."""
    finished = here.otpy("rpc", source)
    assert finished.code == 1
    assert finished.err
    assert "otpy/cli" not in finished.err
    assert here.otpy("rpc", "1").out == "1\n"
    eventually_outside(lambda: evaluators() == [])


def test_a_repr_that_raises_is_an_error(here: Here) -> None:
    """Showing the value is part of the evaluation."""
    finished = here.otpy("rpc", "class A:\n    def __repr__(self): raise ValueError('shy')\nA()")
    assert finished.code == 1
    assert "ValueError: shy" in finished.err


@pytest.mark.parametrize(
    ("args", "printed"),
    [
        (["joined"], "''\n"),
        (["joined", "5", "tea", "[1, 'a']", "-3", "None"], "\"5-'tea'-[1, 'a']--3-None\"\n"),
        (["later", "(1, 2)"], "(1, 2)\n"),
        (["Box.double", "21"], "42\n"),
    ],
)
def test_a_function_is_called_with_literals(here: Here, module: str, args: list[str], printed: str) -> None:
    """What is no Python literal is text; what is `async def` is awaited; the module is imported if it is not."""
    assert here.otpy("rpc", f"{module}:{args[0]}", *args[1:]) == (0, printed, "")


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("no_such_module:f", "finds no module 'no_such_module'"),
        ("rpc_module:nothing", "rpc_module has no nothing"),
        ("rpc_module:broken", "is no function, but int"),
    ],
)
def test_a_function_that_is_not_there_is_bad_input(here: Here, module: str, what: str, why: str) -> None:
    """It is told from one that fails."""
    finished = here.otpy("rpc", what)
    assert finished.code == 2
    assert why in one_line(finished.err)
    failed = here.otpy("rpc", "rpc_module:fails")
    assert failed.code == 1
    assert "ValueError: in the module" in failed.err


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["1 + 1", "5"], "arguments are for a function"),
        (["1", "--timeout", "0"], "more than 0"),
        (["1", "--timeout", "-1"], "more than 0"),
        (["1", "--timeout", "nan"], "more than 0"),
        (["1", "--timeout", "soon"], "--timeout"),
        (["--tiemout", "1", "2"], "no option --tiemout"),
        ([], "requires an argument"),
    ],
)
def test_wrong_arguments_are_bad_input(here: Here, args: list[str], why: str) -> None:
    """They are named before anything runs."""
    finished = here.otpy("rpc", *args)
    assert finished.code == 2
    assert why in one_line(finished.err)


def test_what_is_no_unicode_is_sent_as_an_escape(here: Here, module: str) -> None:
    """A terminal or a file may be in any encoding."""
    assert here.otpy("rpc", "'\udcff'") == (0, "'\\udcff'\n", "")
    assert here.otpy("rpc", f"{module}:joined", "\udcff") == (0, "\"'\\\\\\\\udcff'\"\n", "")
    named = here.otpy("backup", "\udcff.db")
    assert named.code == 2
    assert "is no Unicode text, and cannot be sent" in one_line(named.err)


def test_numbers_that_json_has_not_are_text_in_it(here: Here) -> None:
    """Who reads it may be no Python."""
    finished = here.otpy("rpc", "{'a': [float('nan'), 1.5], 'b': -float('inf')}", "--json")
    assert json.loads(finished.out, parse_constant=pytest.fail) == {"a": ["nan", 1.5], "b": "-inf"}


def test_a_program_comes_from_standard_input(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for it, as everywhere."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("x = 3\nfor i in range(x):\n    print(i)\nx\n"))
    assert here.otpy("rpc", "-") == (0, "0\n1\n2\n3\n", "")


def test_a_large_value_comes_in_pieces(here: Here) -> None:
    """No frame has to hold it."""
    finished = here.otpy("rpc", "'x' * 5_000_000")
    assert len(finished.out) == 5_000_003


@pytest.mark.parametrize(
    "source",
    ["while True: pass", "sleep(1000)", "receive()", "import asyncio; await asyncio.sleep(1000)"],
)
def test_what_takes_too_long_is_ended(here: Here, source: str) -> None:
    """Wherever it is: it computes, waits for a message, or awaits. Its thread ends, too."""
    finished = here.otpy("rpc", source, "--timeout", "0.2")
    assert finished.code == 1
    assert "longer than 0.2 s" in one_line(finished.err)
    eventually_outside(lambda: evaluators() == [] and not _evaluating())


def test_what_it_has_linked_is_left_alone_when_it_ends_as_it_should(here: Here) -> None:
    """It ends with the reason Normal: a server that it has started goes on."""
    source = "from tests.support import Echo\np = Echo.start_link(name='kept')\np"
    assert here.otpy("rpc", source).code == 0
    eventually_outside(lambda: evaluators() == [])
    assert otp.whereis("kept") is not None


def test_a_process_that_is_ended_from_outside_is_a_failure(here: Here) -> None:
    """The client is told, instead of waiting for ever."""
    finished = here.otpy("rpc", "spawn_link(lambda: exit(self_pid(), 'enough')); receive()")
    assert finished.code == 1
    assert "ended with 'enough'" in one_line(finished.err)


@pytest.mark.parametrize("source", ["while True: pass", "receive()", "while True: print('x' * 100_000)"])
def test_it_is_ended_when_the_client_is_gone(here: Here, source: str) -> None:
    """Also if it prints, and nobody reads."""
    with conversation(here.socket, "rpc", {"source": f"print('begun')\n{source}"}) as talk:
        while not (isinstance(event := talk.next(), Event) and event.name == "out"):
            continue
        assert len(evaluators()) == 1
    eventually_outside(lambda: evaluators() == [] and not _evaluating())


def test_ctrl_c_ends_what_runs_and_not_the_node(otpy: Shell) -> None:
    """The exit code is that of a command that was interrupted."""
    otpy.node(COUNTER)
    process = otpy.popen("rpc", "print('begun'); receive()")
    otpy.nodes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert "has been ended, the node goes on" in one_line(err)
    eventually_outside(lambda: "rpc of" not in otpy("tree").out)


def test_a_node_that_ends_is_said(otpy: Shell) -> None:
    """So that a script does not take silence for success."""
    node, _ = otpy.node(COUNTER)
    process = otpy.popen("rpc", "print('begun'); import time; time.sleep(1000)")
    otpy.nodes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    node.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "gave no answer" in one_line(err)
    assert node.wait(DEADLINE) == 0


def test_others_print_as_ever_meanwhile(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    """The stream of the interpreter is divided for the evaluation, and put back after the last."""
    before = sys.stdout
    with conversation(here.socket, "rpc", {"source": "print('mine'); receive()"}) as talk:
        while not (isinstance(event := talk.next(), Event) and event.name == "out"):
            continue
        assert event.facts == {"text": "mine\n"}
        assert sys.stdout is not before
        print("others")  # noqa: T201 - what is tested
    eventually_outside(lambda: sys.stdout is before)
    assert capsys.readouterr().out == "others\n"


def test_tasks_and_helper_threads_print_for_who_asked(here: Here) -> None:
    """They belong to the evaluation."""
    source = (
        "import asyncio\n"
        "blocking(print, 'helper')\n"
        "await asyncio.gather(asyncio.to_thread(print, 'thread'))\n"
        "async def f(): print('task')\n"
        "await asyncio.create_task(f())"
    )
    assert here.otpy("rpc", source) == (0, "helper\nthread\ntask\n", "")


@pytest.mark.parametrize("source", ["input()", "import sys as s; s.stdin.read()"])
def test_the_standard_input_of_the_node_is_not_read(here: Here, source: str) -> None:
    """Its terminal is the node's: whoever reads there from outside would wait for ever, and take what is typed."""
    finished = here.otpy("rpc", source, "--timeout", "10")
    assert finished.code == 1
    assert "no standard input" in finished.err


def test_quit_does_not_close_the_input_of_the_node(here: Here) -> None:
    """Python's own does."""
    assert here.otpy("rpc", "quit()").code == 1
    assert not sys.stdin.closed


def test_many_at_once_each_get_their_own(here: Here) -> None:
    """Nobody reads what another has printed."""
    answers: dict[int, list[str]] = {}

    def client(number: int) -> None:
        said: list[str] = []
        source = f"for i in range(50): print({number})"
        with conversation(here.socket, "rpc", {"source": source}) as talk:
            while isinstance(event := talk.next(), Event):
                said += event.facts.get("text", "").split()
        answers[number] = said

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert answers == {number: [str(number)] * 50 for number in range(8)}


def test_bad_arguments_name_the_versions_if_they_differ(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of another otpy than the node's is told so, where the two do not understand each other."""
    monkeypatch.setattr("otpy.cli.client.version", lambda: "99.9")
    with (
        pytest.raises(Exception, match=r"does not know 'dance'.*The node is otpy .*, this command 99\.9"),
        conversation(here.socket, "dance", {}) as talk,
    ):
        _to_the_end(talk)


def test_no_node_and_a_dead_socket_are_said(otpy: Shell) -> None:
    """With what to do."""
    for command in (["rpc", "1"], ["attach"], ["top", "--once"]):
        finished = otpy(*command)
        assert finished.code == 2
        assert "otpy run TARGET" in one_line(finished.err)


def _to_the_end(talk: Any) -> None:
    while isinstance(talk.next(), Event):
        continue


def _evaluating() -> bool:
    return any(thread.name.startswith(("otpy-rpc", "otpy-attach")) for thread in threading.enumerate())


def test_a_conversation_that_says_nonsense_ends_alone(here: Here) -> None:
    """Whatever the client of an rpc says, the node goes on."""
    with conversation(here.socket, "top", {}) as talk:
        talk.say("dance")
        with pytest.raises(Exception, match="'dance' is not understood"):
            _to_the_end(talk)
    with conversation(here.socket, "attach", {}) as talk:
        talk.say("run", id="x", source=1)
        with pytest.raises(Exception, match="does not understand 'run'"):
            _to_the_end(talk)
    assert here.otpy("rpc", "1").out == "1\n"
    assert Failed.code == 1
