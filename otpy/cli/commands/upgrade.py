"""`otpy upgrade`: new code for a node that runs."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from otpy.cli.change import change
from otpy.cli.exits import BadInput
from otpy.cli.given import File, Release, Target, To, what
from otpy.cli.options import ANY_NODE, AS_TEXT, AS_USUAL, Flag, How, Output, Where, whole

PlanFile = Annotated[
    Path | None, Parameter(help="Carry out this plan, as `otpy plan --out` wrote it.", show_default=False)
]
Watch = Annotated[
    float | None,
    Parameter(
        help="Watch the upgraded processes for so many seconds, and go back if they do badly.", show_default=False
    ),
]
MaxCrashes = Annotated[
    int | None,
    Parameter(help="Crashes that are allowed while it is watched. [default: 3]", show_default=False, converter=whole),
]
DryRun = Annotated[Flag, Parameter(help="Stop before anybody is paused, and report.")]
Permanent = Annotated[Flag, Parameter(help="Have a restarted node run it too.")]


def upgrade(
    target: Target = None,
    file: File = None,
    /,
    *,
    to: To = None,
    release: Release = None,
    plan: PlanFile = None,
    watch: Watch = None,
    max_crashes: MaxCrashes = None,
    dry_run: DryRun = False,
    permanent: Permanent = False,
    how: How = AS_USUAL,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Read what is given and hand it to the node."""
    args: dict[str, Any] = {
        "how": asdict(how),
        "watch": watch,
        "max_crashes": max_crashes,
        "dry_run": dry_run,
        "permanent": permanent,
    }
    if max_crashes is not None and watch is None:
        raise BadInput("--max-crashes says what is allowed while it is watched; give --watch SECONDS too")
    if watch is not None and not 0 < watch < math.inf:
        raise BadInput(f"--watch {watch:g}; give seconds, more than 0")
    if max_crashes is not None and max_crashes < 0:
        raise BadInput(f"--max-crashes {max_crashes}; give a whole number, 0 or more")
    if dry_run and permanent:
        raise BadInput("--dry-run brings nothing that could be permanent; leave one of the two out")
    if plan is None:
        args["what"] = what(target, file, to, release, more=" or --plan FILE")
    elif (target, file, to, release) != (None, None, None, None):
        raise BadInput("--plan says what is upgraded; give nothing else to upgrade to")
    elif how != AS_USUAL or watch is not None or dry_run:
        raise BadInput("--plan says how it is done; give it alone, with --permanent or without, or edit the plan")
    else:
        args |= {"plan": _read(plan), "plan_file": str(plan)}
    return change(where, output, "upgrade", args)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is no plan: {error}") from error
