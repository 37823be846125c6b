"""Going back follows what has run, and not the set of versions: the same text may have run more than once."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from otpy import upgrade
from otpy.code.history import MAX_VERSIONS
from tests.support import inside
from tests.upgrade.conftest import Make


def text(number: int, *, comment: str = "") -> str:
    """A module whose version is a hash of its definitions."""
    return f"{comment}NUMBER = {number}\n"


@inside
def test_text_that_ran_before_is_a_step_like_any_other(module: Make) -> None:
    """1 → 2 → 1 is gone back by 2 and then by 1, each once."""
    numbers: Any = module("m_numbers", text(1))
    for number in (2, 1):
        upgrade.reload_module("m_numbers", text(number))
    for number in (2, 1):
        upgrade.rollback_module("m_numbers")
        assert number == numbers.NUMBER
    with pytest.raises(otpy.NoSuchVersion, match="no version before the one that runs"):
        upgrade.rollback_module("m_numbers")


@inside
def test_going_back_and_on_leads_back_to_where_it_went_on_from(module: Make) -> None:
    """1 → 2 → 3, back to 2, on to 4: before 4 ran 2, and before that 1."""
    numbers: Any = module("m_numbers", text(1))
    for number in (2, 3):
        upgrade.reload_module("m_numbers", text(number))
    upgrade.rollback()
    upgrade.reload_module("m_numbers", text(4))
    for number in (2, 1):
        upgrade.rollback()
        assert number == numbers.NUMBER
    with pytest.raises(otpy.NoSuchVersion):
        upgrade.rollback()


@inside
def test_edit_of_a_comment_is_taken_back(module: Make) -> None:
    """It has the version of the text before it, and is an upgrade of its own."""
    module("m_numbers", text(1))
    upgrade.reload_module("m_numbers", text(1, comment="# better\n"))
    assert upgrade.rollback().reloaded_modules == ("m_numbers",)
    assert otpy.code.versions("m_numbers")[-1].source == text(1)


@inside
def test_going_back_twice_takes_back_two_upgrades_each_with_its_modules(module: Make) -> None:
    """The one before the last one may have had other modules."""
    one: Any = module("m_one", text(1))
    two: Any = module("m_two", text(1))
    upgrade.reload_module("m_one", text(2))
    upgrade.reload_modules({"m_one": text(3), "m_two": text(3)})
    upgrade.rollback()
    assert (one.NUMBER, two.NUMBER) == (2, 1)
    upgrade.rollback()
    assert (one.NUMBER, two.NUMBER) == (1, 1)
    with pytest.raises(otpy.NoSuchVersion):
        upgrade.rollback()


@inside
def test_going_back_many_times_does_not_use_up_what_is_kept(module: Make) -> None:
    """Each time is a version of its own, but none that anybody would go back to."""
    numbers: Any = module("m_numbers", text(1))
    for number in range(2, 31):
        upgrade.reload_module("m_numbers", text(number))
    for number in range(29, 29 - MAX_VERSIONS + 3, -1):
        upgrade.rollback()
        assert number == numbers.NUMBER
    assert len(otpy.code.versions("m_numbers")) == MAX_VERSIONS


@inside
def test_what_went_back_by_itself_is_not_taken_back_again(module: Make) -> None:
    """One module of an upgrade has been taken back alone: the rest of it goes now."""
    one: Any = module("m_one", text(1))
    two: Any = module("m_two", text(1))
    upgrade.reload_modules({"m_one": text(2), "m_two": text(2)})
    upgrade.rollback_module("m_one")
    assert upgrade.rollback().reloaded_modules == ("m_two",)
    assert (one.NUMBER, two.NUMBER) == (1, 1)


@inside
def test_upgrade_to_what_runs_is_nothing_to_go_back_to(module: Make) -> None:
    """`identity=True` goes through all steps, and changes nothing."""
    numbers: Any = module("m_numbers", text(1))
    upgrade.reload_module("m_numbers", text(2))
    for _ in range(2):
        upgrade.reload_module("m_numbers", text(2), identity=True)
    upgrade.rollback()
    assert numbers.NUMBER == 1


@inside
def test_version_that_is_named_is_gone_to_in_the_direction_in_which_it_ran(module: Make) -> None:
    """Whether a state goes down or up is told by what ran first, not by how often a version ran."""
    numbers: Any = module("m_numbers", '__vsn__ = "1"\nNUMBER = 1\n')
    for vsn in ("2", "1", "3"):
        upgrade.reload_module("m_numbers", f'__vsn__ = "{vsn}"\nNUMBER = {vsn}\n')
    upgrade.rollback_module("m_numbers", "2")
    assert numbers.NUMBER == 2
    upgrade.rollback_module("m_numbers", "3")
    assert numbers.NUMBER == 3
    upgrade.rollback_module("m_numbers")
    assert numbers.NUMBER == 1
