"""Classes, fields and members that have another name now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otpy.behaviours.migrations import migrate, renamed, with_renames
from otpy.errors import MigrationFailed
from tests.behaviours.migration_kit import Versions, forget_kinds, versions


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module `kinds` behind."""
    yield
    forget_kinds()


def with_hints(both: Versions) -> dict[Any, Any]:
    """Return what is replaced, with the hints of the new version."""
    return with_renames(both.replaced, {"kinds": vars(both.new)})


NAMED = "import otpy\n@otpy.renamed('Order', fields={'euros': 'amount'})\n"

KINDS = {
    "dataclass": ("@dataclass\nclass Order:\n    euros: int\n", "@dataclass\nclass Purchase:\n    amount: int\n"),
    "frozen slots": (
        "@dataclass(frozen=True, slots=True)\nclass Order:\n    euros: int\n",
        "@dataclass(frozen=True, slots=True)\nclass Purchase:\n    amount: int\n",
    ),
    "struct": ("class Order(msgspec.Struct):\n    euros: int\n", "class Purchase(msgspec.Struct):\n    amount: int\n"),
    "attrs": ("@attrs.define\nclass Order:\n    euros: int\n", "@attrs.define\nclass Purchase:\n    amount: int\n"),
    "tuple": (
        "class Order(typing.NamedTuple):\n    euros: int\n",
        "class Purchase(typing.NamedTuple):\n    amount: int\n",
    ),
    "plain": (
        "class Order:\n    def __init__(self, euros): self.euros = euros\n",
        "class Purchase:\n    def __init__(self, amount): self.amount = amount\n",
    ),
    "exception": (
        "class Order(Exception):\n    def __init__(self, euros): self.euros = euros\n",
        "class Purchase(Exception):\n    def __init__(self, amount): self.amount = amount\n",
    ),
}


@pytest.mark.parametrize(("old", "new"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("count", [1, 50])
def test_renamed_class_and_field_are_found(old: str, new: str, count: int) -> None:
    """Instances become those of the class that says that it had their name; so does the field."""
    both = versions(old, NAMED + new)
    made = migrate([both.old.Order(n) for n in range(count)], with_hints(both))
    assert [type(one) for one in made.value] == [both.new.Purchase] * count
    assert [one.amount for one in made.value] == list(range(count))
    assert made.report.renamed == {"kinds.Purchase": ("euros → amount",)}


@pytest.mark.parametrize(("old", "new"), KINDS.values(), ids=KINDS)
def test_renamed_class_and_field_are_found_on_the_way_back(old: str, new: str) -> None:
    """The class that goes says what it was called; nothing but a default would be left of the field otherwise."""
    both = versions(NAMED + new, old)
    replaced = with_renames(both.replaced, {"kinds": vars(both.new)}, {"kinds": vars(both.old)})
    made = migrate([both.old.Purchase(3)], replaced)
    assert [type(one) for one in made.value] == [both.new.Order]
    assert [one.euros for one in made.value] == [3]


def test_class_that_was_there_beside_the_renamed_one_is_not_what_that_was_called() -> None:
    """It is another one of the same name."""
    order = "class Order: pass\n"
    both = versions(f"import otpy\n{order}@otpy.renamed('Order')\nclass Purchase: pass\n", order)
    replaced = with_renames(both.replaced, {"kinds": vars(both.new)}, {"kinds": vars(both.old)})
    with pytest.raises(MigrationFailed, match="Purchase"):
        migrate([both.old.Purchase()], replaced)


def test_renamed_member_is_found() -> None:
    """Alone and in a combination."""
    both = versions(
        "class A(enum.Flag):\n    R = 1\n    W = 2\n",
        "import otpy\n@otpy.renamed(fields={'W': 'WRITE'})\nclass A(enum.Flag):\n    R = 4\n    WRITE = 8\n",
    )
    new = both.new.A
    made = migrate([both.old.A.W, both.old.A.R | both.old.A.W], with_hints(both)).value
    assert made == [new.WRITE, new.R | new.WRITE]


def test_nested_class_may_be_renamed() -> None:
    """It says its old place."""
    both = versions(
        "class Cart:\n    class Item:\n        pass\n",
        "import otpy\nclass Cart:\n    @otpy.renamed('Cart.Item')\n    class Line:\n        pass\n",
    )
    replaced = with_renames({both.old.Cart: both.new.Cart, both.old.Cart.Item: None}, {"kinds": vars(both.new)})
    assert type(migrate([both.old.Cart.Item()], replaced).value[0]) is both.new.Cart.Line


def test_class_that_is_gone_without_a_hint_is_refused_with_one() -> None:
    """The message says what to write."""
    both = versions("class Order:\n    pass\n", "class Purchase:\n    pass\n")
    with pytest.raises(MigrationFailed, match=r"@otpy\.renamed\('Order'\)"):
        migrate([both.old.Order()], with_hints(both))


@pytest.mark.parametrize("given", [(1,), (int,)])
def test_name_that_is_none_is_refused(given: tuple[Any]) -> None:
    """So is the decorator without its parentheses."""
    with pytest.raises(TypeError, match="old name"):
        renamed(*given)
    with pytest.raises(TypeError, match="old name"):
        renamed(fields={"a": 1})  # type: ignore[dict-item]
