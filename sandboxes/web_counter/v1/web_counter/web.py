"""The web app. Version 1 counts, tells the total, and streams it.

`make_app` is called when the server starts, and again after each upgrade that has reached this module.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse

import otpy
from web_counter.messages import Clients, Count, Counted, Subscribe, Total

__vsn__ = "1"

PAGE = """<!doctype html>
<title>web counter</title>
<h1 id="total">…</h1>
<button onclick="fetch(`/count/${name}/${++number}`, {method: 'POST'})">count</button>
<script>
  const name = `browser-${Math.random().toString(36).slice(2, 8)}`
  let number = 0
  new EventSource('/stream').onmessage = event => document.getElementById('total').textContent = event.data
</script>
"""


async def page() -> HTMLResponse:
    """Answer with a page that counts, and shows the total as it changes."""
    return HTMLResponse(PAGE)


async def count(client: str, number: int) -> dict[str, int]:
    """Count, for the time *number* of *client*."""
    return {"total": await otpy.acall("counter", Count(client, number))}


async def total() -> dict[str, int]:
    """Answer with the total."""
    return {"total": await otpy.acall("counter", Total())}


async def clients() -> dict[str, object]:
    """Answer with who counted how often."""
    counted, out_of_order = await otpy.acall("counter", Clients())
    return {"counted": counted, "out_of_order": out_of_order}


async def stream() -> StreamingResponse:
    """Stream the total as server-sent events, until the browser goes."""
    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def events() -> AsyncIterator[str]:
    """Yield an event for where the counter stands, and one for each piece of news.

    The mailbox is a process as long as that lasts: until the browser goes, or the web server ends.
    """
    async with otpy.Mailbox(label="stream") as box:
        otpy.cast("news", Subscribe(box.pid))
        yield event(Counted(await otpy.acall("counter", Total()), ""))
        async for news in box:
            yield event(news)


def event(news: Counted) -> str:
    """Return *news* as an event."""
    return f"data: {news.total}\n\n"


def make_app() -> FastAPI:
    """Return the app."""
    app = FastAPI(title="web counter")
    app.add_api_route("/", page)
    app.add_api_route("/count/{client}/{number}", count, methods=["POST"])
    app.add_api_route("/total", total)
    app.add_api_route("/clients", clients)
    app.add_api_route("/stream", stream, response_class=StreamingResponse)
    return app
