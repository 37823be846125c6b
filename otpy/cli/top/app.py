"""The screen of `otpy top`: processes, tree, message queues and upgrades, each under a tab."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import msgspec
from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Footer, Input, Static, TabbedContent, TabPane

from otpy.cli.exits import CommandError
from otpy.cli.show import Record, changes
from otpy.cli.top.branches import Branches
from otpy.cli.top.detail import detail_text
from otpy.cli.top.link import Closed, Link, News, Wants
from otpy.cli.top.listing import Listing
from otpy.cli.top.model import COLUMNS, QUEUES, Column, Line, Processes, largest_first
from otpy.kernel.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.app import ComposeResult
    from textual.widget import Widget

    from otpy.cli.rows import Child, Details

_LOOK_SECONDS: Final = 0.2
_SHORTEST: Final = 0.25
_LONGEST: Final = 60.0
_SILENT_SECONDS: Final = 3.0
"""After so long beyond the interval, a node that says nothing is said to be silent."""

_UPGRADE_STYLES: Final[dict[str, str]] = {
    "completed": "green",
    "permanent": "green",
    "committed": "green",
    "failed": "red",
}

UPGRADES: Final[tuple[Column[Record], ...]] = (
    Column("Id", 5, lambda record: int(record.id), number=True),
    Column("When", 19, lambda record: record.started_at[:19].replace("T", " ")),
    Column(
        "Status", 11, lambda record: record.status, style=lambda record: _UPGRADE_STYLES.get(record.status, "yellow")
    ),
    Column("Modules", 20, lambda record: ", ".join(changes(record)), wide=True),
    Column("Processes", 9, lambda record: record.processes, number=True, rank=2),
    Column("Error", 12, lambda record: (record.error or "").partition("\n")[0], rank=1, wide=True),
)


@final
class Came(Message):
    """Something to do that another thread brings."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self.do = do


