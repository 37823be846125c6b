"""What the measures on otpylib share: a process to run one from inside, a server that counts, idle callbacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.entries.shape import per_second, warm_up
from benchmarks.peers import otpylib_api as otp
from benchmarks.peers.otpylib_api import GEN_SERVER, NoReply, OTPModule, Reply
from benchmarks.values import Figure

Called = tuple[Reply, Any]
Handled = tuple[NoReply, Any]


def inside(main: Callable[[], Awaitable[Figure]]) -> Figure:
    """Run `main` in a process of its own."""

    async def run() -> Figure:
        backend = otp.Backend()
        await backend.initialize()
        otp.use_runtime(backend)
        done: asyncio.Future[Figure] = asyncio.get_running_loop().create_future()

        async def process() -> None:
            try:
                done.set_result(await main())
            except Exception as error:  # noqa: BLE001 - handed on to the one who waits
                done.set_exception(error)

        await otp.spawn(process)
        return await done

    return asyncio.run(run())


async def rate(run: Callable[[int], Awaitable[None]], size: int) -> Figure:
    """The rate of `run` with `size`, after a warm-up."""
    await run(warm_up(size))
    begun = time.perf_counter()
    await run(size)
    return per_second(size, begun)


async def no_call(_self: object, _request: object, _from: object, state: object) -> Called:
    """The handle_call of a server that is never called; otpylib wants every callback in the class itself."""
    return (Reply(None), state)


async def ignore(_self: object, _message: object, state: object) -> Handled:
    """The handle_cast or handle_info of a server that is sent none."""
    return (NoReply(), state)


async def no_cleanup(_self: object, _reason: object, _state: object) -> None:
    """The terminate of a server that holds nothing."""


class Counter(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    """Counts casts, and answers a call with the count."""

    async def init(self, arg: int) -> int:
        """The count to begin with."""
        return arg

    async def handle_call(self, _request: object, _from: object, state: int) -> Called:
        """Answer with the count."""
        return (Reply(state), state)

    async def handle_cast(self, _request: object, state: int) -> Handled:
        """Count."""
        return (NoReply(), state + 1)

    handle_info = ignore
    terminate = no_cleanup
