"""The module of the app is upgraded while its server serves: connections stay, requests end where they began."""

from __future__ import annotations

import logging
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

import otpy
from otpy import asgi, upgrade
from tests.support import DEADLINE, Listener, eventually, outside
from tests.upgrade.conftest import Make

NAME: Final = "webshop"

LEVEL: Final = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/a")
    async def a() -> str:
        return "a1"
"""
"""An app at the level of its module."""

ADDED: Final = (
    LEVEL.replace("a1", "a2")
    + """
    @app.get("/b")
    async def b() -> str:
        return "b2"
"""
)

FACTORY: Final = """
    from contextlib import asynccontextmanager
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse
    import otpy

    SEEN = []

    @asynccontextmanager
    async def lifespan(app):
        SEEN.append(("begins", app.title))
        yield
        SEEN.append(("ends", app.title))

    def make():
        app = FastAPI(title="first", lifespan=lifespan)

        @app.get("/a")
        async def a() -> str:
            return "a1"

        @app.get("/stream")
        async def stream():
            async def lines():
                async with otpy.Mailbox() as box:
                    otpy.register("stream", box.pid)
                    yield "open\\n"
                    async for message in box:
                        yield f"{message}\\n"
            return StreamingResponse(lines(), media_type="text/plain")

        return app
