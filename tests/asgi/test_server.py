"""A FastAPI app as a supervised child: starting, serving, stopping, crashing."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket

import otpy
from otpy import asgi
from tests.asgi import app as served
from tests.support import DEADLINE, Echo, Listener, eventually, outside, python

APP = "tests.asgi.app:app"


_clients: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _nothing_seen_and_nothing_left() -> Iterator[None]:
    served.forget()
    yield
    while _clients:
        _clients.pop().close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Give a test threads for requests that it waits for later."""
    with ThreadPoolExecutor(4) as made:
        yield made
        served.release.set()


def start(**options: Any) -> tuple[otpy.Pid, httpx.Client]:
    """Start a server under a supervisor; return it, and a client of it."""
    given: dict[str, Any] = {"port": 0, "id": "web", "name": "web", "drain": 10.0, **options}
    spec = asgi.child_spec(APP, **given)
    supervisor = otpy.supervisor.start_link([spec], flags=otpy.SupFlags(intensity=10))
    return supervisor, client()


def client() -> httpx.Client:
    """Return a client of the server "web"; it is closed after the test."""
    _clients.append(httpx.Client(base_url=asgi.address("web").url, timeout=DEADLINE, trust_env=False))
    return _clients[-1]


def listens(address: asgi.Address) -> bool:
    """Whether anybody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) == 0


# -- serving ---------------------------------------------------------------------------------------


@outside
def test_it_listens_when_the_start_has_returned() -> None:
    """So children that are started after it can count on it. The lifespan has begun, and requests see its state."""
    _, web = start()
    assert served.seen == ["begins"]
    answer = web.get("/").json()
    assert answer["state"] == "shared"
    assert answer["pid"] == repr(otpy.whereis("web"))


@outside
def test_the_address_is_the_one_that_it_has_got() -> None:
    """Port 0 is any port; the address can be asked for, also on an event loop."""
    _, web = start()
    address = asgi.address("web")
    assert address.port > 0
    assert address.url == f"http://127.0.0.1:{address.port}"
    assert otpy.run(_asked) == address
    assert web.get("/").status_code == 200


async def _asked() -> asgi.Address:
    return await otpy.acall("web", asgi.GetAddress())


@outside
def test_what_it_does_not_understand_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """Browsers depend on it: what comes by mistake is noted."""
    _, web = start()
    with caplog.at_level(logging.WARNING, "otpy.asgi"):
        request = otpy.send_request("web", "what?")
        otpy.send("web", "unexpected")
        asgi.address("web")
    assert otpy.check_response(request) is None
    assert "asked for what no web server does: 'what?'" in caplog.text
    assert "unexpected message: 'unexpected'" in caplog.text
    assert web.get("/").status_code == 200


@outside
def test_endpoints_call_servers() -> None:
    """With `acall` where they are coroutines, with `call` where the framework has threads for them."""
    _, web = start()
    Echo.start(name="echo")
    assert web.get("/call/echo").json() == "question"
    assert web.get("/threads/echo").json() == "question"


@outside
def test_a_blocking_call_in_an_endpoint_is_refused_with_advice(caplog: pytest.LogCaptureFixture) -> None:
    """The request fails, the server and all other requests do not."""
    _, web = start()
    Echo.start(name="echo")
    with caplog.at_level(logging.ERROR):
        # uvicorn closes the connection of a request that has failed, perhaps when the next one is on its way
        assert web.get("/blocks/echo", headers={"connection": "close"}).status_code == 500
        eventually(lambda: "await otpy.acall" in caplog.text)  # it is logged when the answer has been sent
    assert web.get("/").status_code == 200


@outside
def test_a_stream_brings_what_is_sent_to_its_process() -> None:
    """Until the client has gone; then the process is gone too."""
    _, web = start()
    with web.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "open"
        for word in ("one", "two"):
            otpy.send("stream", word)
            assert next(lines) == word
        pid = otpy.whereis("stream")
    eventually(lambda: otpy.whereis("stream") is None)
    assert pid is not None
    assert "stream ended" in served.seen


@outside
def test_its_log_is_the_programs_log(caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn configures no logging of its own; the access log can be left out."""
    handlers = logging.getLogger("uvicorn").handlers, logging.getLogger("uvicorn.access").handlers
    with caplog.at_level(logging.INFO):
        supervisor, web = start()
        web.get("/")
        assert any(record.name == "uvicorn.access" and "GET /" in record.getMessage() for record in caplog.records)
        otpy.stop(supervisor)
        caplog.clear()
        _, web = start(access_log=False)
        web.get("/")
    assert not any(record.name == "uvicorn.access" for record in caplog.records)
    assert handlers == ([], [])


