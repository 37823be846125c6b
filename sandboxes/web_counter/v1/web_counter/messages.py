"""What the servers say to each other, and to the streams of the web app: the same from version to version."""

from __future__ import annotations

from dataclasses import dataclass

import otpy


@dataclass(frozen=True)
class Count(otpy.Request[int]):
    """To the counter: *client* counts, for the time *number*. The reply is the total."""

    client: str
    number: int


@dataclass(frozen=True)
class Total(otpy.Request[int]):
    """To the counter: what does it stand at?"""


@dataclass(frozen=True)
class Clients(otpy.Request[tuple[dict[str, int], int]]):
    """To the counter: how often did each client count, and how often did a number not follow the one before?"""


@dataclass(frozen=True)
class Counted:
    """News: *client* has counted, and the counter stands at *total*."""

    total: int
    client: str


@dataclass(frozen=True)
class Subscribe:
    """To the news, cast: send news to *pid* as long as it lives."""

    pid: otpy.Pid
