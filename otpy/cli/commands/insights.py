"""`otpy insights`: what past upgrades teach."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from otpy.cli.client import ask_node
from otpy.cli.exits import OK
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.show import console, say_json

Last = Annotated[str | None, Parameter(help="Only the last 90m, 24h, 7d and so on. [default: all]", show_default=False)]


def insights(*, last: Last = None, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Print rates, errors and their trend, times, modules with problems, and advice."""
    found = ask_node(where.node, where.run_dir, "insights", {"last": last})
    if output.json:
        say_json(found)
        return OK
    from otpy.upgrade.insights import ReloadInsights  # noqa: PLC0415 - with the engine, which few commands need

    console().print(msgspec.convert(found, ReloadInsights))
    return OK