"""

MOVED: Final = FACTORY.replace('"/a"', '"/b"').replace("a1", "b2").replace('"first"', '"second"')
"""Another path for the same function, and another app."""


class Web:
    """A client of the server under test, on one connection."""

    def __init__(self) -> None:
        self.client = httpx.Client(base_url=asgi.address("web").url, timeout=DEADLINE, trust_env=False)
        self.ports: set[int] = set()

    def get(self, path: str) -> object:
        """Return what comes, or its status if that is not 200."""
        response = self.client.get(path)
        self.ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])
        return response.json() if response.status_code == 200 else response.status_code


@pytest.fixture
def serve(module: Make) -> Iterator[Callable[..., Web]]:
    """Return what starts a server of a source, and gives a client of it."""
    webs: list[Web] = []

    def start(source: str, app: str = f"{NAME}:app", **options: Any) -> Web:
        module(NAME, source)
        otpy.supervisor.start_link([asgi.child_spec(app, port=0, name="web", **options)])
        webs.append(Web())
        return webs[0]

    yield start
    for web in webs:
        web.client.close()


def reload(source: str, **options: Any) -> upgrade.UpgradeReport:
    """Upgrade the module of the app."""
    return upgrade.reload_module(NAME, textwrap.dedent(source), **options)


# -- an app at the level of its module -------------------------------------------------------------


@outside
def test_a_route_comes_live_into_the_app_that_serves(serve: Callable[..., Web]) -> None:
    """The app stays the same object, the client keeps its connection."""
    web = serve(LEVEL)
    assert (web.get("/a"), web.get("/b")) == ("a1", 404)
    before = sys.modules[NAME].app
    reload(ADDED)
    assert (web.get("/a"), web.get("/b")) == ("a2", "b2")
    assert sys.modules[NAME].app is before
    assert len(web.ports) == 1


@outside
def test_the_routes_of_an_upgrade_that_does_not_come_about_are_none(serve: Callable[..., Web]) -> None:
    """Planned, tried, or taken back at its last step."""
    web = serve(LEVEL)
    upgrade.plan({NAME: textwrap.dedent(ADDED)})
    reload(ADDED, dry_run=True)
    with pytest.raises(otpy.UpgradeError):
        reload(ADDED, force_rollback_at="check")
    assert (web.get("/a"), web.get("/b")) == ("a1", 404)


@outside
def test_a_route_that_is_gone_from_the_source_stays_in_such_an_app(serve: Callable[..., Web]) -> None:
    """What a decorator has done cannot be told from its source. The guide says so; a factory has no such limit."""
    web = serve(ADDED)
    reload(LEVEL)
    assert (web.get("/a"), web.get("/b")) == ("a1", "b2")


@outside
def test_another_app_under_the_name_is_served_and_the_first_again_after_the_rollback(
    serve: Callable[..., Web],
) -> None:
    """What an upgrade makes anew is looked up by its name."""
    web = serve(LEVEL)
    before = sys.modules[NAME].app
    reload(ADDED.replace("FastAPI()", 'FastAPI(title="new")'))
    assert sys.modules[NAME].app is not before
    assert (web.get("/a"), web.get("/b")) == ("a2", "b2")
    upgrade.rollback_module(NAME)
    assert (web.get("/a"), web.get("/b")) == ("a1", 404)
    assert len(web.ports) == 1


# -- an app that a factory makes -------------------------------------------------------------------


@outside
def test_a_factory_makes_the_app_anew_with_all_that_the_source_says(serve: Callable[..., Web]) -> None:
    """What is gone from the source is gone from the app. The lifespans change, too."""
    web = serve(FACTORY, f"{NAME}:make", factory=True)
    assert (web.get("/a"), web.get("/b")) == ("a1", 404)
    reload(MOVED)
    assert (web.get("/a"), web.get("/b")) == (404, "b2")
    seen = sys.modules[NAME].SEEN
    eventually(lambda: seen == [("begins", "first"), ("begins", "second"), ("ends", "first")])
    upgrade.rollback_module(NAME)
    assert (web.get("/a"), web.get("/b")) == ("a1", 404)
    assert len(web.ports) == 1


@outside
def test_a_stream_of_the_old_app_goes_on_and_its_lifespan_ends_after_it(serve: Callable[..., Web]) -> None:
    """An upgrade cuts nothing off."""
    web = serve(FACTORY, f"{NAME}:make", factory=True)
    seen = sys.modules[NAME].SEEN
    with web.client.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "open"
        reload(MOVED)
        assert web.get("/b") == "b2"
        otpy.send("stream", "still there")
        assert next(lines) == "still there"
        assert ("ends", "first") not in seen
    eventually(lambda: ("ends", "first") in seen)


@outside
def test_a_factory_that_fails_leaves_the_app_that_serves(
    serve: Callable[..., Web], caplog: pytest.LogCaptureFixture
) -> None:
    """The upgrade stands, for nobody had tried the factory before; the error is logged, and requests are answered."""
    web = serve(FACTORY, f"{NAME}:make", factory=True)
    with caplog.at_level(logging.ERROR, "otpy.asgi"):
        reload(FACTORY.replace("return app", 'raise LookupError("no settings")'))
        assert web.get("/a") == "a1"
    assert "no settings" in caplog.text
    reload(MOVED)
    assert web.get("/b") == "b2"


@outside
def test_an_upgrade_of_something_else_makes_no_app(serve: Callable[..., Web], module: Make) -> None:
    """Its lifespan would begin and end for nothing."""
    web = serve(FACTORY, f"{NAME}:make", factory=True)
    module("elsewhere", "X = 1")
    upgrade.reload_module("elsewhere", "X = 2")
    assert web.get("/a") == "a1"
    assert sys.modules[NAME].SEEN == [("begins", "first")]


@outside
def test_what_the_module_of_the_app_imports_reaches_it_too(serve: Callable[..., Web], module: Make) -> None:
    """Routes are often written in modules of their own."""
    module("routes", "PATH = '/one'\n")
    source = """
        import fastapi, routes

        def make():
            app = fastapi.FastAPI()
            app.get(routes.PATH)(lambda: "found")
            return app
    """
    web = serve(source, f"{NAME}:make", factory=True)
    assert (web.get("/one"), web.get("/two")) == ("found", 404)
    upgrade.reload_module("routes", "PATH = '/two'\n")
    assert (web.get("/one"), web.get("/two")) == (404, "found")


@outside
def test_an_edit_of_bodies_alone_may_bring_a_route(serve: Callable[..., Web], module: Make) -> None:
    """Where a function of another module adds the routes, nothing but its body changes."""
    routes = "def add_to(app):\n    app.get('/one')(lambda: 'found')\n"
    module("routes", routes)
    source = FACTORY.replace("import otpy", "import otpy, routes")
    source = source.replace("return app", "routes.add_to(app)\n        return app")
    web = serve(source, f"{NAME}:make", factory=True)
    assert (web.get("/one"), web.get("/two")) == ("found", 404)
    upgrade.reload_module("routes", routes + "    app.get('/two')(lambda: 'found too')\n")
    assert (web.get("/one"), web.get("/two")) == ("found", "found too")


# -- while an upgrade is under way -----------------------------------------------------------------

SERVER: Final = """
    from fastapi import FastAPI
    import otpy

    __vsn__ = "1"

    class Counter(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_call(self, request, from_, state):
            return otpy.Reply(f"{request} by 1", state)

    app = FastAPI()

    @app.get("/ask")
    async def ask() -> str:
        return await otpy.acall("counter", "asked by 1")
"""

REFUSED: Final = SERVER.replace("by 1", "by 2").replace('"1"', '"2"').replace("(arg)", "([arg])")


@outside
def test_requests_that_come_during_an_upgrade_wait_until_it_is_known_which_code_stays(
    serve: Callable[..., Web],
) -> None:
    """One that is taken back after all has been seen by nobody: neither half of the code, nor a refused request."""
    web = serve(SERVER)
    sys.modules[NAME].Counter.start(7, name="counter")
    held, go_on = threading.Event(), threading.Event()
    answers: list[object] = []
    request = threading.Thread(target=lambda: answers.append(web.get("/ask")))

    def at(step: str) -> None:
        if step == "check":
            request.start()
            held.set()
            assert go_on.wait(DEADLINE)

    detach = otpy.events.attach("upgrade.step", at)
    upgrading = threading.Thread(target=_refused, args=(REFUSED,))
    with Listener("process.crash") as listener:
        upgrading.start()
        assert held.wait(DEADLINE)
        assert sys.modules[NAME].__vsn__ == "2"
        request.join(0.05)
        assert answers == []
        go_on.set()
        request.join(DEADLINE)
        upgrading.join(DEADLINE)
    detach()
    assert answers == ["asked by 1 by 1"]
    assert web.get("/ask") == "asked by 1 by 1"
    assert listener.heard == []


def _refused(source: str) -> None:
    with pytest.raises(otpy.UpgradeError):
        reload(source, force_rollback_at="check")
