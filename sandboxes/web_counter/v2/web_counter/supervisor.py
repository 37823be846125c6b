"""The root of the system: the news, the counter that tells them, and the web server that needs both."""

from __future__ import annotations

import os

import otpy
from otpy import ChildSpec, SupFlags, asgi
from web_counter.counter import Counter
from web_counter.news import News

__vsn__ = "1"


def port() -> int:
    """Return the port of the web server: 8000, unless the environment says something else."""
    return int(os.environ.get("WEB_COUNTER_PORT", "8000"))


class Root(otpy.Supervisor):
    """Children are started in this order and ended in the reverse one; who crashes takes along those after it."""

    def init(self, arg: object) -> tuple[SupFlags, list[ChildSpec]]:
        """Describe the children."""
        return SupFlags(strategy="rest_for_one"), [
            News.child_spec(id="news", name="news"),
            Counter.child_spec(0, id="counter", name="counter"),
            asgi.child_spec(
                "web_counter.web:make_app", factory=True, port=port(), id="web", name="web", timeout_keep_alive=60
            ),
        ]
