"""Which upgrades count: what each module was brought to last, and what of that can be made permanent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otpy.errors import StoreError
from otpy.store.values import ModuleChange, Record


def installed(records: Iterable[Record]) -> dict[str, tuple[int, ModuleChange]]:
    """Return the last completed change of each module, with the id of its upgrade; *records* are oldest first."""
    return {
        change.module: (record.id, change)
        for record in records
        if record.state in {"committed", "permanent"}
        for change in record.modules
    }


def to_make_permanent(
    records: Iterable[Record], *, boot: int, modules: Sequence[str] | None
) -> tuple[tuple[int, ModuleChange], ...]:
    """Return the changes, with their upgrades, that `make_permanent` is about.

    Only what was upgraded since start *boot* of the node runs now; what an earlier one had is gone with it.

    Raises: StoreError, if one of *modules* was not upgraded since.
    """
    running = installed(record for record in records if record.boot == boot)
    if modules is None:
        return tuple(running.values())
    if missing := [name for name in modules if name not in running]:
        msg = (
            f"{', '.join(missing)}: no upgrade was completed since this node started, so nothing can be made "
            f"permanent; upgraded were: {', '.join(running) or 'none'}"
        )
        raise StoreError(msg)
    return tuple(running[name] for name in modules)


def names(modules: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the names in *modules*, each once; None stays None. Raises: TypeError, if it is a single name."""
    if isinstance(modules, str):
        msg = f"modules={modules!r}: give a collection of names, such as [{modules!r}]"
        raise TypeError(msg)
    return None if modules is None else tuple(dict.fromkeys(modules))


def check_limit(limit: int | None) -> None:
    """Refuse a number of records that is none. Raises: ValueError."""
    if limit is not None and limit < 0:
        msg = f"limit={limit}: give how many of the last to return, or None for all"
        raise ValueError(msg)
