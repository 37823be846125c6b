"""An app that the tests serve, and what it has seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

import otpy

seen: list[object] = []
"""What has happened, in order."""
entered = threading.Event()
"""A request of /wait is under way."""
release = threading.Event()
"""It may end."""


def forget() -> None:
    """Begin anew."""
    seen.clear()
    entered.clear()
    release.clear()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
    """Note beginning and end."""
    seen.append("begins")
    yield {"from_lifespan": "shared"}
    await asyncio.sleep(0)
    seen.append("ends")


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def root(request: Request) -> dict[str, Any]:
    """Answer with what the lifespan has brought, and who serves."""
    return {"state": request.state.from_lifespan, "pid": repr(otpy.self_pid())}


@app.get("/call/{name}")
async def call(name: str) -> Any:
    """Ask a server."""
    return await otpy.acall(name, "question")


@app.get("/blocks/{name}")
async def blocks(name: str) -> Any:
    """Ask a server in the wrong way."""
    return otpy.call(name, "question")


@app.get("/threads/{name}")
def threads(name: str) -> Any:
    """Ask a server from a thread of the framework."""
    return otpy.call(name, "question")


@app.get("/wait")
async def wait() -> str:
    """Answer when it is let go."""
    entered.set()
    try:
        await asyncio.to_thread(release.wait, 20.0)
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    seen.append("answered")
    return "waited"


@app.get("/hang")
async def hang() -> None:
    """Never answer."""
    entered.set()
    try:
        await asyncio.Event().wait()
    finally:
        seen.append("let go")


@app.get("/stream")
async def stream() -> StreamingResponse:
    """Stream what is sent to the process "stream"."""

    async def lines() -> AsyncIterator[str]:
        try:
            async with otpy.Mailbox(label="stream") as box:
                otpy.register("stream", box.pid)
                yield "open\n"
                async for message in box:
                    yield f"{message}\n"
                yield "closed\n"
        finally:
            seen.append("stream ended")

    return StreamingResponse(lines(), media_type="text/plain")
