"""Start, restart, idling and fairness of otpylib's servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from benchmarks.entries.otpylib.servers import Called, Counter, Handled, ignore, inside, no_call, no_cleanup, rate
from benchmarks.entries.shape import (
    HOGS,
    LIMIT,
    PAUSE,
    RESTARTS,
    answers,
    burn,
    idle,
    resident,
    restarts,
    warm_up,
)
from benchmarks.peers import otpylib_api as otp
from benchmarks.peers.otpylib_api import DYNAMIC_SUPERVISOR, GEN_SERVER, SUPERVISOR, NoReply, OTPModule, Pid, Reply
from benchmarks.values import Contest, Figure


class Dynamic(metaclass=OTPModule, behavior=DYNAMIC_SUPERVISOR, version="1.0.0"):
    """A supervisor of children that are started on request."""

    async def init(self, _arg: object) -> tuple[list[otp.DynamicChildSpec], otp.DynamicOptions]:
        """No children yet."""
        return ([], otp.DynamicOptions())

    terminate = no_cleanup


def spawn(size: int) -> Figure:
    """Children of a dynamic supervisor."""

    async def main() -> Figure:
        supervisor = await otp.start_dynamic_supervisor(Dynamic)
        numbers = count()

        async def start(count: int) -> None:
            for _ in range(count):
                spec = otp.DynamicChildSpec(id=str(next(numbers)), module=Counter, args=0)
                await otp.start_child(supervisor, spec)

        return await rate(start, size)

    return inside(main)


def memory(size: int) -> Figure:
    """Idle servers."""

    async def main() -> Figure:
        before = resident()
        pids = [await otp.start(Counter, index) for index in range(size)]
        return idle(len(pids), before)

    return inside(main)


class Child(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Announces that it lives, and crashes on demand."""

    async def init(self, arg: Pid) -> Pid:
        """Announce."""
        await otp.send(arg, "up")
        return arg

    async def handle_call(self, request: object, _from: object, state: Pid) -> Called:
        """Answer."""
        return (Reply(request), state)

    async def handle_cast(self, request: str, _state: Pid) -> Handled:
        """Crash."""
        raise RuntimeError(request)

    handle_info = ignore
    terminate = no_cleanup


class Static(metaclass=OTPModule, behavior=SUPERVISOR, version="1.0.0"):
    """A supervisor of one named child."""

    async def init(self, arg: Pid) -> tuple[list[otp.ChildSpec], otp.Options]:
        """The child, which may crash as often as it likes."""
        child = otp.ChildSpec(id="child", module=Child, args=arg, name="child")
        return ([child], otp.Options(max_restarts=RESTARTS, max_seconds=1))

    terminate = no_cleanup


def restart(size: int) -> Figure:
    """A crash, the announcement of the next child, and its answer under the same name."""

    async def main() -> Figure:
        # Announcements go to a process of its own: a start or a call takes the next message for its own.
        ups: asyncio.Queue[Any] = asyncio.Queue()

        async def relay() -> None:
            while True:
                ups.put_nowait(await otp.receive())

        await otp.start_supervisor(Static, await otp.spawn(relay))
        await ups.get()

        async def once() -> float:
            begun = time.perf_counter()
            await otp.cast("child", "crash")
            await ups.get()
            await otp.call("child", "ping", LIMIT)
            return time.perf_counter() - begun

        for _ in range(warm_up(size)):
            await once()
        return restarts([await once() for _ in range(size)])

    return inside(main)


class Hog(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Burns CPU and tells itself to go on."""

    async def init(self, arg: object) -> object:
        """Nothing to hold."""
        return arg

    async def handle_cast(self, request: object, state: object) -> Handled:
        """Burn. Without the sleep its mailbox would never be empty, and nobody else would ever have a turn."""
        burn()
        await asyncio.sleep(0)
        await otp.cast(otp.self_pid(), request)
        return (NoReply(), state)

    handle_call = no_call
    handle_info = ignore
    terminate = no_cleanup


def fairness(size: int) -> Figure:
    """A process that calls a server while the hogs burn."""

    async def main() -> Figure:
        await otp.start(Counter, 0, name="echo")
        for _ in range(HOGS):
            await otp.cast(await otp.start(Hog), "burn")
        seconds: list[float] = []
        end = time.perf_counter() + size / 1e3
        while (begun := time.perf_counter()) < end:
            await otp.call("echo", "get")
            seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE)
        return answers(seconds)

    return inside(main)


CONTESTS: Final[Mapping[str, Contest]] = {
    "spawn": spawn,
    "memory": memory,
    "restart": restart,
    "fairness": fairness,
}