@outside
def test_signals_stay_with_the_program() -> None:
    """uvicorn, left alone, takes SIGINT and SIGTERM for itself."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    supervisor, _ = start()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    otpy.stop(supervisor)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# -- starts that fail ------------------------------------------------------------------------------


@outside
def test_a_taken_port_fails_the_start_and_says_which() -> None:
    """The program goes on: it is a failed start as any other, and nothing of the app is left begun."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(otpy.InitStopped) as stopped:
            asgi.start_link(APP, port=port)
    error = stopped.value.reason.error
    assert isinstance(error, OSError)
    assert f"cannot listen on 127.0.0.1:{port}" in str(error)
    assert served.seen == []
    otpy.unlink(asgi.start_link(APP, port=port))


@outside
def test_an_app_that_is_not_there_or_is_none_fails_the_start() -> None:
    """With what Python says, and what is wanted; the port is free again."""
    for app, error in {
        "no_such_module:app": ModuleNotFoundError,
        "tests.asgi.app:no_such_app": AttributeError,
        "tests.asgi.app:seen": TypeError,
    }.items():
        with pytest.raises(otpy.InitStopped) as stopped:
            asgi.start_link(app, port=0)
        assert isinstance(stopped.value.reason.error, error)


async def _failing(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


@outside
def test_a_lifespan_that_fails_fails_the_start() -> None:
    """With what the app says."""
    with pytest.raises(otpy.InitStopped) as stopped:
        asgi.start_link(_failing, port=0)
    assert isinstance(stopped.value.reason.error, asgi.LifespanFailed)
    assert "no database" in str(stopped.value.reason.error)


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@outside
def test_an_app_without_a_lifespan_is_served_all_the_same() -> None:
    """As the ASGI specification wants it. An app may also be given itself."""
    otpy.unlink(asgi.start_link(_plain, port=0, name="web"))
    assert client().get("/").text == "ok"
    otpy.stop("web")


async def _dying(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise LookupError("in the middle of its life")
    await _plain(scope, receive, send)


@outside
def test_a_lifespan_that_ends_by_itself_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Requests are answered all the same; uvicorn says nothing of it."""
    with caplog.at_level(logging.ERROR, "otpy.asgi"):
        otpy.unlink(asgi.start_link(_dying, port=0, name="web"))
        assert client().get("/").text == "ok"
        otpy.stop("web")
    assert "in the middle of its life" in caplog.text


def test_a_websocket_may_stream_from_a_mailbox() -> None:
    """Its endpoint is a coroutine like others. Sockets need a library that uvicorn finds, so here the app is asked."""
    app = FastAPI()

    @app.websocket("/news")
    async def news(socket: WebSocket) -> None:
        await socket.accept()
        async with otpy.Mailbox() as box:
            otpy.send(box.pid, "first")
            async for message in box:
                await socket.send_text(message)
                otpy.exit(box.pid, otpy.Shutdown())
        await socket.close()

    sent: list[Any] = []

    async def scene() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append((message["type"], message.get("text")))

        scope = {"type": "websocket", "path": "/news", "headers": [], "query_string": b"", "subprotocols": []}
        await app(scope, receive, send)

    with otpy.runtime():
        asyncio.run(scene())
    assert sent == [("websocket.accept", None), ("websocket.send", "first"), ("websocket.close", None)]


def make_nothing() -> int:
    """A factory that makes no app."""
    return 7


@pytest.mark.parametrize(
    ("app", "factory", "said"),
    [
        (f"{__name__}:make_nothing", False, "it is <function make_nothing"),
        (f"{__name__}:make_nothing", True, "what it makes is 7"),
        (f"{__name__}:listens", False, "it is <function listens"),
    ],
)
@outside
def test_what_is_no_app_does_not_start(app: str, factory: bool, said: str) -> None:
    """As a factory that is not declared as one: each request would fail."""
    with pytest.raises(otpy.InitStopped) as refused:
        asgi.start_link(app, factory=factory, port=0)
    assert isinstance(refused.value.reason, otpy.Crash)
    error = refused.value.reason.error
    assert isinstance(error, TypeError)
    assert said in str(error)
    assert "is no ASGI app" in str(error)
    assert "module:function with factory=True" in str(error)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no app": (7, {}, 'give "module:app"'),
    "no colon": ("shop.web", {}, 'give "module:app"'),
    "a path": ("shop/web.py:app", {}, 'give "module:app"'),
    "port text": (APP, {"port": "8000"}, "port is '8000'"),
    "port flag": (APP, {"port": True}, "port is True"),
    "port too high": (APP, {"port": 65536}, "to 65535"),
    "port below": (APP, {"port": -1}, "port is -1"),
    "host": (APP, {"host": ""}, "host is ''"),
    "factory": (APP, {"factory": "yes"}, "factory is 'yes'"),
    "drain": (APP, {"drain": -1}, "drain is -1"),
    "drain for ever": (APP, {"drain": float("inf")}, "a server has to end"),
    "drain not a number": (APP, {"drain": float("nan")}, "drain is nan"),
    "drain text": (APP, {"drain": "1"}, "drain is '1'"),
    "option": (APP, {"workers": 4, "reload": True}, "no option reload, workers; give some of access_log"),
}


@pytest.mark.parametrize(("app", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_where_it_is_given(app: Any, options: dict[str, Any], said: str) -> None:
    """By the child spec, and not first by a supervisor that cannot start it."""
    with pytest.raises((TypeError, ValueError), match=said):
        asgi.child_spec(app, **options)


def test_a_child_spec_leaves_time_for_the_end() -> None:
    """To drain, and for the lifespan; what does not is refused."""
    spec = asgi.child_spec(APP, drain=3.0)
    assert (spec.id, spec.shutdown, spec.modules) == (APP, 5.0, ("tests.asgi.app",))
    assert asgi.child_spec(APP, shutdown="brutal_kill").shutdown == "brutal_kill"
    with pytest.raises(ValueError, match="longer than drain"):
        asgi.child_spec(APP, drain=5.0, shutdown=5.0)


def test_otpy_loads_neither_fastapi_nor_uvicorn() -> None:
    """They come with the extra `api`, and cost much; `otpy.asgi` is loaded when it is used."""
    code = """
        import sys, otpy
        print({"fastapi", "uvicorn", "starlette", "otpy.asgi"} & sys.modules.keys())
        otpy.asgi
        print("uvicorn" in sys.modules, "fastapi" in sys.modules)
    """
    assert python(code).stdout.split("\n")[:2] == ["set()", "True False"]


# -- the end ---------------------------------------------------------------------------------------


@outside
def test_a_stop_lets_requests_end_and_accepts_no_more(pool: ThreadPoolExecutor) -> None:
    """The port is closed first; then what is under way is answered; then the lifespan ends."""
    supervisor, web = start()
    address = asgi.address("web")
    waiting = pool.submit(web.get, "/wait")
    assert served.entered.wait(DEADLINE)
    stopping = pool.submit(otpy.stop, supervisor)
    eventually(lambda: not listens(address))
    assert not stopping.done()
    served.release.set()
    assert waiting.result(DEADLINE).json() == "waited"
    stopping.result(DEADLINE)
    assert served.seen == ["begins", "answered", "ends"]


@outside
def test_a_request_that_takes_too_long_is_cancelled(pool: ThreadPoolExecutor) -> None:
    """After `drain`; the lifespan ends in order all the same."""
    supervisor, web = start(drain=0.05)
    waiting = pool.submit(web.get, "/hang")
    assert served.entered.wait(DEADLINE)
    otpy.stop(supervisor, timeout=DEADLINE)
    assert served.seen == ["begins", "let go", "ends"]
    assert waiting.exception(DEADLINE) is not None or waiting.result().status_code == 500


@outside
def test_a_stop_closes_streams_as_if_all_had_been_said() -> None:
    """They have no end of their own, and would take the whole time of `drain`."""
    supervisor, web = start(drain=60.0)
    with web.stream("GET", "/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "open"
        stopping = threading.Thread(target=otpy.stop, args=(supervisor,))
        stopping.start()
        assert list(lines) == ["closed"]
    stopping.join(DEADLINE)
    assert served.seen == ["begins", "stream ended", "ends"]


@outside
def test_a_supervisor_stops_it_in_order() -> None:
    """Servers that were started before it are there as long as it answers."""
    children = [Echo.child_spec(name="echo"), asgi.child_spec(APP, port=0, name="web")]
    supervisor = otpy.supervisor.start_link(children)
    order = [otpy.whereis("web"), otpy.whereis("echo")]
    with Listener("process.exit") as listener:
        otpy.stop(supervisor)
    assert [facts["pid"] for facts in listener.facts("process.exit") if facts["pid"] in order] == order


@outside
def test_a_kill_frees_the_port_and_a_restart_takes_it(pool: ThreadPoolExecutor) -> None:
    """Requests under way are dropped; the next server listens where the first did."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _, web = start(port=port)
    hanging = pool.submit(web.get, "/hang")
    assert served.entered.wait(DEADLINE)
    first = otpy.whereis("web")
    assert first is not None
    otpy.exit(first, otpy.Kill())
    eventually(lambda: otpy.whereis("web") not in {None, first})
    assert isinstance(hanging.exception(DEADLINE), httpx.TransportError)
    assert asgi.address("web").port == port
    assert client().get("/").status_code == 200
    eventually(lambda: "let go" in served.seen)


@outside
def test_a_kill_without_a_restart_frees_the_port() -> None:
    """Nothing of it listens any more."""
    pid = asgi.start_link(APP, port=0)
    address = asgi.address(pid)
    otpy.unlink(pid)
    assert listens(address)
    otpy.exit(pid, otpy.Kill())
    eventually(lambda: not listens(address))


@outside
def test_a_server_that_ends_by_itself_is_started_again() -> None:
    """As after the number of requests that uvicorn was told."""
    _, web = start(limit_max_requests=1)
    first = otpy.whereis("web")
    assert web.get("/").status_code == 200
    eventually(lambda: otpy.whereis("web") not in {None, first})
    assert client().get("/").status_code == 200


def test_a_runtime_that_stops_stops_it_in_order() -> None:
    """The lifespan has ended when the runtime has."""
    with otpy.runtime():
        start()
    assert served.seen == ["begins", "ends"]
