"""`otpy plan`: what an upgrade would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from otpy.cli.change import asked
from otpy.cli.exits import FAILED, OK, BadInput
from otpy.cli.given import File, Release, Target, To, what
from otpy.cli.options import ANY_NODE, AS_TEXT, AS_USUAL, How, Output, Where
from otpy.cli.plan_text import print_plan
from otpy.cli.show import console, say_json

Out = Annotated[Path | None, Parameter(help="Write the plan to this file, for `otpy upgrade --plan`.")]


def plan(
    target: Target = None,
    file: File = None,
    /,
    *,
    to: To = None,
    release: Release = None,
    out: Out = None,
    how: How = AS_USUAL,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Ask the node, and print what it says; the exit code tells whether it would be refused."""
    answer = asked(where, output, "plan", {"what": what(target, file, to, release), "how": asdict(how)})
    if out is not None:
        _write(out, answer["plan"])
    if output.json:
        say_json(json.loads(answer["plan"]))
    else:
        print_plan(console(), answer["text"])
    return FAILED if answer["refused"] else OK


def _write(file: Path, plan: str) -> None:
    try:
        file.write_text(plan, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error.strerror}") from error
