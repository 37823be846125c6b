"""The supervision tree as a value.

The snapshot is taken from the runtime's own tables, never by asking processes: a process that hangs, or is suspended,
is shown like every other, and nobody is disturbed.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.children_state import children_of, has_child
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import Dest, process_info, resolve
from otpy.kernel.process import Process
from otpy.kernel.runtime import current_runtime


class Node(msgspec.Struct, frozen=True):
    """One process, or a child that does not run, with what is below it."""

    id: Any
    """Its id in the supervisor above; None for a root."""
    pid: Pid | None
    name: str
    behaviour: str
    status: str
    """idle, running, runnable, waiting, suspended; restarting or stopped for a child without a process."""
    message_queue_len: int
    vsn: Any
    children: tuple[Node, ...] = ()

    @property
    def text(self) -> str:
        """Return the node in one line."""
        ident = f"{self.id}: " if self.id is not None else ""
        if self.pid is None:
            return f"{ident}{self.status}"
        parts = [f"{ident}{self.name} <{self.pid.id}> {self.behaviour}"]
        if self.vsn is not None:
            parts.append(f"v{self.vsn}")
        if self.status != "idle":
            parts.append(self.status)
        if self.message_queue_len:
            parts.append(f"{self.message_queue_len} queued")
        return " · ".join(parts)


class Tree(msgspec.Struct, frozen=True):
    """What lives, as roots with what is below them. `print` shows it, `mermaid` draws it."""

    roots: tuple[Node, ...]

    def walk(self) -> Iterator[tuple[int, Node]]:
        """Yield every node, supervisors before their children, with its depth."""
        stack = [(0, root) for root in reversed(self.roots)]
        while stack:
            depth, node = stack.pop()
            yield depth, node
            stack.extend((depth + 1, child) for child in reversed(node.children))

    def __str__(self) -> str:
        return "\n".join(self._lines(self.roots, "", top=True))

    def _lines(self, nodes: tuple[Node, ...], indent: str, *, top: bool = False) -> Iterator[str]:
        for node in nodes:
            last = node is nodes[-1]
            branch, below = ("", "") if top else ("└── ", "    ") if last else ("├── ", "│   ")
            yield f"{indent}{branch}{node.text}"
            yield from self._lines(node.children, indent + below)

    def mermaid(self) -> str:
        """Return the tree as a Mermaid flow chart."""
        lines = ["flowchart TD"]
        numbers: dict[int, int] = {}
        for _, node in self.walk():
            number = numbers[id(node)] = len(numbers)
            lines.append(f'    n{number}["{html.escape(node.text)}"]')
        for _, node in self.walk():
            lines += [f"    n{numbers[id(node)]} --> n{numbers[id(child)]}" for child in node.children]
        return "\n".join(lines)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the tree as plain data, for JSON."""
        return [_plain(root) for root in self.roots]

    def __rich__(self) -> Any:
        """Return the tree for rich's print."""
        from rich.text import Text  # noqa: PLC0415 - only who prints with rich needs it
        from rich.tree import Tree as RichTree  # noqa: PLC0415

        top = RichTree("processes", hide_root=True)
        above = [top]
        for depth, node in self.walk():
            del above[depth + 1 :]
            above.append(above[depth].add(Text(node.text)))
        return top

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def tree(root: Dest | None = None) -> Tree:
    """Return a snapshot of all supervision trees and free processes, or of what is below *root*."""
    if root is not None:
        return Tree((_node(resolve(root), None),))
    nodes = {id(process): _node(process, None) for process in roots()}
    return Tree(tuple(nodes.values()))


def roots() -> Iterator[Process]:
    """Yield the processes that nobody has below itself."""
    for process in current_runtime().processes():
        if getattr(process.actor, "in_tree", True) and not is_supervised(process):
            yield process


def below(process: Process) -> Iterator[tuple[Any, Process | Literal["restarting"] | None]]:
    """Yield whom *process* has directly below itself: with the id, if it is a supervisor's child, else None."""
    for row in children_of(process):
        yield row.id, row.child
    for pid in _below(process):
        yield None, resolve(pid)


def is_supervised(process: Process) -> bool:
    """Whether *process* runs as a child of a supervisor, or is what an application has started."""
    parent = process.parent or process.leader
    if parent is None or parent.exit_reason is not None:
        return False
    return has_child(parent, process) if getattr(parent.actor, "supervises", False) else process in _below(parent)


def _below(process: Process) -> tuple[Pid, ...]:
    """Return whom a process that is no supervisor has below it."""
    actor, state = process.actor, process.state
    return tuple(actor._below(state)) if isinstance(actor, Behaviour) and state is not None else ()  # noqa: SLF001 - the hook of its own behaviour


def _node(process: Process, ident: Any) -> Node:
    info = process_info(process)
    if info is None:
        return Node(ident, None, process.display_name, "", "stopped", 0, None)
    return Node(
        id=ident,
        pid=process,
        name=process.display_name,
        behaviour=type(process.actor).__qualname__,
        status=info.status,
        message_queue_len=info.message_queue_len,
        vsn=info.vsn,
        children=tuple(_child(child_id, child) for child_id, child in below(process)),
    )


def _child(ident: Any, child: Process | Literal["restarting"] | None) -> Node:
    if isinstance(child, Process):
        return _node(child, ident)
    return Node(ident, None, "", "", child or "stopped", 0, None)


def _plain(node: Node) -> dict[str, Any]:
    return {
        "id": node.id if isinstance(node.id, str | int | None) else repr(node.id),
        "pid": node.pid.id if node.pid is not None else None,
        "name": node.name,
        "behaviour": node.behaviour,
        "status": node.status,
        "message_queue_len": node.message_queue_len,
        "vsn": node.vsn,
        "children": [_plain(child) for child in node.children],
    }
