"""`otpy rpc`: run something in a node, once."""

from __future__ import annotations

import math
import os
import re
import sys
from typing import Annotated, Final

from cyclopts import Parameter

from otpy.cli.client import conversation, find_node
from otpy.cli.exits import FAILED, OK, BadInput
from otpy.cli.frames import Event
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Seconds, Where
from otpy.cli.plain import sendable

What = Annotated[
    str,
    Parameter(
        help="Python, or module:function to call; - reads Python from standard input.",
        show_default=False,
        allow_leading_hyphen=True,
    ),
]
Args = Annotated[
    str,
    Parameter(
        help="Arguments of the function: Python literals (5, [1, 2]); what is none is text.",
        show_default=False,
        allow_leading_hyphen=True,
    ),
]
Timeout = Annotated[Seconds, Parameter(help="End it after so many seconds. [default: never]")]

_FUNCTION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def rpc(what: What, /, *args: Args, timeout: Timeout = None, where: Where = ANY_NODE, output: Output = AS_TEXT) -> int:
    """Evaluate in a process of the node, and print the value, and whatever the code prints."""
    request = {**_source(what, args), "json": output.json, "timeout": _checked(timeout), "client": os.getpid()}
    try:
        with conversation(find_node(where.node, where.run_dir), "rpc", request) as talk:
            while isinstance(answer := talk.next(), Event):
                if answer.name != "accepted":
                    _print(answer, json=output.json)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("what was evaluated has been ended, the node goes on") from None
    return FAILED if answer.value["failed"] else OK


def _source(what: str, args: tuple[str, ...]) -> dict[str, object]:
    if _FUNCTION.fullmatch(what):
        return {"source": what, "args": [sendable(each) for each in args]}
    if what.startswith("--"):
        raise BadInput(f"there is no option {what}; see `otpy rpc --help`")
    if args:
        raise BadInput(f"arguments are for a function, and {what!r} is none: give module:function, or all as one text")
    return {"source": sendable(sys.stdin.read() if what == "-" else what)}


def _checked(timeout: float | None) -> float | None:
    if timeout is not None and not 0 < timeout < math.inf:
        raise BadInput(f"--timeout {timeout:g}; give seconds, more than 0")
    return timeout


def _print(event: Event, *, json: bool) -> None:
    """Print a piece of output. With --json, standard output is for the value alone."""
    stream = sys.stderr if event.name == "err" or (json and event.name == "out") else sys.stdout
    stream.write(event.facts["text"])
    stream.flush()
