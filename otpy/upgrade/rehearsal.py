"""The rehearsal: converting copies of live states with the new definitions, before anybody is paused for it.

States are copied between two messages, a few processes at a time. The conversion runs on the copies, in a mirror of the
program as it will be (see mirror.py); what it does to otpy and to the world is refused; and the outcome is thrown away.

Of many processes of one behaviour some are tried, spread over all: the upgrade itself converts copies too, and takes
everything back if one fails. The rehearsal is there to find out early, not to be the safety net.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import msgspec

from otpy.behaviours.children_plan import ChildrenPlan
from otpy.behaviours.migrations import Copies, Report
from otpy.errors import CallTimeout, MigrationFailed, RehearsalFailed, SuspendTimeout, UpgradeError
from otpy.kernel.process import Process
from otpy.kernel.rehearsal import rehearsing
from otpy.safety.effects import KINDS, watched
from otpy.upgrade.attempts import Attempt
from otpy.upgrade.children import proposal
from otpy.upgrade.conversion import state_of
from otpy.upgrade.handlers import has_handlers
from otpy.upgrade.members import nobody
from otpy.upgrade.raised import is_end
from otpy.upgrade.report import Rehearsal, Rehearsed
from otpy.upgrade.resting import Resting, bring_to_rest
from otpy.upgrade.trial import Trial

if TYPE_CHECKING:
    from otpy.upgrade.transaction import Transaction

SAMPLE: Final = 100
"""Processes of one behaviour that are tried."""
TOGETHER: Final = 20
"""Processes whose states are copied at once."""
HARMLESS: Final = ("sleep",)
"""What copies may do while they are converted, although it asks something of otpy."""
PATIENCE: Final = 0.005
"""Seconds to wait for processes to be between two messages."""


Proposals: TypeAlias = dict[Process, ChildrenPlan]
"""What the new versions of supervisors would make of their children."""


def rehearse(transaction: Transaction, members: Sequence[Process]) -> tuple[Rehearsal, Proposals]:
    """Convert copies of the states of *members*, and ask supervisors what their children will be.

    Returns how it went, and what the supervisors said. What has failed for a reason that may lie in the mirror becomes
    a warning of *transaction*: the upgrade itself will tell. Raises RehearsalFailed.
    """
    groups: dict[type, list[Process]] = {}
    for process in members:
        groups.setdefault(type(process.actor), []).append(process)
    trial = Trial(transaction)
    tries: list[_Tries | _Proposals] = [
        (_Proposals if getattr(kind, "supervises", False) else _Tries)(transaction, trial, kind, processes)
        for kind, processes in groups.items()
    ]
    found = tuple(within(transaction, each) for each in tries)
    effects = tuple(dict.fromkeys(effect for each in tries for effect in each.effects))
    rehearsal = Rehearsal(tuple(each for each in found if each.tried), effects)
    errors = [error for each in tries for error in each.errors]
    doubts = trial.doubts(errors) if rehearsal.problems and not effects else []
    if doubts:
        transaction.warnings += [
            f"{problem} (in the rehearsal, which cannot judge it: {'; '.join(doubts)})"
            for problem in rehearsal.problems
        ]
    elif not rehearsal:
        message = f"the rehearsal failed, nobody was paused for it:\n{rehearsal}"
        first = next(iter(errors), None)
        pid, reason = getattr(first, "pid", None), getattr(first, "reason", None)
        raise RehearsalFailed(message, rehearsal.problems, pid, reason) from first
    return rehearsal, {process: plan for each in tries for process, plan in each.proposals.items()}


def within(transaction: Transaction, tries: _Tries | _Proposals) -> Rehearsed:
    """Run *tries* for as long as something comes of it.

    Raises RehearsalFailed, and ReloadTimeout when the time for the whole is over.
    """
    seconds, steps = transaction.options.code_change_timeout, transaction.steps
    attempt = Attempt(tries.run, label="rehearsal", late=_forget)
    before = -1
    while before != tries.progress and steps.seconds_left() > 0:
        before = tries.progress
        with contextlib.suppress(CallTimeout):
            return attempt.outcome(min(seconds, steps.seconds_left()))
    where = attempt.give_up().where
    steps.in_time("rehearse")
    message = f"{tries.name}: the conversion of a copy did not end within {seconds} s; it stood at {where}"
    raise RehearsalFailed(message, (message,))


def _forget(_found: Rehearsed) -> None:
    """Nobody waits for it any more."""


def sample(processes: Sequence[Process], most: int) -> list[Process]:
    """Return at most *most* of *processes*, spread evenly."""
    if len(processes) <= most:
        return list(processes)
    return [processes[index * len(processes) // most] for index in range(most)]


@final
class _Tries:
    """The tries with the processes of one class."""

    def __init__(self, transaction: Transaction, trial: Trial, kind: type, processes: list[Process]) -> None:
        self.errors: list[Exception] = []
        self.effects: list[str] = []
        self.proposals: Proposals = {}
        self._transaction = transaction
        self._kind = kind
        self._processes = processes
        self._reports: list[Report] = []
        self.name = _name(kind)
        self.progress = 0
        self._copies = Copies()
        self.trial = trial

    def run(self) -> Rehearsed:
        """Try a sample of them."""
        chosen = sample(self._processes, self._most())
        tried = 0
        for start in range(0, len(chosen), TOGETHER):
            for process, state in self._copied(chosen[start : start + TOGETHER]):
                tried += 1
                self.progress += 1
                self._try(process, state)
        return Rehearsed(
            behaviour=self.name,
            tried=tried,
            total=len(self._processes),
            migrated=sum(1 for report in self._reports if report.migrated),
            problems=tuple(map(str, self.errors)),
            dropped=_by_class(report.dropped for report in self._reports),
            filled=_by_class(report.filled for report in self._reports),
            busy=len(chosen) - tried,
        )

    def _most(self) -> int:
        """Return how many are tried: none, if the states are to be made anew, or nothing of them would change."""
        transaction = self._transaction
        if transaction.options.state in ("reset", "preserve"):
            return 0
        if has_handlers(self._kind):
            return SAMPLE
        way = self.trial.part(self._kind, self._processes[0].vsn).way
        automatic = way.kind == "automatic" and bool(transaction.preparation.changed_classes)
        return SAMPLE if way.runs_code or automatic else 0

    def _copied(self, group: list[Process]) -> list[tuple[Process, Any]]:
        """Return copies of the states of *group*, taken while it rests; without those that do not come to rest."""
        while group:
            try:
                resting = self._rest(group)
            except SuspendTimeout as busy:
                group = [process for process in group if process is not busy.pid]
                continue
            try:
                return [(process, self._copies.copy(state_of(process)).value) for process in resting.started()]
            finally:
                resting.resume()
        return []

    def _rest(self, group: list[Process]) -> Resting:
        transaction = self._transaction
        quick = msgspec.structs.replace(transaction.options, suspend_timeout=PATIENCE)
        return bring_to_rest(transaction.runtime, lambda: [group], nobody, options=quick, steps=transaction.steps)

    def _try(self, process: Process, state: Any) -> None:
        """Convert one copy, and throw the outcome away."""
        allow = (*HARMLESS, *self._transaction.policy.otpy_effects)
        with _stopping(self._transaction, self.effects), rehearsing(allow=allow) as seen:
            try:
                self._reports.append(self.trial.convert(process, state, kind=self._kind).report)
            except UpgradeError as error:
                self.errors.append(error)
        self.effects += map(str, seen.refused)


@final
class _Proposals:
    """The supervisors of one class: their new `init` is asked, and has to be pure."""

    def __init__(self, transaction: Transaction, trial: Trial, kind: type, processes: list[Process]) -> None:
        self.errors: list[Exception] = []
        self.effects: list[str] = []
        self.proposals: Proposals = {}
        self.name = _name(kind)
        self.progress = 0
        self.trial = trial
        self._transaction = transaction
        self._kind = kind
        self._processes = processes

    def run(self) -> Rehearsed:
        """Ask all of them, but for those that have only begun: they have no state yet, and ask by themselves."""
        begun = [process for process in self._processes if process.state is not None]
        for process in begun:
            self._ask(process)
            self.progress += 1
        count, total = len(begun), len(self._processes)
        return Rehearsed(self.name, tried=count, total=total, problems=tuple(map(str, self.errors)), busy=total - count)

    def _ask(self, process: Process) -> None:
        new_class, allow = self.trial.new_class(self._kind), self._transaction.policy.otpy_effects
        try:
            with _stopping(self._transaction, self.effects):
                state, extra = self.trial.state_of(process), self.trial.extra_for(self._kind)
                plan, seen = proposal(process, new_class, state=state, extra=extra, allow=allow)
        except BaseException as error:  # whatever `init` raises is what is wrong with it
            if is_end(error):
                raise
            if process.exit_reason is not None:
                return  # it has ended meanwhile, and its state with it
            text = f"{process!r}: the init of {self.name} cannot be asked again: {type(error).__name__}: {error}"
            self.errors.append(MigrationFailed(text, process, error))
            return
        self.effects += map(str, seen.refused)
        self.proposals[process] = plan


@contextlib.contextmanager
def _stopping(transaction: Transaction, effects: list[str]) -> Generator[None]:
    """Stop what the block does to the world, and add it to *effects*, in case the code swallows the error."""
    allow = KINDS if transaction.options.allow_dangerous else transaction.policy.effects
    with watched(allow=allow) as world:
        try:
            yield
        finally:
            effects += map(str, world.refused)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _by_class(found: Iterable[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Put together what several reports say of the fields of each class."""
    together: dict[str, dict[str, None]] = {}
    for each in found:
        for cls, names in each.items():
            together.setdefault(cls, {}).update(dict.fromkeys(names))
    return {cls: tuple(names) for cls, names in together.items()}
