"""What upgrades have brought, for `rollback()`: the last one that stands is taken back, with all its modules.

An upgrade stands while one of the versions that it has brought does: a version stands as long as it runs, or has come
again because what came after it was taken back. So going back again takes back the upgrade before.
"""

from __future__ import annotations

from typing import final

from otpy.code.history import histories
from otpy.code.version import Version
from otpy.upgrade.preparation import Preparation


@final
class Lineage:
    """The upgrades of this life of the node, oldest first, as far as their versions are kept."""

    def __init__(self) -> None:
        self._upgrades: list[dict[str, Version]] = []

    def note(self, upgrade: Preparation) -> None:
        """Take down an upgrade that has just completed."""
        for version in upgrade.options.back_to.values():
            histories.come_again(version)
        names = {name for each in self._upgrades for name in each}
        kept = {id(version) for name in names for version in histories.versions(name)}
        self._upgrades = [each for each in self._upgrades if any(id(version) in kept for version in each.values())]
        now = {name: histories.versions(name)[-1] for name in upgrade.new}
        brought = {name: version for name, version in now.items() if version is histories.original(name)}
        # A new module is there to stay: it makes an upgrade stand only if there is nothing else in it to be taken back.
        old = {name: version for name, version in brought.items() if upgrade.running[name] is not None}
        self._upgrades.append(old or brought)

    def last(self) -> dict[str, Version]:
        """Return what the modules of the last upgrade that stands were before it; empty if none does."""
        for brought in reversed(self._upgrades):
            standing = [name for name, version in brought.items() if version is histories.original(name)]
            if standing:
                return {name: before for name in standing if (before := histories.before(name)) is not None}
        return {}
