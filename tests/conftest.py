"""What all tests share: a runtime for those that want one, and a look at what each has left behind."""

import functools
import importlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import otpy
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime
from otpy.kernel.table import table

BYTECODE = Path(__file__).parents[1] / ".pytest_cache" / "bytecode"

LEAVE_SECONDS = 5.0
"""How long a process that was ended may take to be gone."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Have `--reload-every N`."""
    parser.addoption(
        "--reload-every", type=int, metavar="N", help="reload all behaviours after every N-th message of every runtime"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have every runtime of the tests reload, if asked to."""
    every = config.getoption("--reload-every")
    if every is not None:
        importlib.import_module("otpy.upgrade")  # which can reload
        otpy.runtime = functools.partial(otpy.runtime, reload_every=every)


@pytest.fixture(scope="session", autouse=True)
def bytecode_is_kept() -> Iterator[None]:
    """Keep what the Pythons that tests start compile elsewhere, if it may not be kept beside the source.

    Each of them would compile all of otpy anew, which takes longer than most of what they do.
    """
    with pytest.MonkeyPatch.context() as patch:
        if sys.dont_write_bytecode:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(BYTECODE))
        yield


@pytest.fixture(scope="session", autouse=True)
def any_free_port() -> Iterator[None]:
    """Let the example with a web server take any port: tests of two checkouts may run at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEB_COUNTER_PORT", "0")
        yield


@pytest.fixture
def otp_runtime() -> Iterator[Runtime]:
    """Give the test a runtime of its own, which ends every process that the test has started."""
    with otpy.runtime() as runtime:
        yield runtime


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Fail a test, naming the processes, if some that it has started outlive it."""
    before = living()
    yield
    deadline = time.monotonic() + LEAVE_SECONDS
    pause = threading.Event()
    while (left := living() - before) and time.monotonic() < deadline:
        pause.wait(0.001)
    if left:
        pytest.fail(f"still alive after the test: {', '.join(sorted(map(str, left)))}")


def living() -> set[object]:
    """Return the processes and the plain pykka actors that are alive."""
    return {ref.actor_inbox if isinstance(ref.actor_inbox, Process) else ref for ref in table}
