"""Releases of packages that nobody here wrote, fetched from the package index by the hash of their files.

They are unpacked into a folder each and never installed. What was fetched is kept in `.pytest_cache`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from otpy.code.history import histories

CACHE: Final = Path(__file__).parents[2] / ".pytest_cache" / "releases"


@final
@dataclass(frozen=True, slots=True)
class Wheel:
    """A file of the package index: pure Python, without what it depends on."""

    name: str
    version: str
    sha256: str

    def folder(self) -> Path:
        """Return the folder that has its modules; fetch it if it is not there yet."""
        folder = CACHE / f"{self.name}-{self.version}"
        if not folder.is_dir():
            wheel = self._fetch(CACHE / "wheels")
            # Unpacked beside and renamed, so that a run that is ended half-way leaves no half of it.
            beside = CACHE / f"{folder.name}.part"
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(beside)
            beside.rename(folder)
        return folder

    def _fetch(self, wheels: Path) -> Path:
        wheels.mkdir(parents=True, exist_ok=True)
        wanted = wheels / f"{self.name}-{self.version}.txt"
        wanted.write_text(f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--require-hashes", "--requirement", str(wanted), "--dest", str(wheels)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"pip could not fetch {self.name} {self.version}:\n{done.stderr}")
        return next(path for path in wheels.glob("*.whl") if _sha256(path) == self.sha256)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def importable(*wheels: Wheel) -> Generator[None]:
    """Have the modules of *wheels* importable inside the block, and forget them afterwards."""
    folders = [str(wheel.folder()) for wheel in wheels]
    known = set(sys.modules)
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(folder)
        packages = {wheel.name for wheel in wheels}
        for name in set(sys.modules) - known:
            if name.partition(".")[0] in packages:
                del sys.modules[name]
                histories.forget(name)


SIX: Final = Wheel("six", "1.16.0", "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254")
TRANSITIONS_OLD: Final = Wheel(
    "transitions", "0.9.0", "5687ee8c6a3200830e44f988d16b0045f53293f7a873002d7bff70852331a078"
)
TRANSITIONS_NEW: Final = Wheel(
    "transitions", "0.9.2", "f7b40c9b4a93869f36c4d1c33809aeb18cdeeb065fd1adba018ee39c3db216f3"
)
SQLPARSE_OLD: Final = Wheel("sqlparse", "0.4.4", "5430a4fe2ac7d0f93e66f1efc6e1338a41884b7ddf2a350cedd20ccc4d9d28f3")
SQLPARSE_NEW: Final = Wheel("sqlparse", "0.5.1", "773dcbf9a5ab44a090f3441e2180efe2560220203dc2f8c0b0fa141e18b505e4")
