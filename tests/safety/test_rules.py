"""What each rule finds, and what it lets pass."""

import pytest

from otpy.errors import CompilationFailed
from otpy.safety import RULES, Finding
from otpy.safety.checks import find


def found(source: str, *rules: str) -> list[tuple[str, int]]:
    """Return rule and line of what *rules* (all, if none is named) find in the module `m`."""
    asked = [RULES[name] for name in rules] if rules else list(RULES.values())
    return [(finding.rule, finding.line) for finding in find("m", source, asked)]


def server(body: str, *, head: str = "", runs_on: str = "scheduler") -> str:
    """Return a module with a server whose handle_cast has *body*; that begins on line 9."""
    lines = body.splitlines()
    return "\n".join(
        [
            "import otpy",
            head or "pass",
            "class Server(otpy.GenServer):",
            f'    runs_on = "{runs_on}"',
            "    def init(self, arg):",
            "        return otpy.Ok(arg)",
            "",
            "    def handle_cast(self, request, state):",
            *(f"        {line}" for line in lines),
            "        return otpy.NoReply(state)",
        ]
    )


DANGEROUS = [
    ("system", "import os", 'os.system("ls")'),
    ("system", "from os import popen as p", 'p("ls").read()'),
    ("system", "import subprocess as sp", 'sp.run(["ls"])'),
    ("system", "import subprocess", "run = subprocess.check_output\nrun(['ls'])"),
    ("system", "import subprocess", 'with subprocess.Popen("ls") as p: pass'),
    ("system", "import os", 'os.execv("/bin/sh", [])'),
    ("system", "import os", "os.kill(1, 9)"),
    ("system", "import os", "os._exit(1)"),
    ("system", "import ctypes", 'ctypes.CDLL("libc.so.6")'),
    ("system", "import os", 'getattr(os, "system")("ls")'),
    ("system", "", '__import__("os").system("ls")'),
    ("system", "import importlib", 'importlib.import_module("os").system("ls")'),
    ("system", "import os", 'list(map(os.system, ["ls"]))'),
    ("system", "import functools, os", 'functools.partial(os.system, "ls")()'),
    ("system", "import os, otpy", 'otpy.blocking(os.system, "ls")'),
    ("files", "", 'open("f", "w")'),
    ("files", "import io", 'io.open("f", mode="ab")'),
    ("files", "import os", 'os.open("f", os.O_CREAT | os.O_WRONLY)'),
    ("files", "from pathlib import Path", 'Path("f").write_text("x")'),
    ("files", "from pathlib import Path", 'Path("f").parent.mkdir()'),
    ("files", "from pathlib import Path", 'Path("f").open("w")'),
    ("files", "", 'state.path.write_bytes(b"x")'),
    ("files", "import shutil", 'shutil.rmtree("d")'),
    ("files", "import os", 'os.remove("f")'),
    ("files", "import gzip", 'gzip.open("f", "wt")'),
    ("unsupervised", "import threading", "threading.Thread(target=print).start()"),
    ("unsupervised", "from threading import Timer", "Timer(1, print).start()"),
    ("unsupervised", "import _thread", "_thread.start_new_thread(print, ())"),
    ("unsupervised", "import multiprocessing as mp", "mp.Process(target=print).start()"),
    ("unsupervised", "from concurrent.futures import ThreadPoolExecutor", "with ThreadPoolExecutor() as e: pass"),
    ("unsupervised", "import asyncio", "asyncio.run(state())"),
    ("unsupervised", "import asyncio", "asyncio.new_event_loop()"),
    ("unsupervised", "import os", "os.fork()"),
    ("unsupervised", "import threading", "class W(threading.Thread): pass"),
    ("sockets", "import socket", "socket.socket()"),
    ("sockets", "import urllib.request", 'urllib.request.urlopen("http://x")'),
    ("sockets", "from http.server import HTTPServer", 'HTTPServer(("", 80), None)'),
    ("sockets", "import requests", 'requests.get("http://x")'),
    ("dynamic-code", "", "eval(request)"),
    ("dynamic-code", "", "exec(request)"),
    ("dynamic-code", "import builtins", "builtins.compile(request, 'f', 'exec')"),
    ("dynamic-code", "", '__import__("json")'),
    ("dynamic-code", "import pickle", "pickle.loads(request)"),
    ("dynamic-code", "import marshal", "marshal.loads(request)"),
    ("dynamic-code", "import importlib", "importlib.import_module(request)"),
    ("dynamic-code", "import os", "getattr(os, request)"),
    ("patching", "import builtins", "builtins.open = print"),
    ("patching", "import time", "time.sleep = print"),
    ("patching", "import sys", 'sys.modules["os"] = None'),
    ("patching", "import sys", 'del sys.modules["os"]'),
    ("patching", "import sys", 'sys.modules.pop("os")'),
    ("patching", "import os", 'os.environ["A"] = "1"'),
    ("patching", "import json", 'setattr(json, "loads", print)'),
    ("patching", "import builtins", 'vars(builtins)["open"] = print'),
    ("patching", "import shop.config", "shop.config.DEBUG = True"),
    ("patching", "from shop.cart import Cart", "Cart.total = print"),
    ("patching", "import sys", 'sys.path.insert(0, "x")'),
    ("blocking", "import time", "time.sleep(1)"),
    ("blocking", "from time import sleep as wait", "wait(1)"),
    ("blocking", "import requests", 'requests.get("http://x")'),
    ("blocking", "import queue", "q = queue.Queue()\nq.get()"),
    ("insides", "import sys", "sys._getframe()"),
    ("insides", "", "().__class__.__subclasses__()"),
    ("insides", "import gc", "gc.get_objects()"),
]


