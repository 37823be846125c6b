"""Hashes of statements: the same for the same program text, wherever it stands and however it is laid out. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from hashlib import sha256

ScopeNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def hashes(nodes: Iterable[ast.stmt]) -> tuple[str, str]:
    """The hash of statements without positions and docstrings, and the hash of their docstrings."""
    own, docs = sha256(), sha256()

    def feed(value: object) -> None:
        match value:
            case ast.AST():
                feed_node(value)
            case list():
                own.update(b"[")
                for item in value:
                    feed(item)
                own.update(b"]")
            case _:
                own.update(f"{type(value).__name__}:{value!r};".encode(errors="backslashreplace"))

    def feed_node(node: ast.AST) -> None:
        # Written here and not left to ast.dump: its text differs between Python versions, and with it every vsn.
        own.update(f"({type(node).__name__} ".encode())
        docstring = ast.get_docstring(node, clean=False) if isinstance(node, ScopeNode) else None
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name == "ctx":
                continue
            own.update(f"{name}=".encode())
            feed(value[1:] if name == "body" and docstring is not None else value)
        own.update(b")")
        if isinstance(node, ScopeNode):
            docs.update(f"{node.name}:{docstring!r};".encode(errors="backslashreplace"))

    for node in nodes:
        feed(node)
    return own.hexdigest(), docs.hexdigest()
