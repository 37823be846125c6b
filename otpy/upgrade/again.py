"""`runtime(reload_every=n)`: after every n-th message the modules of all behaviours are upgraded to what they are.

Nothing may change by that; so a test suite that stays green with it has shown that upgrades are invisible.

Source: the Dart VM's `reload_every` and `identity_reload`, by which its reloader is tested.
"""

from __future__ import annotations

import contextlib

from otpy.behaviours.behaviour import Behaviour
from otpy.code import versions
from otpy.errors import UpgradeFromWithin, UpgradeInProgress
from otpy.kernel.actors import Actor
from otpy.kernel.runtime import Runtime
from otpy.upgrade.engine import engine
from otpy.upgrade.members import kinds_of
from otpy.upgrade.options import Options


def reload_all(runtime: Runtime) -> None:
    """Upgrade every module that a process of *runtime* runs a behaviour of, to its own source.

    Raises what an upgrade raises; not when another one is under way, or when this one would suspend who asks.
    """
    sources = running_sources(runtime)
    if sources:
        with contextlib.suppress(UpgradeInProgress, UpgradeFromWithin):
            engine.upgrade(sources, Options(identity=True, trigger="reload_every"))


def running_sources(runtime: Runtime) -> dict[str, str]:
    """Return the modules of all behaviours in *runtime*, with the sources that run, as far as they are known."""
    kinds = {kind for process in runtime.processes() for kind in kinds_of(process)}
    modules = {kind.__module__ for kind in kinds if issubclass(kind, Behaviour | Actor)}
    known = {name: versions(name) for name in sorted(modules) if not name.startswith("otpy.")}
    return {name: found[-1].source for name, found in known.items() if found}
