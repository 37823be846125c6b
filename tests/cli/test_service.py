"""A node as a service: an application in the foreground, its signals, what the service manager is told, its verbs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import pytest

from otpy.cli.notify import ServiceManager
from otpy.cli.pulse import Pulse, turns
from tests.cli.conftest import DEADLINE, SANDBOXES, Shell, one_line
from tests.support import eventually_outside

APP = """
import sys, threading
import otpy
from otpy import application

__vsn__ = "1"

def say(*what):
    print("said", *what, file=sys.stderr, flush=True)

class Server(otpy.GenServer):
    def init(self, arg):
        otpy.trap_exit(True)
        return otpy.Ok(arg)
    def handle_call(self, request, from_, state):
        return otpy.Reply(state, state)
    def handle_info(self, message, state):
        if isinstance(message, otpy.Exit):
            return otpy.NoReply(state)
        return otpy.Stop(message, state)
    def terminate(self, reason, state):
        say(state, "ended")

class Db(otpy.Application):
    vsn = "7"
    def start(self, type_, args):
        return otpy.supervisor.start_link(
            [Server.child_spec("db server", name="db", restart="transient")],
            flags=otpy.SupFlags(intensity=0))
    def stop(self, state):
        say("db stopped")

class Shop(otpy.Application):
    description = "sells"
    applications = (Db,)
    env = {"port": 80}
    start_phases = ("warm",)
    def start(self, type_, args):
        return otpy.supervisor.start_link(
            [Server.child_spec("server", name="shop", restart="transient")], flags=otpy.SupFlags(intensity=0))
    def start_phase(self, phase, start_type, args):
        say("phase", phase, application.get_env("shop", "port"))
    def prep_stop(self, state):
        say("prep_stop")
    def stop(self, state):
        say("shop stopped")
    def config_change(self, changed, new, removed):
        say("config", changed, new, *removed)
"""

PYPROJECT = """
[tool.otpy.application.shop]
mod = "app:Shop"
vsn = "1.5"
[tool.otpy.application.lib]
[tool.otpy.application.broken]
mod = "app"
"""


@pytest.fixture
def app(otpy: Shell, tmp_path: Path) -> Path:
    """Give a file with two applications, and go where it is."""
    file = tmp_path / "app.py"
    file.write_text(APP)
    otpy.cwd = tmp_path
    return file


@final
class Listener:
    """A service manager that only listens."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(DEADLINE)
        self.environment = {"NOTIFY_SOCKET": address}

    def hear(self, *, skip: str = "WATCHDOG=1") -> dict[str, str]:
        """Return the next message that is not *skip*."""
        while (text := self.socket.recv(4096).decode()) == skip:
            continue
        return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Listener]:
    """Give a service manager at a path."""
    listener = Listener(str(tmp_path / "notify"))
    yield listener
    listener.socket.close()


def started(otpy: Shell, *args: object, **environment: str) -> subprocess.Popen[str]:
    """Start a node with that environment, and wait until it is ready."""
    process = otpy.popen("run", *args, "--json", **environment)
    otpy.nodes.append(process)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate(timeout=DEADLINE)
    return process


def said(process: subprocess.Popen[str]) -> list[str]:
    """Wait for the end of *process*, and return what its application has said."""
    _, err = process.communicate(timeout=DEADLINE)
    return [line.removeprefix("said ") for line in err.splitlines() if line.startswith("said ")]


def until(process: subprocess.Popen[str], text: str) -> None:
    """Wait until *process* says *text*."""
    assert process.stderr is not None
    while text not in (line := process.stderr.readline()):
        assert line, f"it ended without having said {text!r}"


# -- running ---------------------------------------------------------------------------------------

