"""Saved files become batches of new sources: what `otpy watch` stands on.

`batches` turns a stream of touched paths into batches (see saves.py for when one is whole), `watch` takes that stream
from watchfiles, which asks the operating system. Files of loaded modules count, and new ones in the folder of a loaded
package. The `.py` files that editors write for a moment are gone before anybody asks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any, Final

from otpy.code.baseline import baseline, home_of, noted
from otpy.code.history import histories
from otpy.code.saves import Batch, Saves

_TICK_MS: Final = 50


def watch(
    paths: Iterable[str | Path],
    on_batch: Callable[[Batch], object],
    stop: Event,
    *,
    settle: float = 0.1,
    patience: float = 1.0,
) -> None:
    """Call `on_batch(batch)` for each batch of saves in *paths*, files or folders, until *stop* is set.

    It runs in the thread of the caller, and so does *on_batch*; what is saved meanwhile is not missed. *settle* and
    *patience* as for `otpy.code.saves.Saves`. What *on_batch* raises ends the watch.

    Raises: ModuleNotFoundError, saying what to install, if watchfiles is missing; FileNotFoundError, if a path is.
    """
    places = [Path(path).resolve() for path in paths]
    changes = _changes(places, stop)
    for batch in batches(changes, settle=settle, patience=patience, known=sources_running(places)):
        on_batch(batch)


def sources_running(places: Collection[Path]) -> dict[str, str]:
    """The sources of the loaded modules whose files are in *places*, where the text on the disk is still what runs."""
    found: dict[str, str] = {}
    for name, module in tuple(sys.modules.items()):
        file = _file_of(module)
        if file is not None and any(file.is_relative_to(place) for place in places):
            version = baseline(name, module)
            if version is not None:
                found[name] = version.source
    return found


def batches(
    changes: Iterable[Collection[Path]],
    *,
    clock: Callable[[], float] = time.monotonic,
    settle: float = 0.1,
    patience: float = 1.0,
    known: Mapping[str, str] | None = None,
) -> Iterator[Batch]:
    """Yield the batches in *changes*: sets of paths that were touched, empty ones while nothing happens.

    *clock* gives the time in seconds, from any moment on. *known*: sources that run, of modules whose versions otpy has
    not loaded itself; a file that says the same is no news.
    """

    def running(name: str) -> str | None:
        """The source that *name* runs; "" if it is loaded and that is not known, None if it is not loaded."""
        if name not in sys.modules:
            return None
        version = histories.current(name)
        return version.source if version is not None else (known or noted).get(name, "")

    saves = Saves(name_of=module_of, running=running, settle=settle, patience=patience)
    given: dict[str, str] = {}
    for paths in changes:
        saves.touched((path for path in paths if path.suffix == ".py"), clock())
        batch = saves.take(clock())
        if batch is not None and not _is_repeated(batch, given):
            yield batch


def module_of(path: Path) -> str | None:
    """The module whose file *path* is: a loaded one, or one that a loaded package would find there; else None."""
    real = path.resolve()
    packages: dict[Path, str] = {}
    for name, module in tuple(sys.modules.items()):
        if name == "__main__" or name.partition(".")[0] == "otpy":
            continue
        if _file_of(module) == real:
            return name
        packages.update((Path(folder).resolve(), name) for folder in _folders(module))
    return _new_module(real, packages)


def _new_module(path: Path, packages: dict[Path, str]) -> str | None:
    """The name under which one of *packages*, by their folders, would find *path*."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while folder != folder.parent:
        if folder in packages:
            return ".".join([packages[folder], *parts]) if all(part.isidentifier() for part in parts) else None
        parts.insert(0, folder.name)
        folder = folder.parent
    return None


def _file_of(module: ModuleType) -> Path | None:
    home = home_of(module)
    return Path(home).resolve() if home is not None else None


def _folders(module: ModuleType) -> list[str]:
    """The folders in which a package looks for its modules."""
    try:
        return [folder for folder in getattr(module, "__path__", ()) if isinstance(folder, str)]
    except Exception:  # noqa: BLE001 - an object among the modules that is none, and does what it likes
        return []


def _is_repeated(batch: Batch, given: dict[str, str]) -> bool:
    """Whether all of *batch* was in the last one of the same modules: a file that was touched, and did not change."""
    repeated = not batch.deleted and all(given.get(name) == source for name, source in batch.sources.items())
    given.update(batch.sources)
    for name in batch.deleted:
        given.pop(name, None)
    return repeated


def _changes(paths: list[Path], stop: Event) -> Iterator[Collection[Path]]:
    """The paths that are touched, as watchfiles tells; nothing, every now and then."""
    for path in paths:
        if not path.exists():
            msg = f"{path} is not there; give files or folders that are"
            raise FileNotFoundError(msg)
    watchfiles = _watchfiles()
    files = {path for path in paths if not path.is_dir()}
    # An editor that saves by renaming gives the file another inode: so the folder is watched, not the file.
    folders = [path for path in paths if path.is_dir()]
    roots = [*folders, *{path.parent for path in files}]

    def wanted(_change: Any, name: str) -> bool:
        path = Path(name)
        return path.suffix == ".py" and (path in files or any(path.is_relative_to(folder) for folder in folders))

    for touched in watchfiles.watch(
        *roots,
        watch_filter=wanted,
        debounce=_TICK_MS,
        step=_TICK_MS // 2,
        stop_event=stop,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=bool(folders),
    ):
        yield {Path(name) for _, name in touched}


def _watchfiles() -> Any:
    try:
        import watchfiles  # noqa: PLC0415 - an extra, and not light
    except ModuleNotFoundError as error:
        msg = "to watch files, otpy needs watchfiles: pip install otpy[watch]"
        raise ModuleNotFoundError(msg, name="watchfiles") from error
    return watchfiles
