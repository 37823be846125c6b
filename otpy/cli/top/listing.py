"""A list of any length, of which only the visible lines are drawn.

It is told which items there are, in order, as often as wanted; that costs no more than finding the selected one again.
The selection stays with its item when others come, go or change places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from otpy.cli.top.model import Column, fitted

if TYPE_CHECKING:
    from textual import events

_HEADER = 1


class Listing(ScrollView, can_focus=True):
    """The widget. Its messages are `Selected`, `Opened` and `HeaderClicked`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"listing--header", "listing--sorted", "listing--cursor", "listing--empty"}
    DEFAULT_CSS = """
    Listing { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    Listing > .listing--header { background: $panel; color: $foreground; text-style: bold; }
    Listing > .listing--sorted { background: $panel; color: $accent; text-style: bold; }
    Listing > .listing--cursor { background: $primary; color: $text; }
    Listing > .listing--empty { color: $foreground-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter", "open", "Details"),
    ]

    @final
    class Selected(Message):
        """Another item is selected; None if there is none."""

        def __init__(self, listing: Listing, item: Any) -> None:
            super().__init__()
            self.listing = listing
            self.item = item

    @final
    class Opened(Message):
        """Somebody wants to see more of the selected item."""

        def __init__(self, listing: Listing, item: Any) -> None:
            super().__init__()
            self.listing = listing
            self.item = item

    @final
    class HeaderClicked(Message):
        """Somebody wants the items sorted by a column."""

        def __init__(self, listing: Listing, column: Column[Any]) -> None:
            super().__init__()
            self.listing = listing
            self.column = column

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        key: Callable[[Any], object],
        empty: str,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """*key* tells one item from another, *empty* is shown where there are none."""
        super().__init__(id=id)
        self._columns = columns
        self._key = key
        self._empty = empty
        self._items: Sequence[Any] = ()
        self._cursor = 0
        self._sorted: tuple[Column[Any], bool] | None = None
        self.drawn = 0
        """How many lines were drawn so far."""

    # -- what is shown

    @property
    def selected(self) -> Any:
        """The selected item; None if there is none."""
        return self._items[self._cursor] if self._items else None

    def show(self, items: Sequence[Any], *, by: Column[Any] | None = None, descending: bool = False) -> None:
        """Show *items*, which are sorted *by* a column."""
        before = self.selected
        self._items = items
        self._sorted = None if by is None else (by, descending)
        self._cursor = self._place_of(before)
        self.virtual_size = Size(self.size.width, len(items) + _HEADER)
        self.refresh()
        if before is None or self.selected is None or self._key(before) != self._key(self.selected):
            self.post_message(self.Selected(self, self.selected))

    def _place_of(self, item: object) -> int:
        """Return where *item* is now; if it is gone, the place where it was."""
        if item is not None:
            key, same = self._key, self._key(item)
            for place, other in enumerate(self._items):
                if key(other) == same:
                    return place
        return max(min(self._cursor, len(self._items) - 1), 0)

    def render_line(self, y: int) -> Strip:
        """Draw the line at *y* of what is visible."""
        self.drawn += 1
        width = self.scrollable_content_region.width
        if y < _HEADER:
            return self._header(width)
        place = y - _HEADER + self.scroll_offset.y
        if place < len(self._items):
            return self._line(self._items[place], width, selected=place == self._cursor)
        text = f" {self._empty}" if y == _HEADER and not self._items else ""
        return Strip([Segment(set_cell_size(text, width), self.get_component_rich_style("listing--empty"))], width)

    def _header(self, width: int) -> Strip:
        plain = self.get_component_rich_style("listing--header")
        by, descending = self._sorted or (None, False)
        segments: list[Segment] = []
        for column, room in fitted(self._columns, width):
            title = f"{column.title}{'▼' if descending else '▲'}" if column is by else column.title
            style = self.get_component_rich_style("listing--sorted") if column is by else plain
            segments += [Segment(_cell(title, room, number=column.number), style), Segment(" ", plain)]
        return Strip(segments).adjust_cell_length(width, plain)

    def _line(self, item: object, width: int, *, selected: bool) -> Strip:
        base = self.get_component_rich_style("listing--cursor") if selected else self.rich_style
        segments: list[Segment] = []
        for column, room in fitted(self._columns, width):
            style = base
            if column.style is not None and not selected:
                style += Style.parse(column.style(item))
            segments += [Segment(_cell(column.shown(item), room, number=column.number), style), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(width, base)

    # -- moving

    def action_move(self, by: int) -> None:
        """Select the item *by* places further."""
        self._select(self._cursor + by)

    def action_page(self, direction: int) -> None:
        """Select what is one page further."""
        self._select(self._cursor + direction * max(self._visible() - 1, 1))

    def action_first(self) -> None:
        """Select the first item."""
        self._select(0)

    def action_last(self) -> None:
        """Select the last item."""
        self._select(len(self._items) - 1)

    def action_open(self) -> None:
        """Ask for more of the selected item."""
        if self._items:
            self.post_message(self.Opened(self, self.selected))

    def on_click(self, event: events.Click) -> None:
        """Select the item, or the column, under the mouse."""
        if event.y < _HEADER:
            column = self._column_at(event.x)
            if column is not None:
                self.post_message(self.HeaderClicked(self, column))
            return
        place = event.y - _HEADER + self.scroll_offset.y
        if place >= len(self._items):
            return
        again = place == self._cursor
        self._select(place)
        if again:
            self.action_open()

    def on_resize(self) -> None:
        """Fit into the new size."""
        self.virtual_size = Size(self.size.width, len(self._items) + _HEADER)

    def _visible(self) -> int:
        return max(self.scrollable_content_region.height - _HEADER, 1)

    def _select(self, place: int) -> None:
        place = max(min(place, len(self._items) - 1), 0)
        if place == self._cursor or not self._items:
            return
        self._cursor = place
        top = self.scroll_offset.y
        if place < top:
            self.scroll_to(y=place, animate=False)
        elif place >= top + self._visible():
            self.scroll_to(y=place - self._visible() + 1, animate=False)
        self.refresh()
        self.post_message(self.Selected(self, self.selected))

    def _column_at(self, x: int) -> Column[Any] | None:
        start = 0
        for column, room in fitted(self._columns, self.scrollable_content_region.width):
            if start <= x < start + room:
                return column
            start += room + 1
        return None


def _cell(text: str, room: int, *, number: bool) -> str:
    """Return *text* in exactly *room* places; what is too long ends with an ellipsis."""
    text = text.replace("\n", " ")
    length = cell_len(text)
    if length > room:
        return f"{set_cell_size(text, room - 1)}…"
    return " " * (room - length) + text if number else text + " " * (room - length)
