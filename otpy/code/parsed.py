"""What a source text amounts to, whatever module it is loaded as: its code and its definitions. A value, made once.

It can be written as bytes and read again, for a cache that outlives the process. The bytes hold data of msgpack and
CPython's own format for code objects, nothing that runs when it is read; that format trusts what it reads, so a cache
must be as safe from others as the program itself. A checksum tells bytes that were damaged.
"""

from __future__ import annotations

import ast
import marshal
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from types import CodeType
from typing import Any, Final, TypeAlias

import msgspec

from otpy.code.codes import Codes
from otpy.code.compiler import compile_tree, future_flags, parse
from otpy.code.definitions import Definition, Statements, definitions
from otpy.code.shapes import docstring_of
from otpy.code.sources import lines_of

Vsn: TypeAlias = Hashable
"""What a module calls its version: its `__vsn__`, or a hash of its definitions."""

UNFILED: Final = "<otpy>"
"""The file name in the code of a source that is no version of a module yet."""

DIGEST: Final = 32
SETS: Final = ("uses", "reads", "dotted", "mentions", "called", "triggers")
FIELDS: Final = ("name", "kind", "binds", *SETS, "own", "docs", "line", "end_line", "place")


@dataclass(frozen=True)
class Parsed:
    """One source text. What is not needed for every text (the syntax tree, say) is made when someone asks for it."""

    source: str = field(repr=False)
    sha256: str
    vsn: Vsn
    doc: str | None = field(repr=False)
    flags: int
    """The compiler flags that its `from __future__` imports ask for."""
    definitions: tuple[Definition, ...] = field(repr=False)
    statements: Statements = field(repr=False, compare=False)
    code: CodeType = field(repr=False)
    """Of the whole module, under the file name `UNFILED`."""

    @cached_property
    def codes(self) -> Codes:
        """The code objects in `code`, by definition."""
        return Codes(self)

    @cached_property
    def lines(self) -> list[str]:
        """The text in lines, for `linecache`; not to be changed."""
        return lines_of(self.source)


def read_source(source: str, *, shown: str) -> Parsed:
    """Parse and compile *source*; errors name the file *shown*. Raises: CompilationFailed."""
    tree = parse(source, shown)
    code = compile_tree(tree, source, UNFILED, shown=shown)
    statements = Statements(source, tree)
    found = definitions(tree, statements)
    return Parsed(
        source=source,
        sha256=sha256_of(source),
        vsn=vsn_of(found),
        doc=docstring_of(tree),
        flags=future_flags(tree),
        definitions=found,
        statements=statements,
        code=code,
    )


def sha256_of(source: str) -> str:
    """The hash of a source text."""
    return sha256(source.encode(errors="surrogatepass")).hexdigest()


def vsn_of(found: tuple[Definition, ...]) -> Vsn:
    """The literal that `__vsn__` is bound to, else a hash of all definitions, whatever their order."""
    for definition in found:
        if "__vsn__" not in definition.binds:
            continue
        match definition.nodes:
            case (ast.Assign(targets=[ast.Name("__vsn__")], value=value),):
                try:
                    literal = ast.literal_eval(value)
                    hash(literal)
                except (ValueError, TypeError):
                    break
                return literal  # type: ignore[no-any-return]  # hash() has just shown that it is Hashable
            case _:
                pass
    digest = sha256()
    for own in sorted(f"{d.name}={d.own};" for d in found):
        digest.update(own.encode())
    return digest.hexdigest()[:16]


# -- as bytes --------------------------------------------------------------------------------------


def to_bytes(parsed: Parsed) -> bytes | None:
    """*parsed* without its text and tree; None if that cannot be written (a `__vsn__` that is no plain literal)."""
    vsn = repr(parsed.vsn)
    if not _is_literal(vsn, parsed.vsn):
        return None
    rows = [[_plain(getattr(d, name)) for name in FIELDS] for d in parsed.definitions]
    data = msgspec.msgpack.encode([vsn, parsed.doc, parsed.flags, rows, marshal.dumps(parsed.code)])
    return sha256(data).digest() + data


def from_bytes(data: bytes, source: str) -> Parsed | None:
    """What `to_bytes` wrote, for the same *source* and the same Python; None if the bytes are not whole."""
    if sha256(data[DIGEST:]).digest() != data[:DIGEST]:
        return None
    vsn, doc, flags, rows, code = msgspec.msgpack.decode(data[DIGEST:])
    statements = Statements(source)
    return Parsed(
        source=source,
        sha256=sha256_of(source),
        vsn=ast.literal_eval(vsn),
        doc=doc,
        flags=flags,
        definitions=tuple(_definition(row, statements) for row in rows),
        statements=statements,
        code=marshal.loads(code),  # noqa: S302 - our own bytes, and whole
    )


def _definition(row: list[Any], statements: Statements) -> Definition:
    values = dict(zip(FIELDS, row, strict=True))
    values["binds"] = tuple(values["binds"])
    values.update({name: frozenset(values[name]) for name in SETS})
    return Definition(**values, statements=statements)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def _is_literal(text: str, value: object) -> bool:
    try:
        return bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError):
        return False
