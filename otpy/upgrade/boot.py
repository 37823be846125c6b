"""What a node runs when it starts: the sources on disk, or the permanent versions of its store.

A finder in front of Python's own hands out the stored text; everything else about the module (where it is, whether it
is a package) stays as Python finds it. It is decided for all permanent modules together, when the first of them is
imported: by then the program has set the import path. What it comes to is in the log, module by module.

Source: OTP: a node starts the permanent release; OPERATIONS.md: otherwise a restarted container silently goes back.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import decode_source, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import final

from otpy.code.baseline import noted
from otpy.code.sources import lines_of, show
from otpy.store.deciding import what_node_runs
from otpy.store.recorder import Recorder
from otpy.store.values import Decision, Interrupted, Permanent, StoredVersion

log = logging.getLogger("otpy.upgrade")


@contextlib.contextmanager
def permanent_versions(recorder: Recorder) -> Generator[None]:
    """In the block, imports find what *recorder* says is permanent, where that is newer than the file."""
    permanent = recorder.permanent_versions()
    if not permanent:
        yield
        return
    finder = PermanentFinder(permanent, recorder.latest_versions())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def recovered(recorder: Recorder) -> tuple[Interrupted, ...]:
    """Return what was under way when the node ended before this start, and log it in plain words.

    To be called when the program has been imported: then it can be said what runs now.
    """
    upgraded = {change.module for record in recorder.history() for change in record.modules}
    found = recorder.recover(files_now(upgraded))
    for each in found:
        log.warning("%s", each.message)
    return found


def files_now(modules: Iterable[str]) -> dict[str, str | None]:
    """Return the sha256 of the text in the file of each of *modules* that is loaded; None for one that has no file."""
    specs = {name: getattr(sys.modules[name], "__spec__", None) for name in modules if name in sys.modules}
    return {name: disk_hash(spec) for name, spec in specs.items()}


@final
class PermanentFinder:
    """Finds modules whose permanent version is to run."""

    def __init__(self, permanent: Mapping[str, Permanent], latest: Mapping[str, StoredVersion]) -> None:
        self._permanent = permanent
        self._latest = latest

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """What runs of each permanent module; the files count as they are when it is asked first."""
        on_disk = {name: disk_hash(spec_on_disk(name)) for name in self._permanent}
        return what_node_runs(on_disk, permanent=self._permanent, latest=self._latest)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec with the stored text, or None to leave it to the others."""
        permanent = self._permanent.get(fullname)
        if permanent is None:
            return None
        decision = self.decisions[fullname]
        log.info("%s", decision.reason)
        if decision.source == "disk":
            return None
        return _spec(fullname, permanent.source, PathFinder.find_spec(fullname, path, target))


def spec_on_disk(name: str) -> ModuleSpec | None:
    """Return where the import path has module *name*, without importing the packages around it."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:end]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations or ()
    return spec


def disk_hash(spec: ModuleSpec | None) -> str | None:
    """Return the sha256 of the text of a module's file, as versions have it; None if there is no such file."""
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    try:
        text = decode_source(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, UnicodeError):
        return None
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _spec(name: str, source: str, found: ModuleSpec | None) -> ModuleSpec:
    origin = found.origin if found is not None and found.origin else f"<otpy {name} permanent>"
    places = found.submodule_search_locations if found is not None else None
    spec = spec_from_loader(name, StoredSource(source, origin), origin=origin, is_package=places is not None)
    assert spec is not None  # it has a loader
    if places is not None:
        spec.submodule_search_locations = list(places)
    spec.has_location = found is not None and found.has_location
    return spec


@final
class StoredSource(InspectLoader):
    """Loads a module from the text of its permanent version. Tracebacks show that text, whatever the file has."""

    def __init__(self, source: str, origin: str) -> None:
        self._source = source
        self._origin = origin

    def get_source(self, fullname: str) -> str:
        """Return the text."""
        return self._source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text under the name of the file that it stands for, and note it as what runs."""
        noted[fullname] = self._source
        show(self._origin, lines_of(self._source))
        return self.source_to_code(self._source, self._origin)
