"""The supervision tree, of which only what is unfolded is asked for and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from rich.text import Text
from textual.widgets import Tree

from otpy.cli.rows import Child, Level
from otpy.cli.top.model import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widgets.tree import TreeNode

Branch: TypeAlias = "TreeNode[Child | None]"

_ROOTS = 0


@final
class Branches(Tree[Child | None]):
    """The widget. `wanted` says whose children are visible, `show` is told them."""

    DEFAULT_CSS = """
    Branches { height: 1fr; background: transparent; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__("processes", id=id)
        self.show_root = False
        self.guide_depth = 3
        self.root.expand()

    def wanted(self) -> list[int]:
        """Return the processes whose children are to be seen, by their numbers; 0 is what is above the roots."""
        return [_ROOTS, *(node.data.pid for node in _unfolded(self.root) if node.data and node.data.pid is not None)]

    def show(self, levels: Iterable[Level]) -> None:
        """Show what is below those that are unfolded, as it is now."""
        found = {level.pid: level for level in levels}
        if _ROOTS in found:
            self._level(self.root, found[_ROOTS], found)

    def _level(self, above: Branch, level: Level, found: dict[int, Level]) -> None:
        """Bring the nodes below *above* to what *level* says, and what is unfolded below them likewise."""
        told: list[Child | None] = [*level.children]
        if level.count > len(level.children):
            told.append(None)  # the line that says how many more there are
        if [_same(node.data) for node in above.children] != [_same(child) for child in told]:
            self._replace(above, told)
        for node, child in zip(above.children, told, strict=True):
            label = _label(child) if child is not None else _more(level)
            if node.label != label:
                node.set_label(label)
            node.data = child
            node.allow_expand = child is not None and child.children > 0
            if child is not None and child.pid in found and node.is_expanded:
                self._level(node, found[child.pid], found)

    def _replace(self, above: Branch, told: list[Child | None]) -> None:
        """Put nodes for *told* below *above*; those that were unfolded are again."""
        unfolded = {_same(node.data) for node in above.children if node.is_expanded}
        above.remove_children()
        for child in told:
            node = above.add("", child, allow_expand=child is not None and child.children > 0)
            if _same(child) in unfolded:
                node.expand()


def _unfolded(node: Branch) -> Iterable[Branch]:
    for child in node.children:
        if child.is_expanded:
            yield child
            yield from _unfolded(child)


def _same(child: Child | None) -> tuple[str, int | None] | None:
    return None if child is None else (child.id, child.pid)


def _label(child: Child) -> Text:
    label = Text().append(f"{_flat(child.id)}: " if child.id else "", style="dim")
    if child.pid is None:
        return label.append(child.status, style="yellow")
    label.append(_flat(child.name), style="bold").append(f" <{child.pid}> {child.behaviour}", style="dim")
    if child.vsn:
        label.append(f" v{child.vsn}", style="dim")
    if child.status != "idle":
        label.append(f" {child.status}", style="green" if child.status.startswith("run") else "yellow")
    if child.queue:
        label.append(f" {child.queue:,} queued", style="yellow")
    if child.children:
        label.append(f" ({child.children:,})", style="dim")
    return label


def _flat(name: str) -> str:
    return printable(name).replace("\n", " ")


def _more(level: Level) -> Text:
    return Text(f"… and {level.count - len(level.children):,} more; see the list of processes", style="dim")
