"""The news: everybody who has subscribed is told. A process on the event loop, as its subscribers are."""

from __future__ import annotations

from typing import Any, TypeAlias

import otpy
from otpy import Down, NoReply, Ok, Pid, Ref
from web_counter.messages import Counted, Subscribe

__vsn__ = "1"

Subscribers: TypeAlias = dict[Ref, Pid]


class News(otpy.GenServer[Subscribers]):
    """Sends what it is told to all subscribers, and forgets those that end."""

    runs_on = "asyncio"

    async def init(self, arg: object) -> Ok[Subscribers]:
        """Begin with nobody."""
        return Ok({})

    async def handle_cast(self, request: Any, state: Subscribers) -> NoReply[Subscribers]:
        """Take a subscriber, or tell all."""
        match request:
            case Subscribe(pid):
                state[otpy.monitor(pid)] = pid
            case Counted():
                for pid in state.values():
                    otpy.send(pid, request)
            case _:
                raise ValueError(f"the news take Subscribe and Counted, not {request!r}")
        return NoReply(state)

    async def handle_info(self, message: Any, state: Subscribers) -> NoReply[Subscribers]:
        """Forget a subscriber that has ended: its browser has gone."""
        if isinstance(message, Down):
            state.pop(message.ref, None)
        return NoReply(state)
