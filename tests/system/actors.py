"""Actors whose states and messages are objects of other people's packages, as sources of modules."""

from __future__ import annotations

from typing import Final

from tests.system.clients import BOOK
from tests.upgrade.sources import source

CROSSING: Final = (
    source("""
    import otpy
    import transitions

    class Light:
        pass

    def light():
        made = Light()
        made.machine = transitions.Machine(made, states=["red", "green"], initial="red", name="light")
        made.machine.add_transition("change", "red", "green")
        made.machine.add_transition("change", "green", "red")
        return made

    class Crossing(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok({"book": EMPTY, "lights": [light() for _ in range(arg)], "changes": 0})

        def handle_cast(self, request, state):
            client, number, more = request
            lights = [more, *state["lights"][1:]]
            for each in lights:
                each.change()
            book = entered(state["book"], client, number)
            return otpy.NoReply({"book": book, "lights": lights, "changes": state["changes"] + 1})

        def handle_call(self, request, from_, state):
            return otpy.Reply("pong" if request == "ping" else state[request], state)
""")
    + BOOK
)
"""A crossing has lights, which are models of machines; each posting brings a new one and changes all of them."""

LIBRARY: Final = (
    source("""
    import otpy
    import sqlparse

    class Library(otpy.GenServer):
        def init(self, arg):
            return otpy.Ok({"book": EMPTY, "statements": []})

        def handle_cast(self, request, state):
            client, number, text = request
            statements = [*state["statements"], sqlparse.parse(text)[0]][-50:]
            return otpy.NoReply({"book": entered(state["book"], client, number), "statements": statements})

        def handle_call(self, request, from_, state):
            return otpy.Reply("pong" if request == "ping" else state[request], state)
""")
    + BOOK
)
"""A library keeps the last fifty statements that it was sent, parsed."""

PARSES_AGAIN: Final = LIBRARY.replace(
    "class Library(otpy.GenServer):\n",
    "class Library(otpy.GenServer):\n"
    "    def code_change(self, old_vsn, state, extra=None):\n"
    '        statements = [sqlparse.parse(str(statement))[0] for statement in state["statements"]]\n'
    '        return otpy.Ok({**state, "statements": statements})\n\n',
)
"""The same, which knows how its statements come into a new release: it has them parsed anew."""