@final
class Top(App[None]):
    """The app. It shows the node behind the socket *path*, and looks every *interval* seconds."""

    TITLE = "otpy top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #status { height: 1; padding: 0 1; background: $surface; }
    #filter { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
    #filter.shown { display: block; }
    #details { display: none; height: 40%; border-top: solid $primary; padding: 0 1; }
    #details.shown { display: block; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "tab('processes')", "Processes", show=False),
        Binding("2", "tab('tree')", "Tree", show=False),
        Binding("3", "tab('queues')", "Queues", show=False),
        Binding("4", "tab('upgrades')", "Upgrades", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("v", "state", "State"),
        Binding("p", "pause", "Pause"),
        Binding("plus,equals_sign", "slower", "Slower", show=False),
        Binding("minus", "faster", "Faster", show=False),
        Binding("f5", "refresh", "Refresh", show=False),
        Binding("escape", "close", "Close", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, path: Path, name: str, *, interval: float = 1.0, by: Column[Line] = COLUMNS[0], containing: str = ""
    ) -> None:
        super().__init__()
        self.link = Link(path, self, interval)
        self._node = name
        self._by = by
        self._descending = largest_first(by)
        self._containing = containing
        self._processes = Processes()
        self._wanted = Wants()
        self._done = threading.Event()
        self._lost: str | None = None
        self._heard = SystemClock.now()
        self._detailed: int | None = None
        self._state: Details | str | None = None

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Static(id="status")
        with TabbedContent(initial="processes"):
            with TabPane("Processes", id="processes"):
                yield Listing(COLUMNS, key=_pid, empty="no process", id="processes-list")
            with TabPane("Tree", id="tree"):
                yield Branches(id="branches")
            with TabPane("Queues", id="queues"):
                yield Listing(QUEUES, key=_pid, empty="no message waits", id="queues-list")
            with TabPane("Upgrades", id="upgrades"):
                yield Listing(UPGRADES, key=_record_id, empty="no upgrade so far", id="upgrades-list")
        with VerticalScroll(id="details"):
            yield Static(id="detail")
        yield Input(self._containing, placeholder="only processes that contain …", id="filter", compact=True)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to ask."""
        self.query_one("#processes-list").focus()
        self.set_interval(1.0, self._show_status)
        self._show_status()
        self.link.start()

    def on_unmount(self) -> None:
        """Ask no more."""
        self.link.stop()

    # -- what the link is told and tells: see link.Screen

    def wants(self) -> Wants:
        """Return what is visible."""
        return self._wanted

    def connected(self) -> None:
        """Begin anew."""
        self._in_app(self._connected)

    def lost(self, why: str) -> None:
        """Say that the node is gone; what it told last stays to be read."""
        self._in_app(partial(self._show_lost, why))

    def took(self, news: News) -> None:
        """Show what came."""
        self._in_app(partial(self._took, news))

    def _in_app(self, do: Callable[[], None]) -> None:
        """Have *do* called on the thread of the app, and wait for it: nothing piles up. Raises Closed if it closes."""
        self._done.clear()
        try:
            posted = self.post_message(Came(do))
        except RuntimeError as error:  # its event loop has ended
            raise Closed from error
        if not posted:
            raise Closed
        while not self._done.wait(_LOOK_SECONDS):
            if not self.is_running:
                raise Closed

    def on_came(self, message: Came) -> None:
        """Do what the link, or another thread, has to say."""
        with contextlib.suppress(NoMatches):  # the app closes, and the widgets have gone before it
            message.do()
            self._wanted = self._wants()
        self._done.set()

    def _wants(self) -> Wants:
        return Wants(
            levels=self._branches.wanted() if self._tab == "tree" else (),
            details=self._detailed if self._state is None else None,
            history=self._tab == "upgrades",
        )

    def _connected(self) -> None:
        """Forget what was known: the numbers of processes are of another life of the node now."""
        self._processes = Processes()
        self._lost = None
        self._close_details()

    def _show_lost(self, why: str) -> None:
        self._lost = why
        self._show_status()

    def _took(self, news: News) -> None:
        self._heard = SystemClock.now()
        self._processes.take(news.batch)
        if news.levels is not None:
            self._branches.show(news.levels)
        if news.history is not None:
            records = msgspec.convert(news.history, list[Record])
            self._listing("upgrades").show(records[::-1])
        if news.details is not None and self._state is None:
            self._show_details(news.details)
        self._show_lines()
        self._show_status()

    # -- showing

    def _show_lines(self) -> None:
        """Bring the list that is visible up to date; the others are when they become visible."""
        if self._tab == "processes":
            lines = self._processes.lines(by=self._by, descending=self._descending, containing=self._containing)
            self._listing("processes").show(lines, by=self._by, descending=self._descending)
        elif self._tab == "queues":
            self._listing("queues").show(self._processes.queues(containing=self._containing))

    def _show_status(self) -> None:
        self.query_one("#status", Static).update(Text(" · ").join(self._status()))

    def _status(self) -> Iterator[Text]:
        known = self._processes
        yield Text(self._node, style="bold")
        if self._lost is not None:
            yield Text(f"gone, trying again ({self._lost.partition(';')[0]})", style="bold red")
            return
        silent = SystemClock.now() - self._heard
        if silent > self.link.interval + _SILENT_SECONDS and not self.link.paused:
            yield Text(f"the node has said nothing for {silent:.0f} s", style="bold red")
        yield Text(f"{known.count:,} processes")
        yield Text(f"{known.queued:,} messages wait", style="yellow" if known.queued else "")
        yield Text(f"{known.rate:,.0f} reductions/s")
        if known.upgrade is not None:
            yield Text(
                f"upgrade of {', '.join(known.upgrade.modules) or '…'}: {known.upgrade.step}", style="bold green"
            )
        if self._containing:
            yield Text(f"only with {self._containing!r}", style="italic")
        yield Text("paused", style="bold yellow") if self.link.paused else Text(f"every {self.link.interval:g} s")

    def _show_details(self, details: Details | str) -> None:
        self.query_one("#detail", Static).update(detail_text(details))

    # -- what somebody does

    def action_tab(self, tab: str) -> None:
        """Show another tab."""
        self.query_one(TabbedContent).active = tab

    def on_tabbed_content_tab_activated(self) -> None:
        """Bring what is visible now up to date."""
        widget: Widget = self._branches if self._tab == "tree" else self._listing(self._tab)
        if self.focused is not self._filter:
            widget.focus()
        self._show_lines()
        self._ask_now()

    def action_filter(self) -> None:
        """Have a text typed that processes have to contain."""
        self._filter.add_class("shown")
        self._filter.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """List only what contains the text."""
        self._containing = event.value
        self._show_lines()
        self._show_status()

    def on_input_submitted(self) -> None:
        """Go back to the list, with the filter as it is."""
        self._filter.remove_class("shown")
        self._focus_tab()

    def action_close(self) -> None:
        """Close the filter, and drop it; else the details."""
        if self._filter.has_class("shown"):
            self._filter.value = ""
            self.on_input_submitted()
            return
        self._close_details()

    def _close_details(self) -> None:
        self._detailed = self._state = None
        self.query_one("#details").remove_class("shown")

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._sort_by(COLUMNS[(COLUMNS.index(self._by) + 1) % len(COLUMNS)])

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._descending = not self._descending
        self._show_lines()

    def on_listing_header_clicked(self, event: Listing.HeaderClicked) -> None:
        """Sort by the column, or the other way round."""
        if event.listing.id != "processes-list":
            return
        if event.column is self._by:
            self.action_reverse()
        else:
            self._sort_by(event.column)

    def _sort_by(self, column: Column[Line]) -> None:
        """Sort by *column*, numbers with the largest first."""
        self._by, self._descending = column, largest_first(column)
        self._show_lines()

    def on_listing_selected(self, event: Listing.Selected) -> None:
        """Have the details follow the selection."""
        if self._detailed is not None and event.listing.id != "upgrades-list" and event.item is not None:
            self._detail(event.item.row.pid)

    def on_listing_opened(self, event: Listing.Opened) -> None:
        """Show the details of a process, or close them."""
        if event.listing.id == "upgrades-list":
            return
        self._open(event.item.row.pid)

    def on_tree_node_highlighted(self, event: Branches.NodeHighlighted[Child | None]) -> None:
        """Have the details follow the selection."""
        if self._detailed is not None and event.node.data is not None and event.node.data.pid is not None:
            self._detail(event.node.data.pid)

    def on_tree_node_selected(self, event: Branches.NodeSelected[Child | None]) -> None:
        """Show the details of a process in the tree."""
        if event.node.data is not None and event.node.data.pid is not None and not event.node.allow_expand:
            self._open(event.node.data.pid)

    def on_tree_node_expanded(self) -> None:
        """Ask what is below."""
        self._ask_now()

    def _open(self, pid: int) -> None:
        if self._detailed == pid:
            self.action_close()
        else:
            self.query_one("#details").add_class("shown")
            self._detail(pid)

    def _detail(self, pid: int) -> None:
        if pid != self._detailed:
            self._detailed, self._state = pid, None
            self._ask_now()

    def action_state(self) -> None:
        """Show the selected process with its state: it is asked for once, and rests while a copy is taken."""
        pid = self._selected_pid()
        if pid is not None:
            self.query_one("#details").add_class("shown")
            self._detailed, self._state = pid, f"taking a copy of the state of process {pid} …"
            self._show_details(self._state)
            threading.Thread(target=self._take_state, args=(pid,), name="otpy-top-state", daemon=True).start()

    def _take_state(self, pid: int) -> None:
        """Ask for the state, on a thread that nobody waits for: the process may be busy."""
        found: Details | str
        try:
            found = self.link.state_of(pid)
        except CommandError as error:
            found = str(error)
        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            self.post_message(Came(partial(self._took_state, pid, found)))

    def _took_state(self, pid: int, found: Details | str) -> None:
        if self._detailed == pid:
            self._state = found
            self._show_details(found)

    def _selected_pid(self) -> int | None:
        if self._tab == "tree":
            node = self._branches.cursor_node
            return None if node is None or node.data is None else node.data.pid
        if self._tab == "upgrades":
            return None
        line = self._listing(self._tab).selected
        return None if line is None else line.row.pid

    def action_pause(self) -> None:
        """Stop asking, or go on."""
        self.link.paused = not self.link.paused
        self._heard = SystemClock.now()
        self._ask_now()
        self._show_status()

    def action_slower(self) -> None:
        """Ask half as often."""
        self._pace(self.link.interval * 2)

    def action_faster(self) -> None:
        """Ask twice as often."""
        self._pace(self.link.interval / 2)

    def _pace(self, interval: float) -> None:
        self.link.interval = max(_SHORTEST, min(interval, _LONGEST))
        self._ask_now()
        self._show_status()

    def action_refresh(self) -> None:
        """Ask now."""
        self._ask_now()

    def _ask_now(self) -> None:
        self._wanted = self._wants()
        self.link.hurry()

    # -- the widgets

    @property
    def _tab(self) -> str:
        return self.query_one(TabbedContent).active

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    @property
    def _branches(self) -> Branches:
        return self.query_one("#branches", Branches)

    def _listing(self, tab: str) -> Listing:
        return self.query_one(f"#{tab}-list", Listing)

    def _focus_tab(self) -> None:
        (self._branches if self._tab == "tree" else self._listing(self._tab)).focus()


def _pid(line: Any) -> object:
    return line.row.pid


def _record_id(record: Record) -> object:
    return record.id
