"""The web counter: a web app that is upgraded while browsers use it, seen by its clients over HTTP."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import signal
import threading
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest

import otpy
from otpy.cli.sandboxes import Sandbox, loaded, open_sandbox
from tests.cli.conftest import Shell
from tests.cli.conftest import otpy as shell
from tests.support import DEADLINE, eventually

__all__ = ["shell"]


class Browser:
    """A client with one connection for requests, and one for the stream."""

    def __init__(self, url: str) -> None:
        kept = httpx.Limits(keepalive_expiry=None)
        self.client = httpx.Client(base_url=url, timeout=DEADLINE, trust_env=False, limits=kept)
        self.ports: set[int] = set()

    def get(self, path: str) -> Any:
        """Return what is answered; the status, if that is not 200."""
        return self._answered(self.client.get(path))

    def count(self, name: str, number: int) -> int:
        """Count, and return the total."""
        total: int = self._answered(self.client.post(f"/count/{name}/{number}"))["total"]
        return total

    @contextlib.contextmanager
    def events(self) -> Generator[Iterator[str]]:
        """Yield the data of the events of the stream."""
        with self.client.stream("GET", "/stream") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            yield (line.removeprefix("data: ") for line in response.iter_lines() if line)

    def _answered(self, response: httpx.Response) -> Any:
        self.ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])
        return response.json() if response.status_code == 200 else response.status_code


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give the example, with version 1 running."""
    found = open_sandbox("web_counter")
    with loaded(found, "v1"), otpy.runtime():
        found.start()
        yield found


@pytest.fixture
def browser(sandbox: Sandbox) -> Iterator[Browser]:
    """Give a browser of it."""
    made = Browser(otpy.asgi.address("web").url)
    yield made
    made.client.close()


def test_a_browser_sees_the_total_as_it_changes(browser: Browser) -> None:
    """The page, a request, and what the stream says of it."""
    assert "EventSource('/stream')" in browser.client.get("/").text
    with browser.events() as events:
        assert next(events) == "0"
        assert browser.count("ann", 1) == 1
        assert next(events) == "1"
    assert browser.get("/clients") == {"counted": {"ann": 1}, "out_of_order": 0}


def test_a_browser_that_goes_is_forgotten(browser: Browser) -> None:
    """Its process ends, and the news send it nothing any more."""
    with browser.events() as events:
        next(events)
        assert len(otpy.sys.get_state("news")) == 1
    eventually(lambda: otpy.sys.get_state("news") == {})


def test_version_2_takes_over_under_the_eyes_of_a_browser(sandbox: Sandbox, browser: Browser) -> None:
    """Its stream goes on, its connection stays, the state has another shape, and there is a new route."""
    with browser.events() as events:
        next(events)
        assert [browser.count("ann", 1), next(events)] == [1, "1"]
        assert browser.get("/busiest") == 404
        report = otpy.upgrade.reload_modules(sandbox.sources("v2"))
        assert report.status == "completed"
        assert [browser.count("ann", 2), next(events)] == [2, "2 by ann"]
        assert browser.get("/busiest") == {"client": "ann"}
        assert browser.get("/clients") == {"counted": {"ann": 2}, "out_of_order": 0}
        otpy.upgrade.rollback()
        assert [browser.count("ann", 3), next(events)] == [3, "3"]
        assert browser.get("/busiest") == 404
        assert browser.get("/clients") == {"counted": {"ann": 3}, "out_of_order": 0}
    assert len(browser.ports) == 1


@pytest.mark.parametrize("rehearse", [True, False], ids=["rehearsed", "not rehearsed"])
def test_version_3_is_refused_and_nobody_has_seen_it(sandbox: Sandbox, browser: Browser, *, rehearse: bool) -> None:
    """By its rehearsal, or at the conversion itself; the stream, the connection and the app are as before."""
    otpy.upgrade.reload_modules(sandbox.sources("v2"))
    otpy.sys.replace_state("counter", lambda state: dataclasses.replace(state, total=999))
    with browser.events() as events:
        next(events)
        assert [browser.count("ann", 1), next(events)] == [1000, "1000 by ann"]
        with pytest.raises(otpy.UpgradeError, match="stands at 1000, but the display ends at 999"):
            otpy.upgrade.reload_modules(sandbox.sources("v3"), rehearse=rehearse)
        assert [browser.count("ann", 2), next(events)] == [1001, "1001 by ann"]
        assert browser.get("/busiest") == {"client": "ann"}
    assert len(browser.ports) == 1


def test_no_request_is_lost_while_versions_come_and_go(sandbox: Sandbox) -> None:
    """Several clients count without a pause; each of their numbers is counted once, in order, and answered."""
    names = ("ann", "bob", "cid")
    stop = threading.Event()
    sent: dict[str, int] = {}
    work = sandbox.function(sandbox.about.load.work)

    def client(name: str) -> None:
        sent[name] = 0
        while not stop.is_set():
            sent[name] = work(name, sent[name])

    threads = [threading.Thread(target=client, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    forth = functools.partial(otpy.upgrade.reload_modules, sandbox.sources("v2"))
    for change in (forth, otpy.upgrade.rollback, forth):
        goal = {name: sent.get(name, 0) + 30 for name in names}
        eventually(lambda goal=goal: all(sent.get(name, 0) >= goal[name] for name in names))  # type: ignore[misc]
        assert change().status == "completed"
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert sandbox.function(sandbox.about.load.audit)() == (sent, 0)
    assert min(sent.values()) > 0


# -- as a stranger ---------------------------------------------------------------------------------


def test_otpy_run_serves_it_until_ctrl_c(shell: Shell) -> None:
    """The log says where; `otpy upgrade` brings version 2 to it; Ctrl-C ends streams and requests in order."""
    process, about = shell.node("web_counter")
    assert process.stderr is not None
    said = ""
    while (found := re.search(r"web listens on (http://\S+)", said)) is None:
        said += process.stderr.readline()
    browser = Browser(found[1])
    with contextlib.closing(browser.client), browser.events() as events:
        assert next(events) == "0"
        assert browser.count("ann", 1) == 1
        assert next(events) == "1"
        upgraded = shell("upgrade", "web_counter", "--to", "v2", "--node", about["node"])
        assert upgraded.code == 0, upgraded
        assert browser.get("/busiest") == {"client": "ann"}
        process.send_signal(signal.SIGINT)
        assert list(events) == []
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{found[1]}/total", trust_env=False)
    assert process.wait(DEADLINE) == 130
    assert "Traceback" not in process.stderr.read()
