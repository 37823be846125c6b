"""Packages that no one here wrote, upgraded live from one of their releases to a later one while actors use them."""

from __future__ import annotations

import pytest

from tests.system.stories import PAGE, page, sqlparse_story, transitions_story


@pytest.mark.timeout(200)
def test_state_machines_get_their_new_attributes_while_they_work() -> None:
    """transitions 0.9.0 to 0.9.2: machines, states and events in states and in messages, migrated by themselves."""
    assert transitions_story()


@pytest.mark.timeout(200)
def test_statements_are_refused_until_somebody_says_what_their_new_slot_holds() -> None:
    """sqlparse 0.4.4 to 0.5.1: tokens have one slot more, and no default tells what it holds."""
    assert sqlparse_story()


@pytest.mark.timeout(200)
def test_the_page_tells_what_happened() -> None:
    """`python -m tests.system` writes it anew. What the tests above have told is not done again."""
    assert PAGE.read_text(encoding="utf-8") == page()
