"""From source text to syntax tree and code, with errors that show the place.

Source: PEP 263 and the language reference; the message follows CPython's own traceback module.
"""

from __future__ import annotations
import __future__

import ast
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import nullcontext
from types import CodeType
from typing import Final

from otpy.errors import CompilationFailed

_one_at_a_time: Final = threading.Lock() if sys.version_info < (3, 13) else nullcontext()
"""Before 3.13 syntax trees are made and compiled by one thread at a time: CPython 3.11 counts its recursion for all
threads at once (gh-106905), and fails when two meet."""


def threads() -> int:
    """How many threads can compile at the same time: with the interpreter's lock one, two would wait for each other."""
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return 1 if has_lock else os.cpu_count() or 1


def parse(source: str, filename: str = "<otpy>") -> ast.Module:
    """The syntax tree of *source*.

    Raises: CompilationFailed with file, line, column, the line itself and a caret.
    """
    try:
        with _one_at_a_time:
            try:
                return ast.parse(source, filename)
            except SystemError:  # a thread of the program was parsing, too
                return ast.parse(source, filename)
    except SyntaxError as error:
        raise failure(error, source, filename) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CompilationFailed(f"{filename}: {error or type(error).__name__}", filename) from error


def compile_tree(tree: ast.Module, source: str, filename: str, *, shown: str) -> CodeType:
    """The code of the whole module under the name *filename*; errors name the file *shown*.

    Raises: CompilationFailed, for what only the compiler sees (`return` outside a function, `nonlocal` of nothing).
    """
    try:
        with _one_at_a_time:
            return compile(tree, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise failure(error, source, shown) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CompilationFailed(f"{shown}: {error or type(error).__name__}", shown) from error


def never_importing(names: Iterable[str]) -> tuple[ast.stmt, ...]:
    """A statement that no code comes of, but after which the compiler takes *names* for imported."""
    aliases = [ast.alias(name=name) for name in sorted(names)]
    if not aliases:
        return ()
    statement = ast.If(test=ast.Constant(value=False), body=[ast.Import(names=aliases)], orelse=[])
    statement.lineno, statement.col_offset = 1, 0
    return (ast.fix_missing_locations(statement),)


def compile_statements(
    nodes: tuple[ast.stmt, ...], filename: str, flags: int, imported: tuple[ast.stmt, ...]
) -> CodeType:
    """The code of some statements of a module that is known to compile; *flags* as of `future_flags`.

    It is the code that they have in the whole module. For that the compiler has to know which names the module imports
    (*imported*, as of `never_importing`): it calls attributes of those in another way.
    """
    module = ast.Module(body=[*nodes, *imported], type_ignores=[])
    with _one_at_a_time:
        code: CodeType = compile(module, filename, "exec", flags=flags, dont_inherit=True)
    return code


def future_flags(tree: ast.Module) -> int:
    """The compiler flags that the `from __future__` imports of *tree* ask for."""
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def failure(error: SyntaxError, source: str, filename: str) -> CompilationFailed:
    """*error* as our own, with the line and a caret under the column."""
    where = filename if error.lineno is None else f"{filename}:{error.lineno}:{error.offset or 1}"
    message = f"{where}: {error.msg}"
    lines = source.split("\n")
    if error.lineno is not None and 1 <= error.lineno <= len(lines):
        text = lines[error.lineno - 1].rstrip()
        # Tabs before the caret are kept, so that it stands under its column whatever their width.
        lead = "".join("\t" if c == "\t" else " " for c in text[: (error.offset or 1) - 1])
        message += f"\n    {text}\n    {lead}^"
    return CompilationFailed(message, filename, error.lineno, error.offset)
