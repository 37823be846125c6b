"""pydantic's models in a state: they are handled without otpy knowing the library."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from otpy.behaviours.migrations import copy_state, migrate
from otpy.errors import MigrationFailed

OLD = """
import pydantic
class Line(pydantic.BaseModel):
    sku: str
    gone: int = 0
class Cart(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    lines: list[Line] = []
    _seen: int = pydantic.PrivateAttr(default=1)
"""
NEW = OLD.replace(
    "    gone: int = 0\n", "    count: int = 1\n    tags: list[str] = pydantic.Field(default_factory=list)\n"
).replace("default=1)", "default=1)\n    _new: int = pydantic.PrivateAttr(default=2)")


def load(source: str) -> ModuleType:
    """Return a module made from *source*, known as `kinds` from now on."""
    module = sys.modules["kinds"] = ModuleType("kinds")
    exec(source, vars(module))  # noqa: S102 - the versions are text
    return module


@pytest.fixture(autouse=True)
def kinds_module() -> Iterator[None]:
    """Leave no module behind."""
    yield
    sys.modules.pop("kinds", None)


def test_model_is_migrated() -> None:
    """Fields, extra values, private attributes and the set of fields that were given."""
    old, new = load(OLD), load(NEW)
    cart = old.Cart(lines=[old.Line(sku="a", gone=3)], note=["extra"])
    cart._seen = 5
    before = cart.model_dump()

    migrated = migrate({"cart": cart}, {old.Cart: new.Cart, old.Line: new.Line})

    made = migrated.value["cart"]
    assert type(made) is new.Cart
    assert made.lines == [new.Line(sku="a")]
    assert made.model_extra == {"note": ["extra"]}
    assert made.model_extra["note"] is cart.model_extra["note"], "nothing in it had to change"
    assert (made._seen, made._new) == (5, 2)
    assert made.lines[0].model_fields_set == {"sku"}
    assert cart.model_dump() == before
    assert migrated.report.dropped == {"kinds.Line": ("gone",)}
    assert migrated.report.filled == {"kinds.Cart": ("_new",), "kinds.Line": ("count", "tags")}


def test_required_field_is_refused() -> None:
    """The field is named."""
    old = load(OLD)
    new = load(OLD.replace("sku: str", "sku: str\n    region: str"))
    with pytest.raises(MigrationFailed, match="'region'"):
        migrate([old.Line(sku="a")], {old.Line: new.Line})


def test_frozen_model_is_copied() -> None:
    """A copy by the same rules; the model's own way of copying is not used."""
    module = load(OLD.replace('{"extra": "allow"}', '{"frozen": True}'))
    cart = module.Cart(lines=[module.Line(sku="a")])
    copied = copy_state(cart).value
    assert copied == cart
    assert copied.lines[0] is not cart.lines[0]
    assert isinstance(copied, module.pydantic.BaseModel)
