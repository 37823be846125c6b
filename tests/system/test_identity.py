"""An upgrade to what runs already goes through all steps and changes nothing: every object is the same afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import otpy
from otpy.cli.sandboxes import Sandbox, example_names, loaded, open_sandbox
from otpy.kernel.process import Process
from tests.matrix.picture import Picture, assert_same, take

EXAMPLES = [(name, version) for name in example_names() for version in open_sandbox(name).about.versions]


@pytest.mark.parametrize(("name", "version"), EXAMPLES)
def test_identity_changes_nothing_in_an_example_system(name: str, version: str) -> None:
    """Each version of each example, after some work: same modules, classes, states and children."""
    sandbox = open_sandbox(name)
    with loaded(sandbox, version), otpy.runtime():
        sandbox.start()
        sandbox.function(sandbox.about.load.work)("ann", 0)
        before = picture(sandbox, version)
        report = otpy.upgrade.reload_modules(sandbox.sources(version), identity=True)
        assert (report.status, report.supervisor_changes) == ("completed", ())
        assert_same(before, lambda: picture(sandbox, version))
        audit = sandbox.function(sandbox.about.load.audit)
        handled = audit()
        sandbox.function(sandbox.about.load.work)("ann", sum(handled[0].values()))
        assert audit()[1] == 0


def picture(sandbox: Sandbox, version: str) -> Picture:
    """Take a picture of the modules of *sandbox* and of its processes; supervisors count by their children."""
    modules = sandbox.sources(version)
    roots: dict[str, object] = {name: sys.modules[name] for name in modules}
    for process in of(set(modules)):
        kind: Any = type(process.actor)
        roots |= {f"{process!r}": process, f"class of {process!r}": kind}
        if getattr(kind, "supervises", False):
            roots[f"children of {process!r}"] = str(otpy.supervisor.which_children(process))
        else:
            roots[f"state of {process!r}"] = process.state
    return take(roots, modules=modules, code_by_value=True)


def of(modules: set[str]) -> Iterator[Any]:
    """Yield the living processes whose class is of one of *modules*."""
    for pid in otpy.processes():
        if isinstance(pid, Process) and pid.actor is not None and type(pid.actor).__module__ in modules:
            yield pid
