"""The versions of one module that most tests of upgrades use: a counter whose state changes its shape."""

from __future__ import annotations

import textwrap
from typing import Final


def source(text: str) -> str:
    """Return *text* without its common indent."""
    return textwrap.dedent(text)


V1: Final = source("""
    import otpy

    __vsn__ = "1"

    class Counter(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok({"n": arg, "seen": []})

        def handle_call(self, request, from_, state):
            return otpy.Reply(("v1", state["n"]), state)

        def handle_cast(self, request, state):
            state["seen"].append(request)
            return otpy.NoReply({**state, "n": state["n"] + 1})

        def handle_info(self, message, state):
            state["seen"].append(message)
            return otpy.NoReply(state)
""")

V2: Final = source("""
    import otpy
    from otpy import DownTo

    __vsn__ = "2"

    class Counter(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok((arg, []))

        def handle_call(self, request, from_, state):
            if request == "seen":
                return otpy.Reply(list(state[1]), state)
            return otpy.Reply(("v2", state[0]), state)

        def handle_cast(self, request, state):
            state[1].append(request)
            return otpy.NoReply((state[0] + 1, state[1]))

        def handle_info(self, message, state):
            state[1].append(message)
            return otpy.NoReply(state)

        def code_change(self, old_vsn, state, extra):
            match old_vsn:
                case DownTo():
                    return otpy.Ok({"n": state[0], "seen": state[1]})
                case _:
                    return otpy.Ok((state["n"], state["seen"]))
""")

BROKEN: Final = V2.replace(
    'return otpy.Ok((state["n"], state["seen"]))',
    'state["seen"].clear(); state["n"] = -1; raise ValueError("cannot read that")',
)