@pytest.mark.parametrize(("rule", "head", "body"), DANGEROUS)
def test_rule_finds_it_in_a_callback(rule: str, head: str, body: str) -> None:
    """On the line where it stands, whatever the names are bound to."""
    last = 8 + len(body.splitlines())
    assert (rule, last) in found(server(body, head=head), rule)


HARMLESS = [
    ("import logging\nlog = logging.getLogger(__name__)", 'log.info("x")'),
    ("", 'open("f").read()'),
    ("", 'open("f", "rb").read()'),
    ("from pathlib import Path", 'Path("f").read_text()'),
    ("import os", 'os.path.join("a", "b"); os.getpid(); os.environ.get("A")'),
    ("import re, json", 're.compile("a"); json.loads("1")'),
    ("class File:\n    def open(self, mode): ...", 'File().open("w")'),
    ("def eval(x): ...", "eval(request)"),
    ("import socket", "isinstance(state, socket.socket)"),
    ("import subprocess", "try: pass\nexcept subprocess.CalledProcessError: pass"),
    ("import threading", "threading.Lock(); threading.current_thread()"),
    ("import time", "time.monotonic()"),
    ("import otpy, time", "otpy.blocking(time.sleep, 1); otpy.sleep(1)"),
    ("import otpy, requests", 'otpy.blocking(lambda: requests.get("http://x"))'),
    ("from shop.config import settings", "settings.debug = True"),
    ("import ast", "ast.literal_eval(request)"),
    ("", "state.rename = 1; state.x.replace('a', 'b'); state.cache.unlink"),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ctypes", "pass"),
]


@pytest.mark.parametrize(("head", "body"), HARMLESS)
def test_ordinary_code_is_let_pass(head: str, body: str) -> None:
    """A rule that complains of everything is turned off."""
    assert found(server(body, head=head)) == []


@pytest.mark.parametrize("runs_on", ["thread", "asyncio"])
def test_servers_that_may_wait_may_open_connections(runs_on: str) -> None:
    """That is what they are for."""
    head = "import socket, asyncio"
    body = "socket.create_connection(('x', 1))" if runs_on == "thread" else "asyncio.open_connection('x', 1)"
    assert found(server(body, head=head, runs_on=runs_on)) == []
    assert found(server(body, head=head), "sockets") == [("sockets", 9)]


def test_blocking_is_fine_on_a_thread_of_its_own() -> None:
    """Nobody else waits there; on the event loop all its servers do."""
    assert found(server("time.sleep(1)", head="import time", runs_on="thread")) == []
    (finding,) = find("m", server("time.sleep(1)", head="import time", runs_on="asyncio"), [RULES["blocking"]])
    assert "the event loop" in finding.message
    assert "await asyncio.sleep" in finding.advice


def test_blocking_is_followed_into_functions_and_methods() -> None:
    """The place is where it blocks; the message says which callback comes there."""
    source = (
        "import otpy, time\n"
        "def pause():\n"
        "    time.sleep(1)\n"
        "class S(otpy.GenServer):\n"
        "    def handle_call(self, request, from_, state):\n"
        "        self.wait()\n"
        "    def wait(self):\n"
        "        pause()\n"
    )
    (finding,) = find("m", source, [RULES["blocking"]])
    assert (finding.line, finding.where) == (3, "pause")
    assert "S.handle_call" in finding.message