ORDER = ["phase warm 80", "prep_stop", "server ended", "shop stopped", "db server ended", "db stopped"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_an_application_runs_with_its_dependencies_and_stops_in_reverse(
    otpy: Shell, app: Path, number: int, code: int
) -> None:
    """One signal, in order: prepare, the tree, the rest; then what it depends on."""
    process = started(otpy, "app:Shop")
    process.send_signal(number)
    assert said(process) == ORDER
    assert process.returncode == code


@pytest.mark.parametrize("target", ["app.py:Shop", "shop"])
def test_an_application_is_named_by_file_or_by_pyproject(otpy: Shell, app: Path, target: str) -> None:
    """What pyproject.toml says goes over what the class says."""
    (app.parent / "pyproject.toml").write_text(PYPROJECT)
    process, ready = otpy.node(target)
    assert ready["node"] == ("shop" if target == "shop" else "app")
    versions = {each["name"]: each["vsn"] for each in otpy.json("versions")["applications"]}
    assert versions == {"shop": "1.5", "db": "7"}
    assert "shop <" in otpy("tree").out
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["lib"], "application 'lib' is a library: without `mod` there is nothing to start"),
        (["broken"], "mod is 'app'; give \"module:Class\""),
        (["app.py"], "defines several applications (Db, Shop); name what to start"),
        (["app:Shop", "--config", "nothing.toml"], "cannot read nothing.toml: No such file"),
        (["app:Shop", "--config", "app.py"], "app.py is no TOML"),
        (["app:Shop", "--config", "bad.toml"], "bad.toml: shop is 5; give a table of the environment"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_before_anything_starts(
    otpy: Shell, app: Path, args: list[str], text: str
) -> None:
    """In one line, with exit code 2."""
    (app.parent / "pyproject.toml").write_text(PYPROJECT)
    (app.parent / "bad.toml").write_text("shop = 5\n")
    finished = otpy.process("run", *args)
    assert finished.code == 2
    assert text in one_line(finished.err)


ENDS = {
    "the root of the system gave up restarting a child": ("shop", "'boom'", 1),
    "the application 'db' ended with Shutdown": ("db", "'boom'", 1),
    "": ("shop", "otpy.Normal()", 0),
}
AUTO = 'significant=True)], flags=otpy.SupFlags(intensity=0, auto_shutdown="any_significant"))\n    def start_phase'


@pytest.mark.parametrize("when", ["at once", "later"])
@pytest.mark.parametrize("text", ENDS)
def test_the_end_of_a_permanent_application_ends_the_node(otpy: Shell, app: Path, text: str, when: str) -> None:
    """With 1, for whoever watches the process, if it was no good end; whichever of the applications it is."""
    server, reason, code = ENDS[text]
    ending = f"otpy.send({server!r}, {reason})"
    where = 'say("config"' if when == "later" else 'say("phase"'
    changed = APP.replace(")], flags=otpy.SupFlags(intensity=0))\n    def start_phase", f", {AUTO}")
    app.write_text(changed.replace(where, f"{ending}; {where}"))
    config = app.parent / "config.toml"
    config.write_text("")
    process = otpy.popen("run", "app:Shop", "--config", config)
    otpy.nodes.append(process)
    if when == "later":
        assert process.stdout is not None
        process.stdout.readline()
        config.write_text("[shop]\nport = 1\n")
        process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == code
    assert text in err.splitlines()[-1]
    assert "said db stopped" in err


def test_an_application_that_does_not_start_is_said_in_one_line(otpy: Shell, app: Path) -> None:
    """With the reason; what was started for it is stopped."""
    app.write_text(APP.replace('say("phase", phase', 'raise ValueError("no shelf"); say("phase", phase'))
    finished = otpy.process("run", "app:Shop")
    assert finished.code == 1
    assert finished.err.splitlines()[-1].startswith("otpy: application shop 1 (app:Shop) did not start: ")
    assert "no shelf" in finished.err.splitlines()[-1]
    assert "said db stopped" in finished.err


def test_the_first_process_of_a_container_ends_at_the_second_signal(otpy: Shell, app: Path) -> None:
    """The kernel keeps from it what it has no handler for; so it has one, with the exit code that a shell shows."""
    app.write_text(APP.replace('say("prep_stop")', 'say("prep_stop"); otpy.blocking(threading.Event().wait)'))
    code = "import os, sys; from otpy.cli import main; os.getpid = lambda: 1; sys.exit(main(['run', 'app:Shop']))"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=app.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    otpy.nodes.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    until(process, "prep_stop")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 128 + signal.SIGTERM


# -- the service manager ---------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_of_start_reload_and_stop(otpy: Shell, app: Path, abstract: bool) -> None:
    """READY when the phases are done; RELOADING with the moment, and READY again; STOPPING."""
    listener = Listener(f"@otpy-test-{os.getpid()}" if abstract else str(app.parent / "notify"))
    process = started(otpy, "app:Shop", **listener.environment)
    assert listener.hear() == {"READY": "1", "STATUS": "application shop 1 (app:Shop) runs"}
    until(process, "phase warm")  # it stands in the pipe already
    process.send_signal(signal.SIGHUP)
    reloading = listener.hear()
    assert (reloading["RELOADING"], reloading["MONOTONIC_USEC"].isdigit()) == ("1", True)
    assert listener.hear() == {"READY": "1", "STATUS": "the configuration was read again: nothing has changed"}
    process.send_signal(signal.SIGTERM)
    assert listener.hear() == {"STOPPING": "1", "STATUS": "stopping"}
    assert process.wait(DEADLINE) == 0
    listener.socket.close()


def test_the_watchdog_hears_that_the_scheduler_turns(otpy: Shell, app: Path, manager: Listener) -> None:
    """Again and again, twice in the time that it allows."""
    process = started(otpy, "app:Shop", WATCHDOG_USEC="200000", **manager.environment)
    heard = [manager.hear(skip="") for _ in range(6)]
    assert heard.count({"WATCHDOG": "1"}) >= 5
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def test_a_scheduler_that_does_not_turn_is_not_alive(
    otp_runtime: Any, manager: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Then nothing is told, and the service manager acts."""
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait(DEADLINE)

    assert turns(otp_runtime, DEADLINE)
    otp_runtime.scheduler.between_slices(hold)
    assert held.wait(DEADLINE)
    pulse = Pulse(otp_runtime, ServiceManager({**manager.environment, "WATCHDOG_USEC": "20000"}))
    pulse.start()
    eventually_outside(lambda: "the scheduler did not turn for 0.01 s" in caplog.text)
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.socket.recv(100)
    manager.socket.setblocking(True)
    go_on.set()
    assert manager.hear(skip="") == {"WATCHDOG": "1"}
    pulse.stop()


@pytest.mark.parametrize(
    ("environment", "seconds", "text"),
    [
        ({}, None, ""),
        ({"WATCHDOG_USEC": "1500000"}, 1.5, ""),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5, ""),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None, ""),
        ({"WATCHDOG_USEC": "soon"}, None, "WATCHDOG_USEC is 'soon', which is no time"),
        ({"WATCHDOG_USEC": "0"}, None, "which is no time"),
        ({"NOTIFY_SOCKET": "here"}, None, "NOTIFY_SOCKET is 'here', which is neither a path nor an abstract socket"),
    ],
    ids=str,
)
def test_what_the_environment_says_of_the_service_manager(
    environment: dict[str, str], seconds: float | None, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What makes no sense is said, and the node runs all the same."""
    found = ServiceManager(environment)
    assert found.watchdog_seconds == seconds
    found.ready("nobody hears it")
    assert text in caplog.text
    assert bool(text) == bool(caplog.text)


def test_a_service_manager_that_is_gone_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the node goes on."""
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("fine")
    assert "cannot tell the service manager READY=1" in caplog.text


# -- the configuration -----------------------------------------------------------------------------


def test_sighup_has_the_configuration_read_again(otpy: Shell, app: Path, manager: Listener) -> None:
    """The application is told what has changed in its environment; a table for nobody is warned of."""
    config = app.parent / "config.toml"
    config.write_text("[shop]\nport = 81\n[shpo]\nport = 1\n")
    process = started(otpy, "app:Shop", "--config", config, **manager.environment)
    manager.hear()
    config.write_text("[shop]\nhost = 'here'\n")
    process.send_signal(signal.SIGHUP)
    assert "RELOADING" in manager.hear()
    assert manager.hear()["STATUS"] == "the configuration was read again: shop: changed port, new host"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    assert "said phase warm 81" in err
    assert f"{config} has a table for shpo, which is not loaded; loaded: shop, db" in err
    assert "said config {'port': 80} {'host': 'here'}" in err


BROKEN = {
    "no TOML": ("[shop\n", "is no TOML"),
    "no table": ("shop = 1\n", "shop is 1; give a table of the environment of application 'shop'"),
    "gone": (None, "cannot read"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_configuration_changes_nothing_and_is_said(
    otpy: Shell, app: Path, manager: Listener, how: str
) -> None:
    """In the log and to the service manager; the next one that is good is taken."""
    text, why = BROKEN[how]
    config = app.parent / "config.toml"
    config.write_text("[shop]\nport = 81\n")
    process = started(otpy, "app:Shop", "--config", config, **manager.environment)
    manager.hear()
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    process.send_signal(signal.SIGHUP)
    manager.hear()
    status = manager.hear()["STATUS"]
    assert status.startswith("the configuration was refused, and nothing has changed: ")
    assert why in status
    config.write_text("[shop]\nport = 82\n")
    process.send_signal(signal.SIGHUP)
    manager.hear()
    assert manager.hear()["STATUS"] == "the configuration was read again: shop: changed port"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    assert status in err
    assert [line for line in err.splitlines() if line.startswith("said config")] == ["said config {'port': 82} {}"]


def test_a_config_change_that_hangs_keeps_nobody_from_stopping(otpy: Shell, app: Path, manager: Listener) -> None:
    """The first signal waits for it, as for any callback; the second does not."""
    hanging = 'say("config"); otpy.blocking(threading.Event().wait)'
    app.write_text(APP.replace('say("config", changed, new, *removed)', hanging))
    config = app.parent / "config.toml"
    config.write_text("")
    process = started(otpy, "app:Shop", "--config", config, **manager.environment)
    manager.hear()
    config.write_text("[shop]\nport = 81\n")
    process.send_signal(signal.SIGHUP)
    until(process, "said config")
    process.send_signal(signal.SIGTERM)
    while "STOPPING" not in manager.hear():
        continue
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == -signal.SIGTERM


def test_sighup_does_no_harm_to_a_system_without_applications(otpy: Shell) -> None:
    """There is nothing to be read."""
    process, _ = otpy.node(SANDBOXES / "counter")
    process.send_signal(signal.SIGHUP)
    until(process, "the configuration was read again: nothing has changed")
    assert otpy("ping").code == 0


# -- verbs -----------------------------------------------------------------------------------------


def test_ping_says_whether_a_node_works(otpy: Shell, app: Path) -> None:
    """One that does not answer in time has failed: a probe must not wait for ever."""
    assert otpy("ping").code == 2
    process = started(otpy, "app:Shop", "--name", "shop")
    assert otpy("ping") == (0, f"pong from shop (process {process.pid})\n", "")
    assert otpy.json("ping", "--node", "shop") == {"node": "shop", "process": process.pid}
    process.send_signal(signal.SIGSTOP)
    late = otpy("ping", "--timeout", "0.1")
    assert (late.code, late.out) == (1, "")
    assert "gave no answer" in one_line(late.err)
    process.send_signal(signal.SIGCONT)
    assert otpy("ping").code == 0


def test_pid_asks_nobody(otpy: Shell, app: Path) -> None:
    """A node that is stuck can be found, and killed; one that was killed is not there any more."""
    process = started(otpy, "app:Shop", "--name", "shop")
    process.send_signal(signal.SIGSTOP)
    assert otpy("pid") == (0, f"{process.pid}\n", "")
    assert otpy.json("pid") == {"node": "shop", "process": process.pid}
    process.kill()
    process.wait(DEADLINE)
    assert otpy("pid").code == 2
    assert "no node 'shop' runs in" in one_line(otpy("pid", "--node", "shop").err)


def test_pid_of_several_wants_a_name(otpy: Shell, app: Path) -> None:
    """And says which there are."""
    processes = {name: started(otpy, "app:Shop", "--name", name) for name in ("a", "b")}
    assert "choose one with --node: a, b" in one_line(otpy("pid").err)
    assert otpy("pid", "--node", "b").out == f"{processes['b'].pid}\n"


def test_stop_stops_in_order_and_waits(otpy: Shell, app: Path) -> None:
    """As SIGTERM does; when it returns, the name is free."""
    assert otpy("stop").code == 2
    process = started(otpy, "app:Shop", "--name", "shop")
    assert otpy("stop") == (0, f"node 'shop' (process {process.pid}) has stopped\n", "")
    assert said(process) == ORDER
    assert process.returncode == 0


def test_stop_does_not_wait_longer_than_it_is_told(otpy: Shell, app: Path) -> None:
    """The node goes on stopping, and answers no more, and who asks it is told so; a signal ends it at once."""
    app.write_text(APP.replace('say("prep_stop")', 'say("prep_stop"); otpy.blocking(threading.Event().wait)'))
    process = started(otpy, "app:Shop", "--name", "shop")
    late = otpy("stop", "--timeout", "0.2")
    assert late.code == 1
    assert "was told to stop, and has not ended within 0.2 s" in one_line(late.err)
    for asked in (otpy("ping"), otpy("tree", "--node", "shop")):
        assert asked.code == 1
        assert f"node 'shop' (process {process.pid}) is stopping, and cannot be asked" in one_line(asked.err)
    assert otpy("pid").out == f"{process.pid}\n"
    assert "has not ended within 0.2 s" in one_line(otpy("stop", "--timeout", "0.2").err)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == -signal.SIGTERM


def test_who_asks_a_node_that_starts_is_told_so(otpy: Shell, app: Path) -> None:
    """And not to start one, which would be refused."""
    hanging = 'say("starts"); otpy.blocking(threading.Event().wait); say("phase", phase'
    app.write_text(APP.replace('say("phase", phase', hanging))
    process = otpy.popen("run", "app:Shop", "--name", "shop")
    otpy.nodes.append(process)
    until(process, "starts")
    for verb in (("ping",), ("rpc", "1", "--node", "shop"), ("stop",)):
        asked = otpy(*verb)
        assert asked.code == 1
        assert f"node 'shop' (process {process.pid}) is starting, and cannot be asked" in one_line(asked.err)
    process.kill()


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "nan"])
@pytest.mark.parametrize("verb", ["ping", "stop"])
def test_a_timeout_is_seconds(otpy: Shell, verb: str, timeout: str) -> None:
    """More than none."""
    finished = otpy(verb, f"--timeout={timeout}")
    assert finished.code == 2
    assert "seconds, more than 0" in one_line(finished.err)


def test_versions_tell_what_runs_and_what_a_restart_would_run(otpy: Shell, app: Path) -> None:
    """Before an upgrade, after it, when it is permanent, and when it is taken back."""
    process = started(otpy, "app:Shop", "--name", "shop")
    shop = {"name": "shop", "vsn": "1", "description": "sells", "type": "permanent", "running": True}
    before = otpy.json("versions")
    assert (before["node"], before["applications"][0]) == ("shop", shop)
    assert before["modules"] == [{"module": "app", "vsn": "1", "permanent": None}]
    new = app.parent / "new.py"
    new.write_text(APP.replace('__vsn__ = "1"', '__vsn__ = "2"').replace('"port": 80', '"port": 90'))
    assert otpy("upgrade", "app", new).code == 0
    upgraded = otpy.json("versions")
    assert upgraded["applications"][0] == {**shop, "vsn": "2"}
    assert upgraded["modules"] == [{"module": "app", "vsn": "2", "permanent": None}]
    assert otpy("make-permanent").code == 0
    assert otpy.json("versions")["modules"] == [{"module": "app", "vsn": "2", "permanent": "2"}]
    text = otpy("versions").out
    assert [line.split() for line in text.splitlines()] == [
        ["application", "vsn", "type"],
        ["shop", "2", "permanent"],
        ["db", "7", "permanent"],
        [],
        ["module", "vsn", "after", "a", "restart"],
        ["app", "2", "2"],
    ]
    assert otpy("rollback", "app").code == 0
    assert otpy.json("versions")["applications"][0] == shop
    process.send_signal(signal.SIGTERM)
    spoken = said(process)
    assert spoken[1:3] == ["config {'port': 90} {}", "config {'port': 80} {}"]


def test_a_restart_after_kill_9_runs_the_permanent_version_of_the_application(otpy: Shell, app: Path) -> None:
    """And says so: what is on disk is the version before."""
    process = started(otpy, "app:Shop", "--name", "shop")
    new = app.parent / "new.py"
    new.write_text(APP.replace('__vsn__ = "1"', '__vsn__ = "2"'))
    assert otpy("upgrade", "app", new, "--permanent").code == 0
    process.kill()
    process.wait(DEADLINE)
    again = started(otpy, "app:Shop", "--name", "shop")
    assert otpy.json("versions")["applications"][0]["vsn"] == "2"
    assert otpy("stop").code == 0
    _, err = again.communicate(timeout=DEADLINE)
    assert "application shop 2 started, permanent" in err
    assert "app 2 runs from the store" in err
    assert "the sources on disk run: nothing was made permanent in the store" in process.communicate()[1]


def test_a_backup_is_a_new_file(otpy: Shell, app: Path) -> None:
    """What is there is not written over; a folder that is not there, and a node without a store, are said."""
    assert otpy("backup", "copy.db").code == 2
    started(otpy, "app:Shop", "--name", "shop")
    started(otpy, "app:Shop", "--name", "bare", "--store", "none")
    copied = otpy("backup", "copy.db", "--node", "shop")
    assert copied == (0, f"the store of node 'shop' is copied to {app.parent / 'copy.db'}\n", "")
    assert (app.parent / "copy.db").stat().st_mode & 0o777 == 0o600
    for args, text in (
        (["copy.db", "--node", "shop"], "is there already; a backup is a new file"),
        (["no/copy.db", "--node", "shop"], "No such file or directory"),
        (["other.db", "--node", "bare"], "runs without a store"),
    ):
        refused = otpy("backup", *args)
        assert refused.code == 1
        assert text in one_line(refused.err)


SLOW = """
    def code_change(self, old_vsn, state, extra=None):
        say("converting")
        otpy.blocking(threading.Event().wait, 1.0)
        return otpy.Ok(state)
"""


def test_sigterm_during_an_upgrade_waits_for_it_and_stops_in_order(otpy: Shell, app: Path) -> None:
    """An upgrade completes or never happened; then the node stops as it does at any other time."""
    process = started(otpy, "app:Shop", "--name", "shop", "--store", "none")
    changed = APP.replace("    def terminate", f"    field = 1\n{SLOW}\n    def terminate").replace('"1"', '"2"')
    (app.parent / "new.py").write_text(changed)
    upgrading = otpy.popen("upgrade", "app", "new.py", "--no-rehearse")
    until(process, "converting")
    process.send_signal(signal.SIGTERM)
    spoken = said(process)
    upgrading.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert [line for line in spoken if line != "converting"] == ORDER[1:]


def test_the_verbs_are_told_in_json(otpy: Shell, app: Path) -> None:
    """All that list something."""
    started(otpy, "app:Shop", "--name", "shop")
    for verb in ("ping", "pid", "versions", "stop"):
        assert json.loads(otpy(verb, "--json").out)["node"] == "shop"
