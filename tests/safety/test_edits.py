"""Only what an edit touches is read; what it leads to is found all the same."""

import random
import textwrap

import pytest

from otpy.safety import RULES, Policy, check_sources
from otpy.safety.checks import find, find_in_edit
from otpy.safety.edits import edit_of, outline

ALL = tuple(RULES.values())

RUNNING = textwrap.dedent("""
    import os
    import time
    import otpy
    from shop.tools import harmless as run

    def system(command):
        os.system(command)

    def nap():
        return 1

    def via():
        return nap()

    def setup():
        return via()

    READY = setup()

    class Server(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok(arg)

        def handle_cast(self, request, state):
            self.work()
            return otpy.NoReply(state)

        def work(self):
            return via()

        def other(self):
            return run("ls")

    class Top(otpy.Supervisor):
        def init(self, arg):
            via()
            return otpy.SupFlags(), []
""")

EDITS = [
    ("return 1", "return 2", []),
    ('run("ls")', 'os.system("ls")', [("system", "Server.other")]),
    ("return 1", "time.sleep(1)", [("blocking", "nap"), ("import-effects", ""), ("supervisor-init", "nap")]),
    ("return 1", "otpy.send('x', 1)", [("import-effects", ""), ("supervisor-init", "nap")]),
    ("self.work()", "system(request)", [("blocking", "system")]),
    ("return via()\n\n    def other", "return system('ls')\n\n    def other", [("blocking", "system")]),
    ("READY = setup()", "READY = system('ls')", [("import-effects", "")]),
    ("from shop.tools import harmless as run", "from os import popen as run", [("system", "Server.other")]),
    ("from shop.tools import harmless as run", "run = os.popen", [("system", ""), ("system", "Server.other")]),
    (
        "class Server(otpy.GenServer):",
        "class Server(otpy.GenServer):\n    X = os.system('ls')",
        [
            ("import-effects", "Server"),
            ("system", "Server"),
        ],
    ),
    (
        "class Server(otpy.GenServer):",
        "@os.system\nclass Server(otpy.GenServer):",
        [
            ("import-effects", ""),
            ("system", ""),
        ],
    ),
    ("READY = setup()", "if READY:\n    def setup():\n        os.system('ls')", [("system", "setup")]),
    (
        "    return nap()\n",
        "    class Local:\n        def run(self):\n            os.system('ls')\n    return Local().run()\n",
        [(rule, "via.<locals>.Local.run") for rule in ("blocking", "supervisor-init", "system")]
        + [("import-effects", "")],
    ),
    ("# nothing", "", []),
]


@pytest.mark.parametrize(("old", "new", "expected"), EDITS)
def test_edit_is_judged_with_what_it_leads_to(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    """Also where the danger, or the place where it matters, is in what was left alone."""
    text = RUNNING.replace(old, new)
    found = find_in_edit("m", text, RUNNING, ALL)
    assert sorted({(f.rule, f.where) for f, known in found if not known}) == sorted(expected)


def test_definition_that_hid_a_builtin_and_is_gone_is_noticed() -> None:
    """The call that was left alone means something else now."""
    running = "def eval(x):\n    return x\n\ndef f(x):\n    return eval(x)\n"
    found = find_in_edit("m", "def f(x):\n    return eval(x)\n", running, ALL)
    assert [(f.rule, f.line) for f, _ in found] == [("dynamic-code", 2)]


def test_body_edit_reads_one_unit() -> None:
    """However long the module is."""
    running = "\n".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(200))
    edit = edit_of(outline(running.replace("x + 77", "x - 77"), "m"), outline(running, "m"))
    assert [unit.first for unit in edit.edited] == [232]
    assert edit.lines == {232, 233}
    assert (edit.leading, edit.led_to) == ((), ())


PIECES = [
    "import os",
    "from os import system as go",
    "from shop.x import calm as go",
    "import time",
    "def a(x):\n    return b(x)",
    "def a(x):\n    return os.system(x)",
    "def a(x):\n    return go(x)",
    "def b(x):\n    return x",
    "def b(x):\n    time.sleep(x)",
    "def b(x):\n    open(x, 'w')",
    "C = a(1)",
    "C = b",
    "C(1)",
    "class S:\n    def handle_call(self, r, f, s):\n        self.helper()\n    def helper(self):\n        a(1)",
    "class S:\n    def handle_call(self, r, f, s):\n        b(1)\n    def helper(self):\n        os.remove('x')",
    "def eval(x): ...",
    "D = eval('1')",
    "def make():\n    class Local:\n        def run(self):\n            return b(1)\n    return Local",
    "def make():\n    class Local:\n        def run(self):\n            return go(1)\n    return Local",
]


@pytest.mark.parametrize("seed", range(150))
def test_nothing_new_is_missed(seed: int) -> None:
    """Reading only the edit finds every finding that reading both sources as a whole shows to be new."""
    chance = random.Random(seed)  # noqa: S311 - a test; the seed is in its name
    before = [chance.choice(PIECES) for _ in range(chance.randrange(2, 9))]
    after = [chance.choice(PIECES) if chance.random() < 0.3 else piece for piece in before]
    running, text = "\n\n".join(before) + "\n", "\n\n".join(after) + "\n"
    was = [f.likeness for f in find("m", running, ALL)]
    new = [f for f in find("m", text, ALL) if f.likeness not in was]
    told = [f for f, known in find_in_edit("m", text, running, ALL) if not known]
    assert set(new) <= set(told), text


def test_unedited_text_is_not_judged_again() -> None:
    """Nobody wants the same warnings at each upgrade."""
    assert check_sources({"m": RUNNING}, Policy(), running={"m": RUNNING}).warned == ()
