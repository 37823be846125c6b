"""The command line: which measures, how large, and where the results go. A bad argument gives one clear line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, final

from benchmarks.catalog import MEASURES, named
from benchmarks.machine import look
from benchmarks.results import Results, as_json, as_markdown, as_text, outcome_text
from benchmarks.runner import Settings, run
from benchmarks.values import Measure, Outcome

LATEST: Final = Path(__file__).parent / "results" / "latest.json"

BAD_ARGUMENTS: Final = 2
FAILED: Final = 1
INTERRUPTED: Final = 130


@final
class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_ARGUMENTS, f"benchmarks: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks. Returns the exit code: 0, 1 where an installed contestant failed, 2 for bad arguments."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(_listing())
        return 0
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    try:
        results = _run(_chosen(options), Settings(smoke=options.smoke, repeats=options.repeat))
    except KeyboardInterrupt:
        return INTERRUPTED
    _write(results, options)
    for failure in results.failures:
        print(f"benchmarks: failed: {failure}", file=sys.stderr)
    return FAILED if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m benchmarks", description="otpy's figures beside those of its peers.")
    add = parser.add_argument
    add("--list", action="store_true", help="list the measures and who takes part, and end")
    add("--only", action="append", metavar="NAME", type=_measure, help="run this measure; may be given several times")
    add("--all", action="store_true", help="run the heavy measures too")
    add("--smoke", action="store_true", help="run everything in tiny sizes, once: does it work at all?")
    add("--repeat", type=_positive, metavar="N", help="rounds, instead of each measure's own number")
    add("--cpu", type=_processor, metavar="N", help="keep every contestant on this one processor")
    add("--json", type=_target, metavar="FILE", help=f"write all figures there (a full run: {LATEST.name} by default)")
    add("--record", type=_target, metavar="FILE", help="write a page of Markdown there")
    return parser


def _measure(name: str) -> Measure:
    try:
        return named(name)
    except KeyError:
        known = ", ".join(measure.name for measure in MEASURES)
        raise argparse.ArgumentTypeError(f"there is no measure {name!r}; there are {known}") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _processor(text: str) -> int:
    if not hasattr(os, "sched_setaffinity"):
        raise argparse.ArgumentTypeError("this system cannot keep a process on one processor")
    usable = sorted(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) not in usable:
        raise argparse.ArgumentTypeError(f"{text!r} is none of the usable processors {', '.join(map(str, usable))}")
    return int(text)


def _target(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {text}: {'a folder' if path.is_dir() else 'no such folder'}")
    return path


def _chosen(options: Any) -> list[Measure]:
    """The measures to run, in the order of the catalogue."""
    named_ones: list[Measure] | None = options.only
    if named_ones:
        return [measure for measure in MEASURES if measure in named_ones]
    return [measure for measure in MEASURES if options.all or not measure.heavy]


def _run(measures: list[Measure], settings: Settings) -> Results:
    """Run the measures one after the other, showing each one's table as soon as it is there."""
    machine = look({name for measure in measures for name in measure.entrants})
    print(f"{machine}\n", flush=True)
    outcomes: list[Outcome] = []
    for measure in measures:
        outcome = run(measure, settings, _progress)
        _progress("")
        print(outcome_text(outcome), flush=True)
        outcomes.append(outcome)
    return Results(machine, tuple(outcomes), settings.smoke)


def _progress(line: str) -> None:
    """Show what runs now, in place, where a person looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _write(results: Results, options: Any) -> None:
    print(as_text(results))
    if target := options.json or (None if results.smoke or options.only else _latest()):
        target.write_text(as_json(results), encoding="utf-8")
    if options.record:
        options.record.write_text(as_markdown(results), encoding="utf-8")


def _latest() -> Path:
    LATEST.parent.mkdir(exist_ok=True)
    return LATEST


def _listing() -> str:
    lines: list[str] = []
    width = max(len(measure.name) for measure in MEASURES) + 1
    for measure in MEASURES:
        heavy = " [only with --all or --only]" if measure.heavy else ""
        lines.append(f"{measure.name:{width}}{measure.title}, {measure.unit}{heavy}")
        lines.append(f"{'':{width}}{measure.what}")
        lines.append(f"{'':{width}}{', '.join(measure.entrants)}; {measure.steady}")
    return "\n".join(lines)
