"""Modules that exist only in memory, as the tests of upgrades have them."""

from tests.upgrade.conftest import collector, module

__all__ = ["collector", "module"]
