"""Telling the store what one upgrade does: that it begins, its steps, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, final

from otpy.behaviours.migrations.plain import Room, Stored, to_bytes
from otpy.errors import ForcedRollback, StoreError, UpgradeError
from otpy.kernel.process import Process
from otpy.store.recorder import Recorder
from otpy.store.values import Ending, Planned, Record, Snapshot, Source
from otpy.store.values import Step as StoredStep
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.report import Step, UpgradeRecord, UpgradeReport

STATES_SIZE: Final = 256 * 1024
"""Bytes, about, that are kept of the states of one upgrade: it takes them down while everybody rests."""


@final
class Recording:
    """The record of one upgrade. It is written from `begin` on; one that fails earlier is written at its end."""

    def __init__(self, recorder: Recorder, preparation: Preparation, *, asked_by: str) -> None:
        self.recorder = recorder
        self.id: int | None = None
        self._preparation = preparation
        self._asked_by = asked_by
        self._early: list[Step] = []
        self._states: list[Snapshot] = []

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is to be done, and so nothing recorded."""
        return self._preparation.options.dry_run

    def begin(self) -> int:
        """Write that it begins. Raises StoreError; then it must not."""
        if self.id is None:
            self.id = self.recorder.begin(self._planned())
            for step in self._early:
                self.recorder.step(self.id, StoredStep(step.name, step.seconds))
        return self.id

    def heard(self, step: Step) -> None:
        """Take down a step that has ended."""
        if self.id is None:
            self._early.append(step)
        else:
            self.recorder.step(self.id, StoredStep(step.name, step.seconds))

    def states(self, found: Sequence[tuple[Process, Any, Any]]) -> list[str]:
        """Take down what the states of some processes were and will be; return what went wrong.

        They wait: nothing is written yet, and there is only so much room for them all.
        """
        share, problems = STATES_SIZE // max(2 * len(found), 1), list[str]()
        for process, before, after in found:
            for moment, state in (("before", before), ("after", after)):
                try:
                    stored = to_bytes(state, Room(share))
                except Exception as error:  # noqa: BLE001 - of what users have registered, or of a value
                    problems.append(f"the state of {process!r} is not kept: {type(error).__name__}: {error}")
                    stored = Stored(None, (f"state: {type(error).__name__}: {error}",))
                self._states.append(_snapshot(process, moment, stored))
        return problems

    def end(self, report: UpgradeReport, error: BaseException | None) -> str | None:
        """Write how it ended; returns what people have to be told if that cannot be written."""
        ended = Ending(
            state="committed" if report.status == "completed" else "rolled_back",
            outcome=outcome_of(report, error),
            seconds=report.reload_time_s,
            paused_s=report.paused_s,
            processes=len(report.affected_processes),
            migrated=report.migrated,
            error_class=None if error is None else type(error).__name__,
            error=None if error is None else str(error),
            warnings=report.warnings,
        )
        try:
            number = self.begin()
        except StoreError as refused:  # *error* is to be heard of first, if that is not it
            return str(refused)
        problem = self.recorder.end(number, ended)
        if not self._states or ended.state != "committed":
            return problem
        try:
            self.recorder.snapshot(number, self._states)
        except StoreError as refused:
            return problem or f"the states before and after are not kept: {refused}"
        return problem

    def _planned(self) -> Planned:
        found = self._preparation
        running = (version for version in found.running.values() if version is not None)
        return Planned(
            sources=tuple(Source(n, _vsn(found, n), source) for n, source in found.given.items()),
            running=tuple(Source(version.name, str(version.vsn), version.source) for version in running),
            trigger=found.options.trigger,
            strategy=found.options.strategy,
            asked_by=self._asked_by,
            dependents=found.dependents,
        )


def _snapshot(process: Process, moment: Any, stored: Stored) -> Snapshot:
    kind = type(process.actor)
    return Snapshot(
        process=repr(process),
        behaviour=f"{kind.__module__}.{kind.__qualname__}",
        vsn="" if process.vsn is None else str(process.vsn),
        moment=moment,
        state=stored.data,
        not_stored="; ".join(stored.left_out),
    )


def _vsn(found: Preparation, name: str) -> str:
    """Return the version that *name* was to have; the empty string if its source has none, as it does not parse."""
    running = found.running.get(name)
    version = found.new.get(name) or (running if running is not None and running.source == found.given[name] else None)
    return "" if version is None else str(version.vsn)


def outcome_of(report: UpgradeReport, error: BaseException | None) -> str:
    """Return in one word how it ended."""
    if error is None:
        return report.status
    if isinstance(error, ForcedRollback):
        return "forced"
    paused = any(step.name == "suspend" for step in report.steps)
    return "rolled_back" if paused or not isinstance(error, UpgradeError) else "refused"


def record_of(record: Record, report: UpgradeReport | None) -> UpgradeRecord:
    """Return what `history` gives of a stored record; *report* is known of upgrades of this life of the node."""
    return UpgradeRecord(
        started_at=record.started.astimezone().isoformat(timespec="milliseconds"),
        modules=tuple(change.module for change in record.modules),
        status=_status(record),
        from_version={c.module: c.before for c in record.modules if c.before is not None},
        to_version={c.module: c.after for c in record.modules if record.state in {"committed", "permanent"}},
        processes=record.processes if report is None else len(report.affected_processes),
        error=None if record.error is None else f"{record.error_class}: {record.error}",
        report=report,
        id=str(record.id),
        trigger=record.trigger,
        strategy=record.strategy,
        error_class=record.error_class,
    )


def _status(record: Record) -> str:
    match record.state:
        case "committed" | "permanent":
            return "completed"
        case "rolled_back":
            return "rolled_back_by_watch" if record.outcome == "rolled_back_by_watch" else "rolled_back"
        case _:
            return record.state


def history(records: Iterable[Record], reports: dict[int, UpgradeReport], name: str | None) -> list[UpgradeRecord]:
    """Return the upgrades, oldest first; of module *name* only, if given."""
    found = [record_of(record, reports.get(record.id)) for record in records]
    return [record for record in found if name is None or name in record.modules]