def test_methods_of_states_are_callbacks_of_a_machine() -> None:
    """They get its events, as handle_event does; what has other arguments is no state, and no server has states."""
    handled = "    def handle_event(self, kind, content, state, data): time.sleep(1)\n"
    state = "    def open(self, kind, content, data): time.sleep(1)\n"
    other = "    def wait(self, seconds): time.sleep(seconds)\n"
    head = "import otpy, time\nclass M(otpy.{}):\n"
    assert found(head.format("GenStatem[str, int]") + handled + state + other, "blocking") == [
        ("blocking", 3),
        ("blocking", 4),
    ]
    assert found(head.format("GenServer[int]") + state, "blocking") == []


def test_callbacks_of_event_handlers_may_not_block() -> None:
    """They hold up all who share the thread of their manager; one that says "thread" has its own."""
    handler = "import otpy, time\nclass H(otpy.GenEvent[int]):\n    runs_on = {!r}\n"
    callback = "    def handle_event(self, event, state): time.sleep(1)\n"
    assert found(handler.format("scheduler") + callback, "blocking") == [("blocking", 4)]
    assert found(handler.format("thread") + callback, "blocking") == []


def test_server_is_known_by_its_base_here_or_by_its_callbacks() -> None:
    """A base that was imported from elsewhere says nothing; handle_call does."""
    inherited = "import otpy, time\nclass Base(otpy.GenServer[int]):\n    pass\nclass S(Base):\n"
    foreign = "import time\nfrom shop.base import Base\nclass S(Base):\n"
    for head in (inherited, foreign):
        source = head + "    def handle_call(self, r, f, s):\n        time.sleep(1)\n"
        assert [rule for rule, _ in found(source)] == ["blocking"]


# -- at import -------------------------------------------------------------------------------------

AT_IMPORT = [
    ('import os\nos.system("ls")', 2),
    ('open("f", "w")', 1),
    ("import sys\nsys.exit()", 2),
    ("import time\ntime.sleep(1)", 2),
    ("import threading\nthreading.Thread(target=print).start()", 2),
    ("import otpy\notpy.spawn(print)", 2),
    ("import otpy\nclass C(otpy.GenServer): ...\nC.start_link(name='c')", 3),
    ("import socket\nSERVER = socket.socket()", 2),
    ("class A:\n    import os\n    os.mkdir('d')", 3),
    ("import os\ndef f(x=os.popen('ls')): ...", 2),
    ("import os\n@os.system\ndef f(): ...", 2),
    ("import os\n@os.system('ls')\ndef f(): ...", 2),
    ("import os\nX = [os.system(c) for c in ['ls']]", 2),
    ("import os\ndef setup():\n    os.system('ls')\nsetup()", 4),
    ("import os\ndef deep():\n    os.system('ls')\ndef setup():\n    deep()\nX = setup()", 6),
    ("import os\nclass A:\n    def __init__(self):\n        os.mkdir('d')\nX = A()", 5),
    ("import os\ndef register(f):\n    os.mkdir('d')\n    return f\n@register\ndef g(): ...", 5),
    ("import atexit\natexit.register(print)", 2),
]


@pytest.mark.parametrize(("source", "line"), AT_IMPORT)
def test_effects_at_import_are_found(source: str, line: int) -> None:
    """Where the import comes to it, also if a function of the module hides it."""
    hits = [hit for hit in found(source, "import-effects") if hit[1] == line]
    assert hits == [("import-effects", line)]


def test_hidden_effect_says_where_it_is() -> None:
    """The call that runs at import may look innocent."""
    (finding,) = find("m", "import os\ndef setup():\n    os.system('ls')\nsetup()", [RULES["import-effects"]])
    assert finding.message == "this runs when the module is imported, and reaches os.system on line 3"


NOT_AT_IMPORT = [
    "import os\ndef f():\n    os.system('ls')",
    "import os\nX = lambda: os.system('ls')",
    'import os\nif __name__ == "__main__":\n    os.system("ls")',
    "VERSION = open('VERSION').read()",
    "import logging\nlogging.basicConfig()\nlog = logging.getLogger(__name__)",
    "import os\nRUN = os.path.exists('x') and os.environ.get('RUN')",
    (
        "import re, decimal\nfrom dataclasses import dataclass, field\nA = re.compile('a')\nB = decimal.Decimal('1')\n"
        "@dataclass\nclass C:\n    x: list = field(default_factory=list)"
    ),
    "import otpy\nSPEC = otpy.ChildSpec(id='a', start=otpy.MFA('m', 'f', ()))",
    "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef index(): ...",
    "TABLE = {}\ndef fill():\n    TABLE.update(a=1)\nfill()",
]


