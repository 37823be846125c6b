"""Load for the web counter, in any version: clients that count with HTTP requests, several on one connection."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import OK, HTTPConnection
from typing import Any

import otpy

REQUESTS = 3
"""Requests in one round, on one connection."""


def work(client: str, sent: int) -> int:
    """Send one round of *client*, which sent *sent* requests before. Return how many it has sent now.

    Each answer is the total by then: one below what this client alone has sent would mean that something was lost.
    """
    paths = [f"/count/{client}/{number}" for number in range(sent + 1, sent + REQUESTS + 1)]
    for number, answer in enumerate(ask("POST", *paths), sent + 1):
        if answer["total"] < number:
            raise RuntimeError(f"{client} has sent {number} requests, but the counter stands at {answer['total']}")
    return sent + REQUESTS


def audit() -> tuple[dict[str, int], int]:
    """Return how many requests of each client were counted, and how many of them out of order."""
    (found,) = ask("GET", "/clients")
    return found["counted"], found["out_of_order"]


def busiest() -> str:
    """Ask what only version 2 answers."""
    (found,) = ask("GET", "/busiest")
    return f"busiest client: {found['client']}"


def ask(method: str, *paths: str) -> list[Any]:
    """Return the answers to requests, sent one after the other on one connection."""
    address = otpy.asgi.address("web")
    return otpy.blocking(_ask, HTTPConnection(address.host, address.port, timeout=30), method, paths)


def _ask(connection: HTTPConnection, method: str, paths: tuple[str, ...]) -> list[Any]:
    with closing(connection):
        return [_answer(connection, method, path) for path in paths]


def _answer(connection: HTTPConnection, method: str, path: str) -> Any:
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    if response.status != OK:
        raise RuntimeError(f"{method} {path} was answered with {response.status}: {body.decode()}")
    return json.loads(body)
