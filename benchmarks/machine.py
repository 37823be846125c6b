"""Where a run took place: the processor, its cores and load, and the versions of all that took part."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import final

from benchmarks import beam
from benchmarks.contestants import BY_NAME


@final
@dataclass(frozen=True, slots=True)
class Machine:
    """The facts to note beside figures; `load` is the average of the last minute when the run began."""

    processor: str
    cores: int
    load: float
    system: str
    python: str
    versions: dict[str, str]
    when: str

    def __str__(self) -> str:
        """Two lines for a report."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.processor}, {self.cores} cores, load {self.load:.1f}, {self.system}, {self.python}\n"
            f"{versions}; {self.when}"
        )


def look(contestants: Iterable[str]) -> Machine:
    """The machine as it is now, with the versions of the packages of `contestants`."""
    packages = dict.fromkeys(package for name in contestants if (package := BY_NAME[name].package))
    versions = {package: number for package in packages if (number := _version(package))}
    if "beam" in contestants and (release := beam.release()):
        versions["Erlang/OTP"] = release
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=versions,
        when=datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name; Python itself does not know it on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
