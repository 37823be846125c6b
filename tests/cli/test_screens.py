"""Streams of the interpreter that are divided among those who print: for the time of it, and no longer."""

from __future__ import annotations

import gc
import io
import sys
import threading

import pytest

from otpy.cli import screens
from otpy.cli.screens import PIECE, Divided, Kept, Screen, shown_on


@pytest.fixture
def told() -> list[tuple[str, str]]:
    """Give what was told."""
    return []


@pytest.fixture
def screen(told: list[tuple[str, str]]) -> Screen:
    """Give a screen."""
    return Screen(lambda kind, text: told.append((kind, text)))


def test_text_goes_at_the_end_of_a_line(screen: Screen, told: list[tuple[str, str]]) -> None:
    """`print` writes a text and its end apart: one frame for both. A flush sends the beginning of a line."""
    screen.write("out", "a")
    screen.write("out", "b")
    assert told == []
    screen.write("out", "\n")
    screen.write("out", "c")
    screen.flush()
    assert told == [("out", "ab\n"), ("out", "c")]


def test_the_order_of_out_and_err_is_kept(screen: Screen, told: list[tuple[str, str]]) -> None:
    """What was printed before an error is read before it."""
    screen.write("out", "before")
    screen.write("err", "error\n")
    assert told == [("out", "before"), ("err", "error\n")]


def test_long_text_goes_in_pieces(screen: Screen, told: list[tuple[str, str]]) -> None:
    """Also without an end of line, so that nothing has to hold all of it."""
    screen.write("out", "x" * (3 * PIECE + 1))
    assert [len(text) for _, text in told] == [PIECE] * 3
    screen.flush()
    assert len(told) == 4


def test_a_closed_screen_shows_nothing(screen: Screen, told: list[tuple[str, str]]) -> None:
    """What was given up may go on for a while, unseen."""
    screen.write("out", "waits")
    screen.close()
    screen.write("out", "late\n")
    screen.flush()
    assert told == []


def test_the_streams_are_put_back_after_the_last(
    screen: Screen, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of the stand-ins closes what was there, not even when they are collected."""
    out, err, typed = io.StringIO(), io.StringIO(), io.StringIO("typed\n")
    for name, stream in (("stdout", out), ("stderr", err), ("stdin", typed)):
        monkeypatch.setattr(sys, name, stream)
    inner, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with shown_on(Screen(lambda kind, text: None)):
            inner.set()
            go_on.wait(10)

    thread = threading.Thread(target=other)
    with shown_on(screen):
        thread.start()
        assert inner.wait(10)
        sys.stdout.write("mine\n")
        sys.stderr.writelines(["mine\n"])
        assert not sys.stdout.isatty()
        sys.stdout.close()
        sys.stdin.close()
        with pytest.raises(EOFError, match="no standard input"):
            sys.stdin.readline()
        with pytest.raises(EOFError, match="no standard input"):
            list(sys.stdin)
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()
        with pytest.raises(TypeError, match="must be str"):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
    assert isinstance(sys.stdout, Divided)
    sys.stdout.write("others\n")
    assert sys.stdin.readline() == "typed\n"
    go_on.set()
    thread.join(10)
    back: list[object] = [sys.stdout, sys.stderr, sys.stdin]
    assert back == [out, err, typed]
    gc.collect()
    assert not typed.closed
    assert out.getvalue() == "others\n"
    assert told == [("out", "mine\n"), ("err", "mine\n")]


def test_what_somebody_else_has_put_there_stays(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever redirects a stream meanwhile, and forgets it, has the last word."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with shown_on(screen):
        mine = io.StringIO()
        sys.stdout = mine
    assert sys.stdout is mine
    assert not isinstance(sys.stdin, Kept)
    assert screens._users == 0
