"""Moments: aware datetimes in UTC outside, whole microseconds after 1970 in the database, where they sort."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return the moment, for people to read; nothing waits by it."""
    return datetime.now(UTC)


def to_number(moment: datetime) -> int:
    """Return *moment* as microseconds since 1970. Raises: ValueError, if it has no time zone."""
    if moment.tzinfo is None:
        msg = f"{moment!r} has no time zone; give datetime(…, tzinfo=UTC), or .astimezone() for local time"
        raise ValueError(msg)
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(number: int) -> datetime:
    """Return the moment that is *number* microseconds after 1970."""
    return _EPOCH + number * _MICROSECOND
