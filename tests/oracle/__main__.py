"""`python -m tests.oracle FILE…`: replay recordings on otpy and say where they differ.

Exit code 0: all passed; 1: some did not; 2: a file cannot be read, or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.oracle.recording import BadRecording, Recording, read
from tests.oracle.replay import replay

_TRACES = Path(__file__).parent / "traces"
_FAILED = 1
_UNUSABLE = 2


def main(arguments: list[str] | None = None) -> int:
    """Replay what the command line names; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        recordings = _chosen([recording for path in options.files for recording in read(path)], options.only)
    except BadRecording as error:
        sys.stderr.write(f"error: {error}\n")
        return _UNUSABLE
    failed = sum(not _report(recording, verbose=options.verbose) for recording in recordings)
    _say(f"{len(recordings) - failed} passed, {failed} failed")
    return _FAILED if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracle",
        description="Replay recordings of Erlang/OTP and Elixir on otpy, and print where they first differ.",
        epilog="Exit code: 0 all passed, 1 some failed, 2 a file or an option cannot be used.",
    )
    files = "*.jsonl files, or folders of them; without any, our own recordings"
    parser.add_argument("files", nargs="*", type=Path, default=[_TRACES], metavar="FILE", help=files)
    parser.add_argument("--only", action="append", metavar="NAME", help="play this recording only; may be repeated")
    parser.add_argument("-v", "--verbose", action="store_true", help="also name those that pass, and their times")
    return parser


def _chosen(recordings: list[Recording], only: list[str] | None) -> list[Recording]:
    if only is None:
        return recordings
    unknown = sorted(set(only) - {recording.name for recording in recordings})
    if unknown:
        msg = f"no recording is named {', '.join(unknown)}"
        raise BadRecording(msg)
    return [recording for recording in recordings if recording.name in only]


def _report(recording: Recording, *, verbose: bool) -> bool:
    """Replay *recording*, print what came of it, and return whether it passed."""
    start = time.monotonic()
    found = replay(recording)
    if found is not None:
        _say(f"FAILED {recording.name}: {found}")
    elif verbose:
        _say(f"passed {recording.name} ({time.monotonic() - start:.2f} s)")
    return found is None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
