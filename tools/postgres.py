"""Run the tests of the store against a PostgreSQL server of their own.

If this machine has no PostgreSQL, it is installed from Debian's packages, as root or with sudo. The server is a private
one: its files and its socket are in a temporary folder, it listens to no port, and it ends with the tests.

    python -m tools.postgres [PYTEST ARGUMENT...]
"""

import contextlib
import getpass
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

TESTS = ("tests/store", "tests/system/test_kill9.py")
"""What runs against PostgreSQL, if no other tests are asked for."""

DEBIAN = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each release in a folder of its own, and off the PATH."""

SERVICE_USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user."""

START_SECONDS = "60"


def main(arguments: list[str]) -> int:
    """Start a server, run pytest with it and *arguments*, stop it; return pytest's exit code."""
    paths = [argument for argument in arguments if Path(argument.partition("::")[0]).exists()]
    with server(programs()) as address:
        command = [sys.executable, "-m", "pytest", *(() if paths else TESTS), *arguments]
        return subprocess.run(command, env=os.environ | {"OTPY_TEST_POSTGRES": address}, check=False).returncode


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, after installing them if need be."""
    if (found := find_programs()) is None:
        install()
        found = find_programs()
    if found is None:
        sys.exit("PostgreSQL was installed, but there is no `initdb` on the PATH or in /usr/lib/postgresql")
    return found


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine, None if it has none."""
    releases = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    on_path = shutil.which("initdb")
    if releases:
        return releases[-1].parent
    return None if on_path is None else Path(on_path).resolve().parent


def install() -> None:
    """Install PostgreSQL from Debian's packages."""
    if shutil.which("apt-get") is None:
        sys.exit("there is no PostgreSQL here, and no apt-get to install it with: put its `initdb` on the PATH")
    root = [] if os.geteuid() == 0 else ["sudo"]
    if root and shutil.which("sudo") is None:
        sys.exit("there is no PostgreSQL here: run `apt-get install postgresql` as root, then try again")
    print("installing PostgreSQL", flush=True)
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--quiet", *arguments]
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            sys.exit(f"`{' '.join(command)}` failed; install PostgreSQL by hand, then try again")


@contextlib.contextmanager
def server(folder: Path) -> Generator[str]:
    """Run a server of the programs in *folder*, and yield its address."""
    user = SERVICE_USER if os.geteuid() == 0 else None
    # A short name: the path of a socket has at most 103 bytes.
    with tempfile.TemporaryDirectory(prefix="otpy-pg-", dir="/tmp") as name:
        if user is not None:
            shutil.chown(name, user)
        password = secrets.token_hex(16)
        data = initialised(folder, Path(name), user=user, password=password)
        control = [str(folder / "pg_ctl"), "--pgdata", str(data), "--wait", "--silent"]
        log = Path(name) / "log"
        options = f"-c listen_addresses='' -c unix_socket_directories='{name}' -c timezone=UTC"
        run([*control, "start", "--timeout", START_SECONDS, "--log", str(log), "--options", options], user, log)
        try:
            owner = user or getpass.getuser()
            yield f"postgresql://{quote(owner)}:{password}@/postgres?host={quote(name, safe='')}"
        finally:
            run([*control, "stop", "--mode", "fast"], user, log)


def initialised(folder: Path, place: Path, *, user: str | None, password: str) -> Path:
    """Make an empty cluster in *place* whose owner has *password*, and return its folder."""
    data, secret = place / "data", place / "password"
    secret.write_text(password)
    if user is not None:
        shutil.chown(secret, user)
    secret.chmod(0o600)
    options = ["--auth", "scram-sha-256", "--pwfile", str(secret), "--encoding", "UTF8", "--locale", "C"]
    run([str(folder / "initdb"), "--pgdata", str(data), *options], user)
    return data


def run(command: list[str], user: str | None, log: Path | None = None) -> None:
    """Run one of PostgreSQL's programs as *user*; if it fails, end with what it said and what the server logged."""
    place = Path("/")  # a folder that this user may be in
    # The server outlives pg_ctl, so it must not hold a pipe that somebody waits for.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, cwd=place, user=user, stdout=output, stderr=output, check=False)
        output.seek(0)
        said = output.read()
    if done.returncode:
        logged = log.read_text() if log is not None and log.exists() else ""
        sys.exit(f"`{' '.join(command)}` failed:\n{said}{logged}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
