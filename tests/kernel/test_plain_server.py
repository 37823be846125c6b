"""A plain process that serves requests which it takes with receive."""

from __future__ import annotations

import pytest

import otpy
from otpy.kernel.calls import Call
from tests.support import inside


def _take_and(reply: bool) -> None:
    request = otpy.receive(lambda message: isinstance(message, Call))
    if reply:
        otpy.reply(request, request.request * 2)


@inside
def test_it_answers_with_reply() -> None:
    """A call to any process is a message that it may take and answer."""
    assert otpy.call(otpy.spawn(_take_and, True), 21) == 42


@inside
def test_a_request_that_it_took_fails_when_it_ends_without_an_answer() -> None:
    """At once, and not when the caller's patience ends."""
    with pytest.raises(otpy.ServerExited) as exited:
        otpy.call(otpy.spawn(_take_and, False), 21, timeout=None)
    assert exited.value.reason == otpy.Normal()
