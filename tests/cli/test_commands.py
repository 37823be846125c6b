"""The commands that need no upgrade: what they take, what they print, and their exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otpy import __version__
from tests.cli.conftest import DEADLINE, SANDBOXES, Shell, one_line

LEDGER = """
import sys, threading
import otpy
from otpy import Ok, SupFlags

class Server(otpy.GenServer[str]):
    def init(self, arg):
        otpy.trap_exit(True)
        return Ok(arg)
    def handle_info(self, message, state):
        raise RuntimeError(message)
    def terminate(self, reason, state):
        print("ended", state, file=sys.stderr, flush=True)
        if state == "stuck":
            threading.Event().wait()

class Root(otpy.Supervisor):
    def init(self, arg):
        return SupFlags(intensity=0), [
            Server.child_spec(name, id=name, shutdown="infinity") for name in NAMES
        ]

def crashing():
    pid = Root.start_link()
    otpy.send_after(otpy.supervisor.which_children(pid)[0].child, "a bad day", 0.01)
    return pid

def working():
    return otpy.spawn(otpy.sleep, 0.01)
"""


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Give a file with a supervised system of two servers, which say when they end."""
    file = tmp_path / "app.py"
    file.write_text(f'{LEDGER}\nNAMES = ["first", "second"]\n')
    return file


def test_a_node_runs_and_shows_its_tree(otpy: Shell) -> None:
    """The node says where it is; the tree names what runs there."""
    process, ready = otpy.node(SANDBOXES / "counter")
    assert ready == {
        "node": "counter",
        "process": process.pid,
        "socket": str(otpy.run_dir / "counter.sock"),
        "store": str(otpy.state_dir / "otpy" / "counter" / "otpy.db"),
    }
    shown = otpy("tree")
    assert (shown.code, shown.err) == (0, "")
    assert "counter: counter" in shown.out
    answer = otpy.json("tree", "--node", "counter")
    assert (answer["node"], answer["process"]) == ("counter", process.pid)
    assert [child["name"] for child in answer["tree"][0]["children"]] == ["counter"]
    assert answer["text"] in shown.out


def test_a_node_says_for_people_where_it_is(otpy: Shell) -> None:
    """And how to look at it, and how to stop it."""
    process = otpy.popen("run", SANDBOXES / "counter", "--version", "v2", "--name", "mine")
    otpy.nodes.append(process)
    assert process.stdout is not None
    said = process.stdout.readline() + process.stdout.readline()
    assert f"counter v2 runs as node 'mine' (process {process.pid}), control socket {otpy.run_dir}/mine.sock" in said
    assert "otpy tree --node mine" in said
    assert "· v2" in otpy("tree", "--node", "mine").out


@pytest.mark.parametrize("target", ["counter", "sandboxes/counter", "sandboxes/counter/"])
def test_a_sandbox_is_named_by_folder_or_name(otpy: Shell, target: str) -> None:
    """From the checkout, as the README does."""
    assert otpy.node(target)[1]["node"] == "counter"


def test_a_system_is_named_by_file_or_module(otpy: Shell, system: Path) -> None:
    """Each finds the supervisor; the node is called after the module."""
    otpy.cwd = system.parent
    for target in ("app.py", "app.py:Root", "app:Root"):
        process, ready = otpy.node(target)
        assert ready["node"] == "app"
        assert "first" in otpy("tree").out
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_the_system_in_reverse_start_order(otpy: Shell, system: Path, number: int, code: int) -> None:
    """SIGTERM is an order that was carried out; Ctrl-C is 130, as everywhere."""
    process, ready = otpy.node(system)
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE)
    ended = [line for line in err.splitlines() if line.startswith("ended")]
    assert (process.returncode, ended) == (code, ["ended second", "ended first"])
    assert "Traceback" not in err
    assert not Path(ready["socket"]).exists()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(otpy: Shell, system: Path, second: signal.Signals) -> None:
    """A child that never ends would hold up the stop for ever."""
    system.write_text(f'{LEDGER}\nNAMES = ["stuck"]\n')
    process, _ = otpy.node(system)
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    while process.stderr.readline() != "ended stuck\n":
        continue
    process.send_signal(second)
    assert process.wait(DEADLINE) == -second


def test_a_system_that_gives_up_ends_its_node_with_1(otpy: Shell, system: Path) -> None:
    """Whoever watches the process has to see that it failed."""
    finished = otpy.process("run", f"{system}:crashing")
    assert finished.code == 1
    assert "otpy: the root of the system gave up restarting a child" in finished.err
    assert "a bad day" in finished.err


def test_a_system_that_has_done_its_work_ends_its_node_with_0(otpy: Shell, system: Path) -> None:
    """A root that ends as normal is no failure."""
    assert otpy.process("run", f"{system}:working").code == 0


def test_a_name_is_given_to_one_node_only(otpy: Shell) -> None:
    """The second start says who has it, and does no harm to the first."""
    process, _ = otpy.node("counter")
    second = otpy("run", "counter")
    assert (second.code, second.out) == (1, "")
    assert f"a node 'counter' already runs (process {process.pid})" in one_line(second.err)
    assert otpy("tree").code == 0


