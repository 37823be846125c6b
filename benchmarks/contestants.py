"""Who takes part: how each is called, what it needs, and the command that runs one of its measures.

A command prints one line of JSON, `{"value": …, "extra": {…}}`, as its last line of output.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, final

from benchmarks import beam

Command = Callable[[str, int], list[str]]
"""Takes a measure's name and a size, returns what to start."""


@final
@dataclass(frozen=True, slots=True)
class Contestant:
    """One contestant. `entry` is the module that holds its `CONTESTS`; None for what is not written in Python.

    `module` or `program` must be there for it to take part; `package` names the distribution for the versions.
    """

    name: str
    label: str
    entry: str | None
    module: str | None = None
    program: str | None = None
    package: str | None = None

    def missing(self) -> str | None:
        """What is not installed, in words; None where the contestant can take part."""
        if self.module is not None and find_spec(self.module) is None:
            return f"the package {self.package} is not installed"
        if self.program is not None and shutil.which(self.program) is None:
            return f"the program {self.program} is not installed"
        return None

    def command(self, measure: str, size: int) -> list[str]:
        """The command that runs `measure` once with `size`."""
        if self.entry is None:
            return beam.command(measure, size)
        return [sys.executable, "-m", "benchmarks.worker", self.entry, measure, str(size)]


def _python(name: str, label: str, entry: str, package: str | None = None) -> Contestant:
    return Contestant(name, label, f"benchmarks.entries.{entry}", module=package, package=package)


CONTESTANTS: Final[tuple[Contestant, ...]] = (
    _python("otpy", "otpy", "otpy", "otpy"),
    _python("otpy-functions", "otpy, function processes", "otpy.functions", "otpy"),
    _python("otpy-supervised", "otpy, under a supervisor", "otpy.supervised", "otpy"),
    _python("otpy-outside", "otpy, asked from a thread", "otpy.fairness_outside", "otpy"),
    _python("otpy-automatic", "otpy, without code_change", "otpy.automatic", "otpy"),
    _python("pykka", "pykka", "pykka", "pykka"),
    _python("otpylib", "otpylib", "otpylib", "otpylib"),
    _python("fauxtp", "fauxtp", "fauxtp", "fauxtp"),
    _python("asyncio", "asyncio by hand", "asyncio_by_hand"),
    Contestant("beam", "BEAM", None, program="erlc"),
    _python("floor", "floor: bare greenlet loop", "floor", "greenlet"),
    _python("threads", "two bare threads", "threads"),
    _python("importlib", "importlib.reload", "reloading.by_importlib"),
    _python("jurigged", "jurigged", "reloading.by_jurigged", "jurigged"),
    _python("ipython", "IPython's autoreload", "reloading.by_ipython", "IPython"),
)

BY_NAME: Final = {contestant.name: contestant for contestant in CONTESTANTS}
