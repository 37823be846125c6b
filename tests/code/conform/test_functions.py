"""Functions of every kind are edited in place: who holds one, runs the new code."""

# ruff: noqa: E501 - a case is easiest to read on one line

from tests.code.conform.cases import Case, check_again, check_edit, check_undo, each

WRAPS = """
import functools
def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return "traced", function(*args)
    return wrapper
"""

COUNTED = """
def counted(function):
    n = 0
    def w():
        nonlocal n
        n += 1
        return function()
    def reset():
        nonlocal n
        n = 0
    w.reset = reset
    return w
"""

CASES = each(
    Case(
        "plain",
        'def f(x, y=1, *, z: int = 2) -> int:\n    "Old."\n    return x, y, z\nf.mark = 1\n',
        'def f(x, y=10, *, z: str = 20, w=[]) -> str:\n    "New."\n    return x, y, z, w\nf.other = 2\n',
        held="f = m.f",
        still=("m.f(0) == (0, 1, 2)", "f.__annotations__ == {'z': int, 'return': int}", "vars(f) == {'mark': 1}"),
        then=(
            "m.f is f",
            "f(0) == (0, 10, 20, [])",
            "f.__annotations__ == {'z': str, 'return': str}",
            "f.__doc__ == 'New.'",
            "vars(f) == {'other': 2}",
            "f.__globals__ is vars(m)",
        ),
    ),
    Case(
        "default that is a function of the module",
        "def g(): return 1\ndef f(x=g): return x()\n",
        "def g(): return 2\ndef f(x=g, *, y=(g, lambda: g())): return x(), y[0] is g, y[1]()\n",
        held="f, g = m.f, m.g",
        then=("f() == (2, True, 2)", "f.__defaults__[0] is g", "f.__kwdefaults__['y'][1].__globals__ is vars(m)"),
        settles=False,
    ),
    Case(
        "lambda",
        "f = lambda: 1\n",
        "f = lambda x=2: x\n",
        held="f = m.f",
        then=("m.f is f", "f() == 2"),
    ),
    Case(
        "closure",
        "def make(n):\n    def f():\n        return n\n    return f\nf = make(1)\n",
        "def make(n):\n    def f():\n        return 'new', n\n    return f\nf = make(2)\n",
        held="f = m.f",
        then=("m.f is f", "f() == ('new', 2)"),
    ),
    Case(
        "closure with state",
        "def make(start):\n    n = start\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make(0)\n",
        "def make(start):\n    n = start\n    def f():\n        nonlocal n\n        n += 10\n        return n\n    return f\nf = make(5)\n",
        held="f = m.f; f(); f()",
        then=("m.f is f", "f() >= 12"),
    ),
    Case(
        "closures that share a variable, one of them new",
        COUNTED + "@counted\ndef f(): return 'old'\n",
        COUNTED.replace("    w.reset = reset\n", "    def count(): return n\n    w.reset, w.count = reset, count\n")
        + "@counted\ndef f(): return 'new'\n",
        held="f = m.f; f(), f(); reset = f.reset",
        then=(
            "m.f is f and f() == 'new' and f.count() > 0",
            "reset() or f.count() == 0",
            "f() and f.count() == 1 and f.reset is reset",
        ),
    ),
    Case(
        "decorated, the body edited",
        WRAPS + "@traced\ndef f(x): return x\n",
        WRAPS + "@traced\ndef f(x, y=2): return x, y\n",
        held="f = m.f",
        still=("f(1) == ('traced', 1)",),
        then=("m.f is f", "f(1) == ('traced', (1, 2))", "f.__wrapped__(3) == (3, 2)"),
    ),
    Case(
        "decorated, the decorator edited",
        WRAPS + "@traced\ndef f(x): return x\n",
        WRAPS.replace('"traced"', '"seen"') + "@traced\ndef f(x): return x\n",
        held="f = m.f",
        then=("m.f is f", "f(1) == ('seen', 1)"),
    ),
    Case(
        "decorator with arguments",
        "def times(n):\n    def decorate(f):\n        def wrapper(): return [f()] * n\n        return wrapper\n    return decorate\n@times(2)\ndef f(): return 1\n",
        "def times(n):\n    def decorate(f):\n        def wrapper(): return [f()] * n\n        return wrapper\n    return decorate\n@times(3)\ndef f(): return 2\n",
        held="f = m.f",
        still=("f() == [1, 1]",),
        then=("m.f is f", "f() == [2, 2, 2]"),
    ),
    Case(
        "decorator added",
        WRAPS + "def f(x): return x\n",
        WRAPS + "@traced\ndef f(x): return x, 2\n",
        held="f = m.f",
        then=(
            "f(1) == ('traced', (1, 2)) == m.f(1)",
            "__import__('inspect').signature(f) == __import__('inspect').signature(m.f)",
        ),
    ),
    Case(
        "decorator removed",
        WRAPS + "@traced\ndef f(x): return x\n",
        WRAPS + "def f(x): return x, 2\n",
        held="f = m.f",
        then=("f(1) == (1, 2) == m.f(1)", "m.f.__globals__ is vars(m)"),
    ),
    Case(
        "lru_cache, the body edited",
        "import functools\n@functools.lru_cache\ndef f(x): return x, 'old'\n",
        "import functools\n@functools.lru_cache\ndef f(x): return x, 'new'\n",
        held="f = m.f; f(1)",
        still=("f(1) == (1, 'old')",),
        then=("m.f is f", "f(1) == (1, 'new')"),
    ),
    Case(
        "lru_cache of another size",
        "import functools\n@functools.lru_cache\ndef f(x): return x, 'old'\n",
        "import functools\n@functools.lru_cache(maxsize=7)\ndef f(x): return x, 'new'\n",
        held="f = m.f; f(1)",
        still=("f(1) == (1, 'old')",),
        then=(
            "m.f.cache_parameters()['maxsize'] == 7",
            "f(1) == (1, 'new') == m.f(1)",
            "m.f.__wrapped__.__globals__ is vars(m)",
        ),
    ),
    Case(
        "lru_cache added",
        "import functools\ndef f(x): return x, 'old'\n",
        "import functools\n@functools.lru_cache\ndef f(x): return x, 'new'\n",
        held="f = m.f",
        then=("m.f.cache_parameters()", "f(1) == (1, 'new') == m.f(1)"),
    ),
    Case(
        "lru_cache removed",
        "import functools\n@functools.lru_cache\ndef f(x): return x, 'old'\n",
        "import functools\ndef f(x): return x, 'new'\n",
        held="f = m.f; f(1)",
        then=("f(1) == (1, 'new') == m.f(1)",),
    ),
    Case(
        "generator and coroutine",
        "def g():\n    yield 1\nasync def a(): return 1\nasync def n():\n    yield 1\n",
        "def g(x=2):\n    yield x\nasync def a(x=2): return x\nasync def n(x=2):\n    yield x\n",
        held="g, a, n = m.g, m.a, m.n; running = g(); run = __import__('asyncio').run",
        then=(
            "(m.g, m.a, m.n) == (g, a, n)",
            "list(g()) == [2]",
            "next(running, 1) == 1",
            "run(a()) == 2",
            "run(anext(n())) == 2",
        ),
    ),
    Case(
        "function becomes generator or coroutine",
        "def f(): return [1]\ndef g(): return 1\n",
        "def f():\n    yield 2\nasync def g(): return 2\n",
        held="f, g = m.f, m.g; run = __import__('asyncio').run",
        then=("list(f()) == [2] == list(m.f())", "run(g()) == 2 == run(m.g())"),
    ),
    Case(
        "generator becomes function",
        "def f():\n    yield 1\n",
        "def f(): return [2]\n",
        held="f = m.f",
        then=("list(f()) == [1]", "m.f() == [2]"),
        notes=("f: is a new function, since it is called in another way",),
    ),
    Case(
        "partial",
        "import functools\ndef g(x, y): return x, y, 'old'\nf = functools.partial(g, 1)\n",
        "import functools\ndef g(x, y): return x, y, 'new'\nf = functools.partial(g, 2)\n",
        held="f = m.f",
        then=("f(0) == (1, 0, 'new')", "m.f(0) == (2, 0, 'new')", "m.f.func is m.g"),
        settles=False,
    ),
    Case(
        "singledispatch",
        "import functools\n@functools.singledispatch\ndef f(x): return 'any'\n@f.register\ndef _(x: int): return 'int'\n@f.register\ndef _(x: str): return 'str'\n",
        "import functools\n@functools.singledispatch\ndef f(x): return 'ANY'\n@f.register\ndef _(x: int): return 'INT'\n@f.register\ndef _(x: str): return 'STR'\n@f.register\ndef _(x: list): return 'LIST'\n",
        held="f = m.f; f(1), f(''), f([]); ints = f.dispatch(int)\nimport types\ndef of_float(x): return 'float'\nof_float.__module__ = 'elsewhere'\nf.register(float, of_float)",
        still=("[f(x) for x in (None, 1, '', [], 1.5)] == ['any', 'int', 'str', 'any', 'float']",),
        then=(
            "m.f is f",
            "[f(x) for x in (None, 1, '', [], 1.5)] == ['ANY', 'INT', 'STR', 'LIST', 'float']",
            "ints(1) == 'INT'",
        ),
        settles=False,
    ),
    Case(
        "kind of thing changed",
        "def f(): return 1\n",
        "class f:\n    pass\n",
        held="f = m.f",
        then=("f() == 1", "isinstance(m.f, type)"),
        notes=("f: was a function and is a class now",),
        settles=False,
    ),
    Case(
        "function under several names",
        "def f(): return 1\ng = f\ntable = {'f': f, 'g': [f]}\n",
        "def f(): return 2\ng = f\ntable = {'f': f, 'g': [f], f: f}\n",
        held="f = m.f",
        then=("m.f is f is m.g", "f() == 2", "m.table == {'f': f, 'g': [f], f: f}"),
    ),
    Case(
        "function that registers itself elsewhere",
        "import LIB\n@LIB.register('f')\ndef f(): return 1\n",
        "import LIB\n@LIB.register('f')\ndef f(x=0): return 2\n",
        lib="all_of_them, by_name, both, unique = [], {}, [], set()\ndef register(name):\n    def decorate(f):\n        all_of_them.append(f); by_name[name] = f; both.append((name, f)); unique.add(f)\n        return f\n    return decorate\n",
        held="f = m.f",
        then=(
            "lib.all_of_them == [f]",
            "lib.by_name == {'f': f}",
            "lib.both == [('f', f)]",
            "lib.unique == {f}",
            "f() == 2",
            "m.f is f",
        ),
    ),
    Case(
        "function that somebody else wrapped",
        "def f(): return 1\n",
        "def f(x=2): return x\n",
        held="import functools\nf = m.f\npartial = functools.partial(f)\n@functools.wraps(f)\ndef wrapper(): return f()\nlisted = [f, {'f': f}]",
        then=("[partial(), wrapper(), listed[0](), listed[1]['f']()] == [2, 2, 2, 2]",),
    ),
)


@CASES
def test_who_holds_a_function_runs_the_new_code(case: Case) -> None:
    """Its identity stays, whatever it is wrapped in."""
    check_edit(case)


@CASES
def test_undone_at_any_step_the_function_is_as_before(case: Case) -> None:
    """Object by object."""
    check_undo(case)


@CASES
def test_function_edited_to_what_it_is_stays_as_it_is(case: Case) -> None:
    """Nothing is done twice."""
    check_again(case)


LAZY = Case(
    "function held by an object that must not be asked anything",
    "import LIB\n@LIB.hold\ndef f(): return 1\n",
    "import LIB\n@LIB.hold\ndef f(x=0): return 2\n",
    lib="class Lazy:\n    asked = 0\n    @property\n    def __class__(self): Lazy.asked += 1; return type(self)\n    def __getattr__(self, name): Lazy.asked += 1; return None\nlazy = Lazy()\ndef hold(f):\n    lazy.f = f\n    return f\n",
    held="f = m.f",
    then=("lib.lazy.f is f and lib.Lazy.asked == 0 and f() == 2",),
)


def test_holders_are_looked_into_and_not_asked() -> None:
    """A lazy object answers by making what it stands for; another one makes an attribute of every name."""
    check_edit(LAZY)
