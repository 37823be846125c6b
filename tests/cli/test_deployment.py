"""The page on deployment is true: its unit, its container's commands, its probes and its files are tried here."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest

from otpy.behaviours.applications.finding import read_table
from tests.cli.conftest import DEADLINE, ROOT, Shell
from tests.test_docs import FENCE

GUIDE = ROOT / "docs" / "guide"
BLOCKS: list[tuple[str, str]] = [
    (found["language"], found["body"]) for found in FENCE.finditer((GUIDE / "deployment.md").read_text())
]

SHOP = """
import otpy
from otpy import application

__vsn__ = "{vsn}"

class Till(otpy.GenServer):
    def init(self, arg):
        return otpy.Ok(arg)
    def handle_call(self, request, from_, state):
        return otpy.Reply(application.get_env("shop", "price"), state)

class Shop(otpy.Application):
    env = {{"price": 3}}
    def start(self, type_, args):
        return otpy.supervisor.start_link([Till.child_spec(name="till")])
"""


def blocks(language: str) -> list[str]:
    """Return the blocks of the page in that language."""
    return [body for found, body in BLOCKS if found == language]


Run: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def machine(otpy: Shell, tmp_path: Path) -> Path:
    """Give a folder that stands for the root of a machine on which the shop is installed."""
    for folder in ("etc", "srv/shop/releases/2.0", "srv/shop/venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("var/lib/shop", "run/shop", "backup"):
        (tmp_path / folder).mkdir(parents=True, mode=0o700)
    (tmp_path / "srv/shop/shop.py").write_text(SHOP.format(vsn="1.0"))
    (tmp_path / "srv/shop/releases/2.0/shop.py").write_text(SHOP.format(vsn="2.0"))
    (tmp_path / "etc/shop.toml").write_text(blocks("toml")[0])
    command = tmp_path / "srv/shop/venv/bin/otpy"
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom otpy.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    (tmp_path / "srv/shop/venv/bin/python").symlink_to(sys.executable)
    return tmp_path


def there(machine: Path, text: str) -> str:
    """Return *text* with its absolute paths on *machine*."""
    return re.sub(r"(?<![\w./-])(?=/(srv|etc|var|run|backup)/)", str(machine), text)


def started(otpy: Shell, machine: Path, command: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start *command* on *machine*, and wait until it says that it runs."""
    env = {**os.environ, "PATH": f"{machine}/srv/shop/venv/bin:{os.environ['PATH']}", **environment}
    process = subprocess.Popen(
        command, cwd=machine / "srv/shop", env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    otpy.nodes.append(process)
    assert process.stdout is not None
    assert "runs as node 'shop'" in process.stdout.readline(), process.communicate(timeout=DEADLINE)
    return process


def done(machine: Path, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *command* on *machine* to its end."""
    env = {**os.environ, "PATH": f"{machine}/srv/shop/venv/bin:{os.environ['PATH']}", **environment}
    return subprocess.run(
        command, cwd=machine / "srv/shop", env=env, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


# -- systemd ---------------------------------------------------------------------------------------


@pytest.fixture
def unit(machine: Path) -> dict[str, str]:
    """Give the section [Service] of the unit, as it is on *machine*."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(there(machine, blocks("ini")[0]))
    assert parser.sections() == ["Unit", "Service", "Install"]
    return dict(parser["Service"])


def test_the_unit_starts_reloads_upgrades_and_stops(otpy: Shell, machine: Path, unit: dict[str, str]) -> None:
    """As systemd would do it: by ExecStart, the notification socket, SIGHUP and SIGTERM."""
    assert unit["Type"] == "notify-reload"
    address = machine / "notify"
    variable, _, value = unit["Environment"].partition("=")
    environment = {variable: value, "NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": f"{unit['WatchdogSec']}000000"}
    assert str(machine / "run" / unit["RuntimeDirectory"]) == value
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(DEADLINE)
        process = started(otpy, machine, shlex.split(unit["ExecStart"]), **environment)
        assert _heard(manager)["STATUS"] == "application shop 1.0 (shop:Shop) runs"
        (machine / "etc/shop.toml").write_text("[shop]\nprice = 6\n")
        process.send_signal(signal.SIGHUP)
        assert "RELOADING" in _heard(manager)
        assert _heard(manager) == {"READY": "1", "STATUS": "the configuration was read again: shop: changed price"}
        upgrade = next(block for block in blocks("sh") if "otpy upgrade" in block)
        upgraded = done(machine, ["sh", "-ec", there(machine, upgrade)])
        assert upgraded.returncode == 0, upgraded.stderr
        assert _heard(manager) == {"STATUS": "application shop 2.0 (shop:Shop) runs"}
        versions = json.loads(done(machine, ["otpy", "versions", "--json"], **environment).stdout)
        assert versions["applications"][0]["vsn"] == "2.0"
        assert versions["modules"] == [{"module": "shop", "vsn": "2.0", "permanent": "2.0"}]
        process.send_signal(signal.SIGTERM)
        assert "STOPPING" in _heard(manager)
        assert process.wait(DEADLINE) == 0


def _heard(manager: socket.socket) -> dict[str, str]:
    """Return the next message that is none of the watchdog."""
    while (text := manager.recv(4096).decode()) == "WATCHDOG=1":
        continue
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_store_of_the_unit_is_backed_up_while_it_runs_and_can_be_put_back(
    otpy: Shell, machine: Path, unit: dict[str, str]
) -> None:
    """The copy has what is permanent, so that a node that starts from it runs that."""
    command = shlex.split(unit["ExecStart"])
    environment = {"XDG_RUNTIME_DIR": str(machine / "run/shop")}
    process = started(otpy, machine, command, **environment)
    release = ["otpy", "upgrade", "--release", str(machine / "srv/shop/releases/2.0"), "--permanent"]
    assert done(machine, release, **environment).returncode == 0
    backup = there(machine, next(block for block in blocks("sh") if "otpy backup" in block))
    assert done(machine, ["sh", "-ec", backup]).returncode == 0
    with sqlite3.connect(machine / "backup/otpy.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    process.kill()
    process.communicate(timeout=DEADLINE)
    for file in (machine / "var/lib/shop").glob("otpy.db*"):
        file.unlink()
    shutil.copy(machine / "backup/otpy.db", machine / "var/lib/shop/otpy.db")
    again = started(otpy, machine, command, **environment)
    versions = json.loads(done(machine, ["otpy", "versions", "--json"], **environment).stdout)
    assert versions["applications"][0]["vsn"] == "2.0"
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=DEADLINE)
    assert "shop 2.0 runs from the store" in err


# -- containers ------------------------------------------------------------------------------------


def instructions() -> dict[str, str]:
    """Return the instructions of the Dockerfile; of ENV all together."""
    found: dict[str, str] = {}
    for line in blocks("dockerfile")[0].splitlines():
        word, _, rest = line.partition(" ")
        found[word] = rest
    return found


def test_the_container_s_command_health_check_and_stop_signal(otpy: Shell, machine: Path) -> None:
    """Without a run folder that is given: it is among the temporary files."""
    found = instructions()
    env = dict(pair.split("=", 1) for pair in there(machine, found["ENV"]).split())
    env |= {"XDG_RUNTIME_DIR": "", "TMPDIR": str(machine / "run")}
    health = cast("list[str]", json.loads(found["HEALTHCHECK"].partition("CMD ")[2]))
    assert done(machine, health, **env).returncode != 0
    process = started(otpy, machine, json.loads(found["CMD"]), **env)
    assert done(machine, health, **env).returncode == 0
    assert (machine / "var/lib/shop/otpy/shop/otpy.db").exists()
    assert there(machine, found["VOLUME"]) == str(machine / "var/lib/shop")
    process.send_signal(signal.Signals[found["STOPSIGNAL"]])
    assert process.wait(DEADLINE) == 0


def test_the_probes_of_the_pod(otpy: Shell, machine: Path) -> None:
    """Each fails before the node is up, and when it stops, and is well in between, within the time that it has."""
    text = blocks("yaml")[0]
    probes = re.findall(
        r"(\w+)Probe:\n +exec: \{ command: \[(.*)\] \}\n +periodSeconds: \d+\n +timeoutSeconds: (\d+)", text
    )
    assert [name for name, _, _ in probes] == ["startup", "readiness", "liveness"]
    commands = {tuple(word.strip('" ') for word in words.split(",")): int(seconds) for _, words, seconds in probes}
    for command in commands:
        assert done(machine, [*command]).returncode != 0
    process = started(otpy, machine, ["otpy", "run", "shop:Shop", "--name", "shop"])
    for command in commands:
        assert done(machine, [*command]).returncode == 0
    process.send_signal(signal.SIGSTOP)
    for command, seconds in commands.items():
        patience = float(command[-1]) if "--timeout" in command else 5.0
        assert patience < seconds
        late = done(machine, [*command[:2], "--timeout", "0.2"])
        assert late.returncode == 1
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


# -- files -----------------------------------------------------------------------------------------


def test_the_table_in_the_guide_of_applications_is_one(tmp_path: Path) -> None:
    """What stands there can be copied."""
    (table,) = [
        found["body"]
        for found in FENCE.finditer((GUIDE / "applications.md").read_text())
        if found["language"] == "toml"
    ]
    file = tmp_path / "pyproject.toml"
    file.write_text(table)
    read: Any = read_table(file, "shop")
    assert read.fields["start_phases"] == (("warm", {"seconds": 2}), ("open", None))
    assert read.fields["env"] == {"price": 5}


def test_the_log_is_as_the_page_shows_it(otpy: Shell, machine: Path) -> None:
    """Time, level, logger, text: for those who parse it."""
    process = started(otpy, machine, ["otpy", "run", "shop:Shop", "--name", "shop"])
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    shown = re.search(r"`(2026-01-31 [^`]*)`", (GUIDE / "deployment.md").read_text())
    assert shown is not None
    _, _, expected = " ".join(shown[1].split()).split(" ", 2)
    lines = [line.split(" ", 2) for line in err.splitlines()]
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\d", day) and re.fullmatch(r"[\d:]{8},\d{3}", time) for day, time, _ in lines
    )
    assert expected in [text for _, _, text in lines]
