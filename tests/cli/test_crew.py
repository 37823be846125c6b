"""The demo's clients: what they count is what happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import otpy
from otpy.cli.crew import Crew
from otpy.errors import ReceiveTimeout


@pytest.fixture(autouse=True)
def _runtime() -> Iterator[None]:
    with otpy.runtime():
        yield


def test_each_client_works_until_it_is_dismissed() -> None:
    """All are counted apart, and none does a round after the last that counts."""
    done: dict[str, int] = {"ann": 0, "bob": 0}

    def work(client: str, sent: int) -> int:
        assert sent == 3 * done[client]
        done[client] += 1
        return sent + 3

    crew = Crew(work, done)
    crew.wait_for_rounds(5)
    tallies = crew.dismiss()
    assert {tally.client: tally.answered for tally in tallies} == done
    assert all(tally.sent == 3 * tally.answered >= 15 for tally in tallies)
    assert all(tally.failure is None and tally.longest > 0 for tally in tallies)
    assert otpy.processes() == []


def test_a_client_that_fails_is_reported_and_holds_up_nobody() -> None:
    """The failure is what the demo has to tell."""

    def work(client: str, sent: int) -> int:
        if client == "bob":
            raise LookupError("no bread")
        return sent + 1

    crew = Crew(work, ["ann", "bob"])
    crew.wait_for_rounds(3)
    ann, bob = crew.dismiss()
    assert (ann.failure, bob.failure, bob.sent) == (None, "LookupError: no bread", 0)
    assert ann.answered >= 3


def test_a_client_that_is_killed_is_a_failure_too() -> None:
    """A client must not be lost without a word."""
    pids: dict[str, otpy.Pid] = {}

    def work(client: str, sent: int) -> int:
        pids[client] = otpy.self_pid()
        return sent + 1

    crew = Crew(work, ["ann", "bob"])
    crew.wait_for_rounds(1)
    otpy.exit(pids["bob"], otpy.Kill())
    crew.wait_for_rounds(3)
    ann, bob = crew.dismiss()
    assert (ann.failure, bob.failure) == (None, "ended: Killed()")


def test_waiting_for_clients_that_get_no_answer_ends_with_an_error() -> None:
    """The demo does not hang with the system it shows."""

    def work(_client: str, sent: int) -> int:
        otpy.receive(lambda message: message == "go on")
        return sent

    crew = Crew(work, ["ann"])
    with pytest.raises(ReceiveTimeout):
        crew.wait_for_rounds(1, timeout=0.05)