def test_several_nodes_are_told_apart_by_name(otpy: Shell) -> None:
    """Without a name the command says which there are."""
    otpy.node("counter", "--name", "a")
    otpy.node("counter", "--name", "b")
    which = otpy("tree")
    assert (which.code, which.out) == (2, "")
    assert "--node: a, b" in one_line(which.err)
    assert otpy.json("tree", "--node", "b")["node"] == "b"


def test_a_node_starts_again_after_kill_9(otpy: Shell) -> None:
    """What it left behind hinders neither the commands nor the next start."""
    process, ready = otpy.node("counter")
    process.kill()
    process.wait(DEADLINE)
    assert Path(ready["socket"]).exists()
    gone = otpy("tree")
    assert (gone.code, gone.out) == (2, "")
    assert "no node runs in" in one_line(gone.err)
    otpy.node("counter")
    assert otpy("tree").code == 0


def test_a_stopped_node_does_not_hold_up_a_command_for_ever(otpy: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped by SIGSTOP still has its socket."""
    from otpy.cli import client
    from otpy.cli.exits import Failed

    process, ready = otpy.node("counter")
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(client, "ACCEPT_SECONDS", 0.2)
    with pytest.raises(Failed, match="gave no answer"):
        client.ask(Path(ready["socket"]), "tree", {})
    process.send_signal(signal.SIGCONT)
    assert otpy("tree").code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trei"], "Did you mean"),
        (["tree", "--nod", "x"], "--nod"),
        (["tree", "x"], "x"),
        (["upgrade"], "MODULE and a FILE"),
        (["upgrade", "counter"], "MODULE and a FILE, or a SANDBOX folder and --to VERSION, or --release"),
        (
            ["upgrade", "counter", "README.md", "--to", "v2"],
            "MODULE and a FILE, or a SANDBOX folder and --to VERSION, or --release",
        ),
        (["upgrade", "counter", "nothing.py"], "cannot read nothing.py"),
        (["upgrade", "counter", "sandboxes"], "cannot read sandboxes"),
        (["upgrade", "sandboxes/counter", "--to", "v9"], "v1, v2, v3"),
        (["upgrade", "counter", "--to", "v2", "--timeout", "soon"], "soon"),
        (["rollback"], "no node runs"),
        (["run"], "requires an argument"),
        (["run", "conuter"], "counter, shop"),
        (["run", "conuter"], "accepted: module:application, module:supervisor, a file.py"),
        (["run", "no/such"], "no sandbox 'no/such'"),
        (["run", "nothing.py"], "cannot read nothing.py"),
        (["run", "README.md"], "cannot run 'README.md'; accepted"),
        (["run", "json:load", "--version", "v1"], "--version is for sandboxes"),
        (["run", "counter", "--version", "v9"], "v1, v2, v3"),
        (["run", "counter", "--name", "a/b"], "cannot be the name of a node"),
        (["run", "no_such_module:Root"], "no module 'no_such_module'"),
        (["run", "json:nothing"], "is nothing that can be run"),
        (["run", "json:JSONDecoder"], "is nothing that can be run"),
        (["demo", "conuter"], "counter, shop"),
        (["tree"], "no node runs"),
        (["history", "--node", "x"], "no node"),
        (["tree", "--node", "a/b"], "cannot be the name of a node"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_on_stderr_and_code_2(otpy: Shell, args: list[str], said: str) -> None:
    """It says what was given and what is accepted, and nothing goes to standard output."""
    finished = otpy(*args)
    assert (finished.code, finished.out) == (2, "")
    assert said in one_line(finished.err)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("def root():\n    return 5\n", 1, "system.py did not start: TypeError: it returned 5, which is no pid"),
        ("def root():\n    return None\n", 1, "it returned None, which is no pid"),
        ("def root(arg):\n    return arg\n", 1, "system.py did not start: TypeError: root() missing 1 required"),
        ("async def root():\n    return 5\n", 2, "a function (no `async def`) that returns a pid"),
    ],
)
def test_a_function_that_starts_nothing_is_said(otpy: Shell, tmp_path: Path, text: str, code: int, said: str) -> None:
    """With what it has returned, or raised."""
    file = tmp_path / "system.py"
    file.write_text(text)
    finished = otpy.process("run", f"{file}:root", "--store", "none")
    assert finished.code == code
    assert said in one_line(finished.err.splitlines()[-1])
    assert "never awaited" not in finished.err


def test_a_module_of_ones_own_is_not_taken_for_an_example(otpy: Shell, tmp_path: Path) -> None:
    """Who has a shop.py and asks for `shop` does not mean the shop among the examples."""
    (tmp_path / "shop.py").write_text("")
    otpy.cwd = tmp_path
    finished = otpy.process("run", "shop")
    assert finished.code == 2
    assert "may be the sandbox, or shop.py: give shop:NAME" in one_line(finished.err)


def test_debug_shows_the_traceback_before_the_line(otpy: Shell) -> None:
    """For those who have to find out."""
    finished = otpy("run", "conuter", "--debug")
    assert finished.code == 2
    assert finished.err.startswith("Traceback")
    assert finished.err.splitlines()[-1].startswith("otpy: there is no sandbox")


def test_a_system_that_does_not_start_is_said_in_one_line(otpy: Shell, tmp_path: Path) -> None:
    """With the reason of its init."""
    (tmp_path / "bad.py").write_text(
        "import otpy\nclass Root(otpy.Supervisor):\n    def init(self, arg):\n        raise ValueError('no shelf')\n"
    )
    finished = otpy.process("run", tmp_path / "bad.py")
    assert finished.code == 1
    assert finished.err.splitlines()[-1].startswith("otpy: ")
    assert "did not start" in finished.err.splitlines()[-1]
    assert "no shelf" in finished.err


def test_a_file_that_does_not_import_is_said_in_one_line(otpy: Shell, tmp_path: Path) -> None:
    """It is the user's input."""
    (tmp_path / "bad.py").write_text("1 / 0\n")
    finished = otpy.process("run", tmp_path / "bad.py")
    assert finished.code == 2
    assert "cannot import bad: ZeroDivisionError" in one_line(finished.err)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "defines neither an application nor a supervisor"), (2, "defines several supervisors (A0, A1)")],
)
def test_a_file_without_exactly_one_supervisor_asks_for_a_name(
    otpy: Shell, tmp_path: Path, count: int, said: str
) -> None:
    """It says how to write it."""
    classes = [f"class A{n}(otpy.Supervisor):\n    def init(self, arg): ...\n" for n in range(count)]
    (tmp_path / "some.py").write_text("import otpy\n" + "".join(classes))
    finished = otpy.process("run", tmp_path / "some.py")
    assert finished.code == 2
    assert said in one_line(finished.err)
    assert "some.py:NAME" in finished.err