@pytest.mark.parametrize("source", NOT_AT_IMPORT)
def test_definitions_are_no_effects(source: str) -> None:
    """Also not the usual ways to begin a module."""
    assert found(source, "import-effects", "import-calls") == []


def test_calls_at_import_that_nobody_knows_are_told_of() -> None:
    """They may be harmless; they will run in the rehearsal, and again."""
    source = "from shop.db import connect\nimport shop.tools\nDB = connect()\nshop.tools.setup()\n"
    assert found(source, "import-calls") == [("import-calls", 3), ("import-calls", 4)]


# -- supervisors -----------------------------------------------------------------------------------

SUPERVISOR = """
import otpy, os, time, logging
from shop.cart import Cart
TICKS = []
def helper():
    otpy.spawn(print)
class Shop(otpy.Supervisor):
    def init(self, arg):
        {body}
        return otpy.SupFlags(), [Cart.child_spec(0, id="cart")]
"""

IMPURE = [
    "Cart.start_link(0)",
    "otpy.send('x', 1)",
    "otpy.register('x', otpy.self_pid())",
    "open('f').read()",
    "os.mkdir('d')",
    "time.sleep(1)",
    "os.environ['A'] = '1'",
    "helper()",
    "otpy.supervisor.start_child('x', None)",
    "otpy.gen_event.add_handler('events', Cart)",
]


@pytest.mark.parametrize("body", IMPURE)
def test_init_of_a_supervisor_must_be_pure(body: str) -> None:
    """It is called again by every upgrade that touches it."""
    assert [rule for rule, _ in found(SUPERVISOR.format(body=body), "supervisor-init")] == ["supervisor-init"]


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "logging.info('x')",
        "spec = otpy.ChildSpec('a', Cart.start_link)",
        "sorted([])",
        "otpy.gen_event.child_spec(name='e')",
    ],
)
def test_specs_may_be_computed(body: str) -> None:
    """Purity does not mean a literal."""
    assert found(SUPERVISOR.format(body=body), "supervisor-init") == []


def test_init_of_a_server_may_do_what_it_likes() -> None:
    """It is where effects belong."""
    source = (
        "import otpy\nclass S(otpy.GenServer):\n    def init(self, arg):\n        otpy.register('x', otpy.self_pid())\n"
    )
    assert found(source) == []


# -- all of them -----------------------------------------------------------------------------------


def test_all_findings_come_at_once_from_top_to_bottom() -> None:
    """Nobody wants to mend one and be told of the next."""
    source = server('os.system("ls")\nopen("f", "w")\neval(request)', head="import os, socket; socket.socket()")
    assert found(source) == [
        ("import-effects", 2),
        ("sockets", 2),
        ("blocking", 9),
        ("system", 9),
        ("files", 10),
        ("dynamic-code", 11),
    ]


def test_finding_prints_place_rule_message_and_advice() -> None:
    """As compilers do, so that editors can jump there."""
    (finding,) = find("m", "def f():\n    eval('1')\n", [RULES["dynamic-code"]], path="shop/m.py")
    assert str(finding) == (
        "shop/m.py:2:5: dynamic-code: eval runs text as code, which no plan can show and no upgrade can follow "
        "(write the code out; ast.literal_eval reads data)"
    )
    assert (finding.where, finding.code) == ("f", "eval('1')")


def test_finding_of_a_module_without_a_file_names_the_module() -> None:
    """A source that came over the wire has no file."""
    (finding,) = find("m", "eval('1')", [RULES["dynamic-code"]])
    assert str(finding).startswith("m:1:1: dynamic-code: ")


def test_every_finding_has_advice() -> None:
    """A refusal that does not say what to do is half a refusal."""
    source = server(
        "\n".join(body for _, _, body in DANGEROUS if "\n" not in body and ": " not in body), head="import os"
    )
    findings: tuple[Finding, ...] = find("m", source, RULES.values())
    assert len(findings) > 20
    assert all(finding.advice and finding.message for finding in findings)


def test_source_that_is_no_python_is_a_compilation_error() -> None:
    """With its place: it is not the rules' business."""
    with pytest.raises(CompilationFailed) as caught:
        found("def f(:\n")
    assert caught.value.line == 1
