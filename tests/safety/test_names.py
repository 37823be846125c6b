"""Names are followed to what they stand for, through every way in which Python binds them."""

import ast

import pytest

from otpy.safety.names import names_of
from otpy.safety.scopes import scopes_of


def names_in(source: str) -> tuple[str, ...]:
    """Return the names of what the last statement of *source*, an expression, stands for."""
    tree = ast.parse(source)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    return names_of(last.value, scopes_of(tree, "shop.cart")[tree])


LEADS = {
    "import os\nos.system": "os.system",
    "import os.path\nos.system": "os.system",
    "import subprocess as sp\nsp.run": "subprocess.run",
    "import concurrent.futures as cf\ncf.ThreadPoolExecutor": "concurrent.futures.ThreadPoolExecutor",
    "from os import system as s\ns": "os.system",
    "from os import *\nsystem": "os.system",
    "from .stock import take\ntake": "shop.stock.take",
    "from . import stock\nstock.take": "shop.stock.take",
    "from ..base import take\ntake": "base.take",
    "import os\nrun = os.system\nrun": "os.system",
    "import os\na = os\nb = a\nb.system": "os.system",
    "import os\n(run := os.system)\nrun": "os.system",
    'import os\ngetattr(os, "system")': "os.system",
    'import os\ngetattr(os, "sys" + "tem")': "os.system",
    "import os\ngetattr(os, f\"sys{'tem'}\")": "os.system",
    '__import__("os").system': "os.system",
    '__import__("os.path").system': "os.system",
    'import importlib\nimportlib.import_module("os.path").join': "os.path.join",
    'import sys\nsys.modules["os"].system': "os.system",
    'import os\nvars(os)["system"]': "os.system",
    'import os\nos.__dict__["system"]': "os.system",
    'import operator, os\noperator.attrgetter("system")(os)': "os.system",
    '__builtins__["eval"]': "builtins.eval",
    'globals()["run"]\nimport os\nrun = os.system\nglobals()["run"]': "os.system",
    "import posix\nposix.system": "os.system",
    "import io\nio.open": "builtins.open",
    "open": "builtins.open",
    "from pathlib import Path\n(Path('a') / 'b').parent.unlink": "pathlib.Path().parent.unlink",
    "from pathlib import Path\nwith Path('a') as p:\n    pass\np.unlink": "pathlib.Path().unlink",
    "import otpy\notpy.send": "otpy.send",
    "from otpy.kernel.primitives import send\nsend": "otpy.send",
    "def mine(): ...\nmine": "shop.cart.mine",
    "class A:\n    def f(self): ...\nA().f": "shop.cart.A().f",
    "def open(path): ...\nopen": "shop.cart.open",
    "open = 1\nopen": "",
    "for open in (): ...\nopen": "",
    "loop = loop.next\nloop": "",
    "nobody": "",
}


@pytest.mark.parametrize("source", LEADS)
def test_expression_leads_to_what_it_stands_for(source: str) -> None:
    """A rule that looked at the text would be fooled by an alias, and complain of a method called `open`."""
    assert names_in(source) == ((LEADS[source],) if LEADS[source] else ())


def test_name_bound_twice_may_be_either() -> None:
    """`try: import ujson as json` leads to both."""
    source = "try:\n    import ujson as json\nexcept ImportError:\n    import json\njson.loads"
    assert names_in(source) == ("ujson.loads", "json.loads")


def test_name_of_a_function_is_its_own() -> None:
    """A parameter hides what the module has; a name declared global does not."""
    source = "import os\ndef f(os):\n    return os\ndef g():\n    global run\n    run = os.system\nrun"
    tree = ast.parse(source)
    scopes = scopes_of(tree, "m")
    inner = scopes[tree.body[1]]
    assert names_of(ast.Name("os", ast.Load()), inner) == ()
    assert names_in(source) == ("os.system",)


def test_methods_do_not_see_the_names_of_their_class() -> None:
    """As in Python."""
    tree = ast.parse("class A:\n    import os\n    def f(self): ...\n")
    scopes = scopes_of(tree, "m")
    method = next(scope for scope in scopes.values() if scope.qualname == "A.f")
    assert names_of(ast.Name("os", ast.Load()), method) == ()
    assert names_of(ast.Name("self", ast.Load()), method) == ("m.A()",)


def test_names_bound_over_and_over_are_followed_once() -> None:
    """Each in terms of the others: without remembering, every further line would double the time."""
    lines = [
        f"{name} = {one}.x if {two} else {one}(1).y"
        for name, one, two in zip("abcdef", "bcdefa", "cdefab", strict=True)
    ]
    source = "import os\n" + "\n".join(lines * 6) + "\na = os.system\nf"
    assert any(name.startswith("os.system") for name in names_in(source))
