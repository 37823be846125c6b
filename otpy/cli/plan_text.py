"""Plans and reports on a terminal: their lines in colours, by what they begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: Final = (
    ("+ ", "green"),
    ("- ", "red"),
    ("-/+ ", "magenta"),
    ("~ ", "yellow"),
    ("! ", "bold red"),
    ("refused: ", "bold red"),
    ("warning: ", "yellow"),
    ("risk high", "bold red"),
    ("risk medium", "yellow"),
    ("risk ", "dim"),
    ("Plan: ", "bold"),
)


def print_plan(out: Console, text: str) -> None:
    """Print the *text* of a plan."""
    for line in text.splitlines():
        out.print(Text(line, style=style_of(line)), soft_wrap=True)


def style_of(line: str) -> str:
    """Return the style of a line of a plan, as rich names it."""
    told = line.lstrip()
    return next((style for start, style in _STYLES if told.startswith(start)), "")
