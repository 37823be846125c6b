"""The verbs of `otpy.upgrade`: one upgrade at a time, on a thread of its own, recorded in the history.

The coordinator is a process like any other, with its own thread: who asks for an upgrade waits for it without keeping
anybody else waiting.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections import deque
from collections.abc import Generator, Mapping
from typing import Any

from otpy.code import versions
from otpy.code.version import Version
from otpy.errors import NoSuchVersion, ServerExited, UpgradeError, UpgradeInProgress
from otpy.kernel import events
from otpy.kernel.here import waiting
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime, run_on_thread
from otpy.upgrade.recovery import recovery
from otpy.upgrade.report import UpgradeRecord, UpgradeReport
from otpy.upgrade.transaction import Options, Transaction

_RECORDS = 1000

_in_progress = threading.Lock()
_history: deque[UpgradeRecord] = deque(maxlen=_RECORDS)


def reload_module(
    name: str,
    source: str,
    *,
    extra: Any = None,
    suspend_timeout: float = 5.0,
    code_change_timeout: float = 5.0,
    timeout: float = 30.0,
    force_rollback_at: str | None = None,
) -> UpgradeReport:
    """Bring module *name* to *source* while its processes live; what uses it is brought along.

    Its processes, and those of modules that use it, are suspended together, convert their states with `code_change`
    (which gets *extra*), and go on with what has come meanwhile. Pids, links, monitors, timers, names and mailboxes
    stay. If anything fails, everything is as before, and an UpgradeError says why; its `recovery` says what to do.

    *suspend_timeout*, *code_change_timeout* (as long as no process ends its own) and *timeout* (of the whole) are
    seconds.
    *force_rollback_at* names a step after which to roll back, for tests of one's own.
    """
    return reload_modules(
        {name: source},
        extra=extra,
        suspend_timeout=suspend_timeout,
        code_change_timeout=code_change_timeout,
        timeout=timeout,
        force_rollback_at=force_rollback_at,
    )


def reload_modules(
    sources: Mapping[str, str],
    *,
    extra: Any = None,
    suspend_timeout: float = 5.0,
    code_change_timeout: float = 5.0,
    timeout: float = 30.0,
    force_rollback_at: str | None = None,
) -> UpgradeReport:
    """As `reload_module`, for several modules (name → source) as one transaction: all of them, or none."""
    options = Options(
        extra=extra,
        suspend_timeout=suspend_timeout,
        code_change_timeout=code_change_timeout,
        timeout=timeout,
        force_rollback_at=force_rollback_at,
    )
    return _upgrade(sources, options)


def rollback_module(
    name: str,
    target_version: Any = None,
    *,
    extra: Any = None,
    suspend_timeout: float = 5.0,
    code_change_timeout: float = 5.0,
    timeout: float = 30.0,
) -> UpgradeReport:
    """Bring module *name* back to an earlier version: its vsn, or None for the one before.

    The running version converts the states, with `code_change(DownTo(vsn), state, extra)`; one without a code_change
    of its own leaves it to the automatic migration. Raises NoSuchVersion and what `reload_module` raises.
    """
    with _explained((name,)):
        target, goes_down = _target(name, target_version)
    options = Options(
        extra=extra,
        suspend_timeout=suspend_timeout,
        code_change_timeout=code_change_timeout,
        timeout=timeout,
        down_to={name: target.vsn} if goes_down else None,
    )
    return _upgrade({name: target.source}, options)


def history(name: str | None = None) -> list[UpgradeRecord]:
    """Return the upgrades of this interpreter, those that failed too, oldest first; of module *name* only, if given."""
    return [record for record in tuple(_history) if name is None or name in record.modules]


def _target(name: str, target: Any) -> tuple[Version, bool]:
    """Return the newest version of *name* that is *target*, and whether it is an earlier one than what runs.

    None is the one before the running one was first loaded. So going back again goes further back, and not forth.
    """
    known = versions(name)
    vsns = [version.vsn for version in known]
    first = vsns.index(vsns[-1]) if known else 0
    for version in reversed(known[:first] if target is None else known[:-1]):
        if target is None or version.vsn == target:
            return version, vsns.index(version.vsn) < first
    raise NoSuchVersion(name, target if target is not None else "before this one", vsns)


def _upgrade(sources: Mapping[str, str], options: Options) -> UpgradeReport:
    _check_sources(sources)
    me = waiting()
    with _explained(tuple(sources)):
        try:
            return run_on_thread(_run, me.runtime, sources, options, me, label="upgrade")  # type: ignore[no-any-return]
        except ServerExited as ended:
            if ended.server is not me.runtime.system:
                raise
            msg = f"the process that carries out the upgrade was ended with {ended.reason!r}; it takes back what it did"
            raise UpgradeError(msg) from ended


@contextlib.contextmanager
def _explained(names: tuple[str, ...]) -> Generator[None]:
    """Have every UpgradeError say what was tried and what can be done."""
    try:
        yield
    except UpgradeError as error:
        if error.report is None:
            error.report = UpgradeReport("rolled_back", names)
        error.recovery = recovery(error)
        raise


def _check_sources(sources: Mapping[str, str]) -> None:
    if not sources:
        msg = "no sources: give the name and the new source of at least one module"
        raise ValueError(msg)
    for name, source in sources.items():
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            msg = f"{name!r} is no module name; give it as in `import`, such as 'shop.cart'"
            raise ValueError(msg)
        if not isinstance(source, str):
            msg = f"the source of {name} is {type(source).__name__}; give its text (str)"
            raise TypeError(msg)


def _run(runtime: Runtime, sources: Mapping[str, str], options: Options, asked_by: Process) -> UpgradeReport:
    if not _in_progress.acquire(blocking=False):
        raise UpgradeInProgress
    try:
        return _transact(Transaction(runtime, sources, options, asked_by))
    finally:
        _in_progress.release()


def _transact(transaction: Transaction) -> UpgradeReport:
    started_at = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
    events.emit("upgrade.start", modules=tuple(transaction.sources))
    try:
        report = transaction.run()
    except BaseException as error:  # also when this process has been ended: what was done is recorded all the same
        report = transaction.report("completed" if transaction.committed else "rolled_back")
        _record(transaction, started_at, report, f"{type(error).__name__}: {error}")
        if isinstance(error, UpgradeError):
            error.report = report
        raise
    _record(transaction, started_at, report, None)
    return report


def _record(transaction: Transaction, started_at: str, report: UpgradeReport, error: str | None) -> None:
    record = UpgradeRecord(
        started_at=started_at,
        modules=report.reloaded_modules,
        status=report.status,
        from_version=dict(transaction.old_vsns),
        to_version=report.version if transaction.committed else {},
        processes=len(report.affected_processes),
        error=error,
        report=report,
    )
    _history.append(record)
    events.emit("upgrade.end", record=record)
