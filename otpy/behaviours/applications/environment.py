"""The environment of applications: what their specs, the configuration and `set_env` say, and how it differs.

Each application's environment is one dict that nobody changes: a change puts another in its place, so who reads needs
no lock. It is made, and made anew, by one rule: the spec's defaults, over them the configuration, over it what was set
to last (`persistent`). What was set otherwise lasts until then.

Source: OTP application_controller.erl: load/2, do_change_appl/3, do_config_diff/2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import msgspec


class Changes(msgspec.Struct, frozen=True):
    """How two environments differ; false if they do not."""

    changed: dict[str, Any]
    """Keys with other values, which are the new ones."""
    new: dict[str, Any]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.new or self.removed)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return what leads from *before* to *after*."""
    return Changes(
        changed={key: after[key] for key in after if key in before and not _equal(before[key], after[key])},
        new={key: after[key] for key in after if key not in before},
        removed=tuple(key for key in before if key not in after),
    )


def _equal(one: object, other: object) -> bool:
    """Whether two values say the same; 1, 1.0 and True do not."""
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except Exception:  # noqa: BLE001 - whatever an `__eq__` of the user raises
        return False


@final
class Environment:
    """The environments of all applications of a runtime. Changed by the controller alone, read by anybody."""

    __slots__ = ("config", "effective", "kept")

    def __init__(self) -> None:
        self.effective: dict[str, Mapping[str, Any]] = {}
        self.config: Mapping[str, Mapping[str, Any]] = {}
        self.kept: dict[str, Mapping[str, Any]] = {}

    def of(self, application: str) -> Mapping[str, Any]:
        """Return the environment of *application*."""
        return self.effective.get(application, {})

    def load(self, application: str, defaults: Mapping[str, Any]) -> None:
        """Make the environment of *application*, which is being loaded, over what was set before."""
        self.effective[application] = {**self.of(application), **self.made(application, defaults)}

    def renew(self, application: str, defaults: Mapping[str, Any]) -> Changes:
        """Make it anew, and return how it has changed."""
        before = self.of(application)
        self.effective[application] = self.made(application, defaults)
        return changes(before, self.of(application))

    def unload(self, application: str) -> None:
        """Forget it, but for what was set to last."""
        self.effective.pop(application, None)

    def set(self, application: str, values: Mapping[str, Any], *, persistent: bool) -> None:
        """Set *values*."""
        self.effective[application] = {**self.of(application), **values}
        if persistent:
            self.kept[application] = {**self.kept.get(application, {}), **values}

    def unset(self, application: str, key: str, *, persistent: bool) -> None:
        """Take *key* out."""
        self.effective[application] = _without(self.of(application), key)
        if persistent:
            self.kept[application] = _without(self.kept.get(application, {}), key)
            self.config = {**self.config, application: _without(self.config.get(application, {}), key)}

    def made(self, application: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the environment of *application* as it is made from *defaults*."""
        return {**defaults, **self.config.get(application, {}), **self.kept.get(application, {})}


def _without(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}