@pytest.mark.parametrize("command", [[], ["demo"], ["run"], ["tree"], ["upgrade"], ["rollback"], ["history"]], ids=str)
def test_help_names_the_exit_codes(otpy: Shell, command: list[str]) -> None:
    """So that nobody has to read the source."""
    finished = otpy(*command, "--help")
    assert (finished.code, finished.err) == (0, "")
    assert "Exit codes: 0 done, 1 the operation failed" in finished.out
    assert "\x1b" not in finished.out


def test_the_version_is_that_of_the_package(otpy: Shell) -> None:
    """With which a bug is reported."""
    assert otpy("--version") == (0, f"{__version__}\n", "")


def test_help_lists_every_command_without_importing_any(otpy: Shell) -> None:
    """It has to be quick."""
    code = (
        "import sys; from otpy.cli import main; code = main(['--help'])\n"
        "print(code, [name for name in sys.modules if name.startswith('otpy.cli.commands.')])"
    )
    out = _python(otpy, code)
    for command in ("demo", "run", "tree", "upgrade", "rollback", "history"):
        assert command in out
    assert out.splitlines()[-1] == "0 []"


def test_importing_otpy_loads_no_command_line(otpy: Shell) -> None:
    """A program that uses otpy does not pay for what prints."""
    loaded = _python(otpy, "import sys, otpy; print(sorted({'rich', 'cyclopts', 'otpy.cli'} & set(sys.modules)))")
    assert loaded == "[]\n"


def test_output_into_a_pipe_that_closes_early_is_no_error(otpy: Shell) -> None:
    """As in `otpy history | head -1`."""
    otpy.node("counter")
    with otpy.popen("tree", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_terminal_that_cannot_show_a_character_gets_a_substitute(otpy: Shell) -> None:
    """Rather than an error."""
    otpy.node("counter")
    shown = otpy.process("tree", PYTHONIOENCODING="ascii")
    assert shown.code == 0
    assert "counter" in shown.out


def test_ctrl_c_in_a_waiting_command_is_130_without_a_traceback(otpy: Shell) -> None:
    """Here the node does not answer, so the command waits."""
    node, _ = otpy.node("counter")
    node.send_signal(signal.SIGSTOP)
    code = (
        "import sys, otpy.cli.client as client\n"
        "from otpy.cli import main\n"
        "read = client.read_answer\n"
        "def waiting(*args):\n    print('waiting', flush=True)\n    return read(*args)\n"
        "client.read_answer = waiting\n"
        "sys.exit(main(['tree']))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE)
    node.send_signal(signal.SIGCONT)
    assert (process.returncode, err) == (130, "otpy: interrupted\n")


def test_json_of_a_failed_command_leaves_stdout_to_json(otpy: Shell) -> None:
    """A script reads standard output; the line for people is on standard error."""
    finished = otpy("tree", "--json")
    assert (finished.code, finished.out) == (2, "")
    otpy.node("counter")
    assert json.loads(otpy("history", "--json").out) == []


def _python(otpy: Shell, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    return done.stdout
