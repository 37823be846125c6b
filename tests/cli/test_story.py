"""The demo's story: each chapter as a stranger reads it, on a terminal, without colours and in a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from otpy.cli.crew import Tally
from otpy.cli.demo import Chapter, Check, Finished, Refused, Started, Upgraded
from otpy.cli.show import seconds
from otpy.cli.story import print_chapter
from otpy.upgrade import Step, UpgradeReport

REPORT = UpgradeReport(
    status="completed",
    reloaded_modules=("counter",),
    migrated=1,
    steps=(Step("swap", 0.0012),),
    paused_s={"p50": 0.001, "p99": 0.002, "max": 0.003},
    reload_time_s=0.01,
    version={"counter": "2"},
)
CHAPTERS: list[Chapter] = [
    Started("counter", "A counter", "v1", "keeps one total", "Root\n└── counter", 5),
    Upgraded("v1", "v2", "keeps [more]", REPORT, "busiest client: ann"),
    Refused("v2", "v3", "shows three digits", "MigrationFailed", "it stands at 1200", REPORT),
    Finished(
        "v2",
        "Root\n└── counter",
        [Tally("ann", 10, 2, 0.5), Tally("bob", 20, 3, 0.00001)],
        {"ann": 10, "bob": 19},
        [Check("first rule", holds=True, found="1 of 1"), Check("second rule", holds=False, found="lost 1")],
    ),
]


@pytest.fixture
def told() -> Callable[..., str]:
    """Give a function that prints all chapters and returns what was printed."""

    def tell(*, terminal: bool) -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=100, markup=False, highlight=False)
        for chapter in CHAPTERS:
            print_chapter(console, chapter)
        return out.getvalue()

    return tell


def test_the_story_has_all_the_facts(told: Callable[..., str]) -> None:
    """Including those in brackets, which rich would take for markup."""
    text = told(terminal=False)
    for fact in (
        "A counter. v1: keeps one total.",
        "└── counter",
        "v1 → v2, live: keeps [more]",
        "completed in 10.0 ms: counter → 2",
        "busiest client: ann",
        "v2 → v3, refused: shows three digits",
        "MigrationFailed: it stands at 1200",
        "ok   first rule: 1 of 1",
        "FAIL second rule: lost 1",
        "1 of 2 checks do not hold.",
    ):
        assert fact in text
    rows = [line.split() for line in text.splitlines() if line.startswith(("  ann", "  bob"))]
    assert rows == [["ann", "10", "10", "2", "500.0", "ms"], ["bob", "20", "19", "3", "10", "µs"]]


def test_a_pipe_gets_no_control_codes_and_no_color_no_colours(
    told: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets both, so the other two mean something."""
    green, red = "\x1b[32m", "\x1b[1;31m"
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert green in told(terminal=True)
    assert red in told(terminal=True)
    assert "\x1b" not in told(terminal=False)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = told(terminal=True)
    assert green not in plain
    assert red not in plain


@pytest.mark.parametrize(
    ("value", "text"), [(2.0, "2.00 s"), (0.25, "250.0 ms"), (0.001, "1.0 ms"), (0.0005, "500 µs")]
)
def test_times_are_in_the_unit_that_is_easy_to_read(value: float, text: str) -> None:
    """From microseconds to seconds."""
    assert seconds(value) == text
