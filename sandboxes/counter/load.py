"""Load for the counter, in any version: casts that are numbered, and a call now and then."""

from __future__ import annotations

import otpy

CASTS = 10
"""Casts in one round; a call closes it, so that a client never runs far ahead of the counter."""


def work(client: str, sent: int) -> int:
    """Send one round of *client*, which sent *sent* messages before. Return how many it has sent now.

    The call stands behind the casts in the counter's mailbox: a total below what this client alone
    has sent would mean that something was lost or overtaken.
    """
    for number in range(sent + 1, sent + CASTS + 1):
        otpy.cast("counter", ("count", client, number))
    total = otpy.call("counter", "total")
    if total < sent + CASTS:
        raise RuntimeError(f"{client} sent {sent + CASTS} messages, but the counter stands at {total}")
    return sent + CASTS


def audit() -> tuple[dict[str, int], int]:
    """Return how many messages of each client were handled, and how many of them out of order."""
    counted, out_of_order = otpy.call("counter", "clients")
    return counted, out_of_order


def busiest() -> str:
    """Ask what only version 2 answers."""
    return f"busiest client: {otpy.call('counter', 'busiest')}"
