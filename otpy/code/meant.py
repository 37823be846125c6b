"""Which module is meant: a module itself, or its name."""

from __future__ import annotations

from types import ModuleType


def name_of(module: object) -> str:
    """Return the name of *module*, or raise TypeError for what is neither a module nor the name of one."""
    if isinstance(module, ModuleType):
        return module.__name__
    if isinstance(module, str) and module:
        return module
    raise TypeError(f"{module!r} is no module; give one, or its name as in `import`, such as 'shop.cart'")
