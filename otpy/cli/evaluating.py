"""Running what somebody has typed, in the process that runs here: text in, its value or a traceback out.

Statements and expressions, the last of which has the value; `await` may stand at the top. The names are a dict that
outlives a piece of text, so that the next one goes on where it ended.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import json
import linecache
import math
import rlcompleter
import traceback
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, final

from otpy.cli.plain import Plain, plain
from otpy.code.codes import every_code
from otpy.kernel.callbacks import runs_callbacks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HOME: Final = str(Path(__file__).parents[1])
"""Where otpy's own code is."""
_AWAIT: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_COMPLETIONS: Final = 1000
_VALUE: Final = "_otpy value"  # no name that can be typed
MARK: Final = "<otpy "
"""What the file names of typed text begin with."""


@final
class Scope:
    """The names of a shell, and the text that was typed into it: tracebacks and `inspect.getsource` find it."""

    def __init__(self, title: str) -> None:
        """*title* is what tracebacks call the text."""
        self._otpy = import_module("otpy")  # the facade, as whoever types would import it
        self.names: dict[str, Any] = {"__name__": "__otpy_shell__", "otpy": self._otpy, "pid": pid}
        self._title = title
        self._files: list[str] = []
        self._later = set(self._otpy.__all__) - {"otpy"}
        self.provide(self._later & vars(self._otpy).keys())

    def provide(self, names: Iterable[str]) -> None:
        """Have those of *names* at hand that are otpy's: some load more, which is done when they are used.

        Raises ImportError for what needs an extra that is not installed.
        """
        for name in self._later.intersection(names):
            self.names[name] = getattr(self._otpy, name)
            self._later.remove(name)

    @runs_callbacks
    def completions(self, text: str) -> list[str]:
        """Return what *text*, the beginning of a name or of `name.attribute`, may become."""
        first, dot, _ = text.partition(".")
        completer: Any = rlcompleter.Completer(self.names)
        if dot:
            self.provide([first])
            found = completer.attr_matches(text)
        else:
            found = [*completer.global_matches(text), *(name for name in self._later if name.startswith(text))]
        return sorted(set(found))[:_COMPLETIONS]

    def enter(self, source: str) -> str:
        """Remember *source*, and return the file name that stands for it."""
        filename = f"{MARK}{self._title}:{len(self._files) + 1}>"
        self._files.append(filename)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        return filename

    def close(self) -> None:
        """Let go of the text."""
        for filename in self._files:
            linecache.cache.pop(filename, None)


def pid(number: int) -> Any:
    """Return the process with this number, as `Pid<7 cart>` has it; of this runtime, and alive. Raises LookupError."""
    for process in import_module("otpy").processes():
        if process.id == number:
            return process
    raise LookupError(f"no living process has the number {number}; tree() shows who lives")


@final
class Evaluation:
    """Runs typed text, in one thread, with one event loop, which runs while something is awaited."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._runner: asyncio.Runner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @runs_callbacks
    def value(self, source: str) -> Any:
        """Run *source* and return the value of its last expression; None if it does not end with one."""
        code = compiled(source, self.scope.enter(source))
        names = self.scope.names
        self.scope.provide(name for each in every_code(code) for name in each.co_names)
        running = eval(code, names)  # noqa: S307 - what the owner of the node has typed
        if code.co_flags & inspect.CO_COROUTINE:
            self._awaited(running)
        value = names.pop(_VALUE, None)
        return value if _VALUE in code.co_names else None  # else it is of code that was given up, and went on a while

    @runs_callbacks
    def called(self, module: str, function: str, args: Sequence[Any]) -> Any:
        """Return what *function* of *module* returns. What is `async def` is awaited. Raises NotThere."""
        result = found(module, function)(*args)
        return self._awaited(result) if inspect.iscoroutine(result) else result

    def interrupt(self) -> None:
        """Cancel what is awaited. From any thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed: nothing is awaited
                loop.call_soon_threadsafe(_cancel_all, loop)

    def close(self) -> None:
        """Let go of the event loop."""
        if self._runner is not None:
            self._runner.close()

    @runs_callbacks
    def _awaited(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._runner is None:
            self._runner = asyncio.Runner()
            self._loop = self._runner.get_loop()
        return self._runner.run(work)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


def compiled(source: str, filename: str) -> CodeType:
    """Return the code of *source*, which leaves the value of its last expression under a name. Raises SyntaxError.

    As one piece, so that what awaits and what stands before it run in the same loop.
    """
    tree: ast.Module = compile(source, filename, "exec", ast.PyCF_ONLY_AST | _AWAIT, dont_inherit=True)
    if tree.body and isinstance(end := tree.body[-1], ast.Expr):
        kept = ast.Assign([ast.Name(_VALUE, ast.Store())], end.value)
        tree.body[-1] = ast.fix_missing_locations(ast.copy_location(kept, end))
    code: CodeType = compile(tree, filename, "exec", _AWAIT, dont_inherit=True)
    return code


class NotThere(LookupError):
    """There is no such module, or no such function in it."""


def found(module: str, function: str) -> Callable[..., Any]:
    """Return *function* ("f", or "Class.f") of *module*, imported if it is not. Raises NotThere."""
    try:
        value: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise NotThere(f"the node finds no module {error.name!r}") from None
    for part in function.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise NotThere(f"{module} has no {function}") from None
    if not callable(value):
        raise NotThere(f"{module}.{function} is no function, but {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def literal(text: str) -> Any:
    """Return the value of a Python literal, such as 5 or [1, 2]; what is none is the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


@runs_callbacks
def value_text(value: object) -> str:
    """Return *value* for people: its repr; what otpy made to be read, such as a tree or a report, as its text."""
    kind = type(value)
    readable = kind.__module__.partition(".")[0] == "otpy" and kind.__str__ is not object.__str__
    return str(value) if readable and not isinstance(value, BaseException) else repr(value)


def as_json(value: object) -> str:
    """Return *value* as JSON; what is no plain data is text in it, and so are numbers that JSON has not."""
    return json.dumps(_finite(plain(value)), indent=2, ensure_ascii=False)


def _finite(value: Plain) -> Plain:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [_finite(each) for each in value]
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case _:
            return value


def traceback_of(error: BaseException) -> str:
    """Return what Python says of *error*, with the frames of the user's code only."""
    made = traceback.TracebackException.from_exception(error)
    _leave_out(made, set())
    return "".join(made.format())


def _leave_out(made: traceback.TracebackException, seen: set[int]) -> None:
    """Take out the frames above what was typed, and those of otpy itself; of what it was caused by, too."""
    seen.add(id(made))
    typed = [place for place, frame in enumerate(made.stack) if frame.filename.startswith(MARK)]
    kept = [frame for frame in made.stack[typed[0] if typed else 0 :] if not frame.filename.startswith(_HOME)]
    made.stack[:] = kept
    for other in (made.__cause__, made.__context__, *(made.exceptions or ())):
        if other is not None and id(other) not in seen:
            _leave_out(other, seen)
