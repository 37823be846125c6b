"""One upgrade as a transaction: it completes, or it never happened.

The steps stand in `Transaction.run`, in their order. Whatever changes something that others can see goes through the
journal, which has the inverse first; on any failure, the journal is walked back and everybody goes on. Nothing that a
program sees is touched before `install`, and from `suspend` to `resume` no process of the set runs but for its own
conversion. Where only bodies change, nobody is suspended: the steps find an empty set.

Source: OTP release_handler: suspend all, load, code_change each, resume. The way back is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, final

from otpy.analysis.pauses import PauseRecord
from otpy.behaviours.behaviour import Behaviour, seen
from otpy.behaviours.migrations import Copies
from otpy.code.journal import Journal
from otpy.errors import IncompatibleUpgrade, PlanRefused, ServerExited, SuspendTimeout, UpgradeFromWithin
from otpy.kernel.actors import Actor, FunctionProcess
from otpy.kernel.calls import PENDING, Failed
from otpy.kernel.process import Process
from otpy.kernel.runtime import Runtime, runtimes_beside
from otpy.kernel.suspension import awaited_by
from otpy.safety.limits import check_plan
from otpy.safety.policy import Policy
from otpy.upgrade import children, classes
from otpy.upgrade.ahead import Ahead
from otpy.upgrade.applications import Renewal
from otpy.upgrade.between import between_slices
from otpy.upgrade.children import Succession
from otpy.upgrade.commit import commit, commit_messages, commit_what_came
from otpy.upgrade.conversion import Conversion, state_of
from otpy.upgrade.converting import Converting
from otpy.upgrade.coordinator import can_wait, in_any_case
from otpy.upgrade.forecast import plan_for
from otpy.upgrade.handlers import with_managers
from otpy.upgrade.levels import levels_of_members
from otpy.upgrade.members import Concerned, Holders, concerns, nobody, one_of_each, processes_of
from otpy.upgrade.options import Options
from otpy.upgrade.preparation import Preparation
from otpy.upgrade.rehearsal import rehearse
from otpy.upgrade.report import Rehearsal, UpgradeReport
from otpy.upgrade.resting import Levels, Resting, bring_to_rest
from otpy.upgrade.steps import Steps, Tell
from otpy.upgrade.strays import strays
from otpy.upgrade.watch import Watch

log = logging.getLogger("otpy.upgrade")

STATES_NOTED: Final = 16
"""Servers whose states before and after are kept in the store: those of all would cost too long a pause."""

NoteStates: TypeAlias = Callable[[Sequence[tuple[Process, Any, Any]]], Iterable[str]]
"""Takes processes with their states before and after, while all are at rest; returns what went wrong, for warnings."""


@final
class Transaction:
    """The upgrade of some modules, given as name → source. Use it once: `run`."""

    def __init__(
        self,
        runtime: Runtime,
        sources: Mapping[str, str],
        options: Options,
        *,
        asked_by: Process,
        policy: Policy,
        pauses: Callable[[], Iterable[PauseRecord]] = tuple,
        until: float | None = None,
    ) -> None:
        """*pauses*: how long processes paused in past upgrades, if it matters. *until*: see Steps."""
        self.runtime = runtime
        self.options = options
        self.asked_by = asked_by
        self.policy = policy
        self._pauses = pauses
        self.preparation = Preparation(sources, options)
        self.steps = Steps(runtime.clock, options, until=until)
        self.concerned: Concerned = nobody
        self.warnings: list[str] = []
        self.not_taken_back: list[str] = []
        self.converted = 0
        self.committed = False
        self.rehearsal: Rehearsal | None = None
        self.watch: Watch | None = None
        self.states_before: dict[Process, Any] = {}
        self._record: Callable[[], object] = lambda: None
        self._note_states: NoteStates = lambda _states: ()
        self._journal = Journal()
        self._resting = Resting(options, self.steps)
        self._places: dict[type, str] = {}
        self.converting = Converting(
            self.preparation, options, steps=self.steps, warnings=self.warnings, allowed_effects=policy.otpy_effects
        )
        self._leaving: list[Process] = []
        self._ahead = Ahead(self)
        self._conversions: list[Conversion] = []
        self._successions: list[Succession] = []
        self._renewal: Renewal | None = None
        self._waiting: dict[Process, int] = {}

    def listen(self, record: Callable[[], object], tell: Tell, states: NoteStates) -> None:
        """Have *record* called before anything is touched, which may refuse, and *tell* after each step.

        *states*: see NoteStates.
        """
        self._record = record
        self._note_states = states
        self.steps.tell = tell

    def run(self) -> UpgradeReport:
        """Do it. On any failure everything is as before when this raises."""
        step, preparation = self.steps.step, self.preparation
        try:
            with step("compile"):
                preparation.compile()
            with step("allow"):
                self.warnings += preparation.allow(self.policy)
            with step("record"):
                if not self.options.dry_run:
                    self._record()
            with step("load"):
                preparation.load(self.policy, self.steps)
                self.concerned = preparation.concerned()
                self._stay_within_limits()
            with step("rehearse"):
                self._rehearse()
            if self.options.dry_run:
                preparation.discard()
                return self.report("planned")
            with step("ahead"):
                self._ahead.go()
            with step("suspend"):
                self._suspend()
            with step("go down"):
                self.converting.go_down(self._resting)
            with step("install"):
                self._install()
            with step("convert"):
                self._conversions = self.converting.convert(self._resting)
            with step("commit"):
                self._commit()
            with step("check"):
                self.converting.check(self._resting)
            with step("children"):
                self._start_children()
        except BaseException as error:
            self._undo(error)
            raise
        self._stand()
        return self.report("completed")

    # -- the steps

    def _stay_within_limits(self) -> None:
        """Raise PlanRefused where the policy has a limit for what this would do. Going back is always allowed."""
        if not self.policy.has_limits or self.options.down_to:
            return  # what this would do need not be known: that takes the graph of the whole program
        passed = check_plan(plan_for(self.preparation, self.runtime.processes(), history=self._pauses()), self.policy)
        if passed:
            raise PlanRefused(passed)

    def _rehearse(self) -> None:
        """Ask supervisors what their children will be, convert copies of the live states, and throw them away."""
        members = self._concerned_in(self.runtime)
        self._refuse_myself(members)
        self._refuse_other_runtimes()
        self._check_classes(members)
        self._renewal = Renewal(self.runtime, frozenset(self.preparation.new), self.options)
        self._renewal.read()
        if members and self.options.rehearse:
            with self._renewal.rehearsed(self._will_be):
                self.rehearsal, proposals = rehearse(self, members)
            leaving = [p for supervisor, plan in proposals.items() for p in children.leaving(supervisor, plan)]
            # A plain process, such as a task, rests nowhere between messages: it runs on until it is ended.
            self._leaving = [process for process in leaving if not isinstance(process.actor, FunctionProcess)]

    def _concerned_in(self, runtime: Runtime) -> list[Process]:
        """Return whom in *runtime* it concerns. An edit of bodies concerns nobody, and looks at nobody."""
        return [] if self.concerned is nobody else processes_of(self.concerned, runtime.processes())

    def _refuse_other_runtimes(self) -> None:
        """Code belongs to the interpreter, and states to a runtime: those of another one would not be converted."""
        others = [process for runtime in runtimes_beside(self.runtime) for process in self._concerned_in(runtime)]
        if others:
            msg = (
                f"{len(others)} processes of another runtime run code that changes, such as {others[0]!r}; an upgrade "
                "converts those of the runtime that it is asked from: stop the other one, or end them first"
            )
            raise IncompatibleUpgrade(msg)

    def _suspend(self) -> None:
        """Bring to rest whoever runs code that changes in more than its bodies, or holds instances of what changes."""
        if not self.preparation.touched:
            return
        concerned = with_managers(self.concerned)
        try:
            self._resting = bring_to_rest(self.runtime, self._find(), concerned, options=self.options, steps=self.steps)
        except SuspendTimeout as busy:
            if self.asked_by in awaited_by([busy.pid]):  # so it would be as busy the next time
                raise UpgradeFromWithin(self.asked_by, busy.pid) from busy
            raise
        self._check_classes(self._resting.processes)

    def _check_classes(self, processes: Iterable[Process]) -> None:
        """Refuse what *processes* cannot become. Raises IncompatibleUpgrade."""
        assert self.preparation.prepared is not None
        for kind, process in one_of_each(processes).items():
            if kind not in self._places:
                new = self.preparation.prepared.ghosts.get(kind, self.preparation.replaced.get(kind, kind))
                classes.check(process, kind, new)
                self._places[kind] = kind.runs_on  # type: ignore[attr-defined]

    def _will_be(self, kind: type) -> Any:
        """Return the class that *kind* will be, with the definitions of its new version."""
        assert self.preparation.prepared is not None
        return self.preparation.prepared.ghosts.get(kind, self.preparation.replaced.get(kind, kind))

    def _find(self) -> Callable[[], Levels]:
        """Return what gives the members in levels, callers first, as far as texts and what waits now tell who calls.

        When they are at rest, it gives those whom they have sent instances of changed classes meanwhile.
        """
        holders = Holders(self.preparation.changed_classes)
        holding = holders.among(self.runtime.processes())
        rests = with_managers(self.concerned)
        levels = levels_of_members(processes_of(rests, self.runtime.processes()), self.runtime.processes())

        def find() -> Levels:
            found: list[list[Process]] = [[] for _ in range(max(levels.values(), default=0) + 1)]
            members = dict.fromkeys(self._members(holding))
            for process in members:
                found[levels.get(process, -1)].append(process)
            yield from (level for level in found if level)
            while late := holders.among(p for p in self.runtime.processes() if p not in members):
                self._refuse_myself(late)
                members.update(dict.fromkeys(late))
                yield late

        return find

    def _members(self, holding: list[Process]) -> list[Process]:
        gone_ahead = set(self._ahead.processes)
        rests = with_managers(self.concerned)
        concerned = [p for p in processes_of(rests, self.runtime.processes()) if p not in gone_ahead]
        members = list(dict.fromkeys([*concerned, *holding, *self._leaving]))
        self._refuse_myself(members)
        return members

    def _refuse_myself(self, members: Collection[Process]) -> None:
        if self.asked_by in members:
            raise UpgradeFromWithin(self.asked_by)

    def _install(self) -> None:
        """Put the new definitions in place."""
        preparation, prepared = self.preparation, self.preparation.prepared
        assert prepared is not None
        self.converting.note_shapes(prepared.reshaped)
        if prepared.bodies_only:  # nothing of it runs any code
            between_slices(self.runtime, partial(prepared.install, self._journal))
        else:
            prepared.install(self._journal)
        classes.supersede(preparation.replaced, self._journal)
        classes.rebase(preparation.replaced, preparation.given, self._journal)
        assert self._renewal is not None  # made by the step before
        self._renewal.install(self._journal)
        self._refuse_other_runtimes()  # again: who is started there from now on begins with the new code
        for kind, place in self._places.items():
            self.warnings += classes.check_place(kind, place, (preparation.replaced.get(kind) or kind).runs_on)  # type: ignore[attr-defined]

    def _commit(self) -> None:
        """Give every process its new class, state and version, and its messages their new classes."""
        if self.options.watch is not None and not self.options.watch.keep_work:
            self.states_before = self._states()
        self.converted = sum(conversion.converted for conversion in self._conversions)
        supervising = {kind for kind in {c.new_class for c in self._conversions} if getattr(kind, "supervises", False)}
        own: list[Conversion] = []
        for conversion in self._conversions:
            if conversion.new_class in supervising:
                self._note_children(conversion.process, conversion.state)
            elif len(own) < STATES_NOTED:
                own.append(conversion)
        self.warnings += self._note_states(
            [
                (c.process, seen(c.process, self.converting.state_before(c.process)), seen(c.process, c.state))
                for c in own
            ]
        )
        commit(self._conversions, self._journal)
        migration = self.converting.migrations.here()
        members, replaced = self._resting.members(), self.preparation.replaced
        self._waiting = commit_messages(self.runtime, members, replaced, migration, self._journal)

    def _states(self) -> dict[Process, Any]:
        """Return copies of the states, but of supervisors: who their children are is no work that could be lost."""
        copies = Copies()
        return {
            c.process: copies.copy(state_of(c.process)).value
            for c in self._conversions
            if not getattr(c.new_class, "supervises", False)
        }

    def _note_children(self, process: Process, state: Any) -> None:
        succession = children.succession(process, self.converting.state_before(process), state)
        if succession is not None:
            self._successions.append(succession)

    def _start_children(self) -> None:
        """Start what the new specs add, inside the supervisors, while everybody else is still at rest."""
        for succession in self._successions:
            if not succession.starts:
                continue
            self._journal.write(f"children of {succession.supervisor!r}", partial(self._end_children, succession))
            (outcome,) = self._resting.run([succession.supervisor], succession.start)
            if outcome is PENDING:
                assert self._resting.suspension is not None
                raise succession.deadlock(self._resting.suspension)
            if type(outcome) is Failed and not isinstance(outcome.error, ServerExited):
                raise outcome.error

    def _end_children(self, succession: Succession) -> None:
        if can_wait():
            self._resting.run([succession.supervisor], succession.end)
        else:
            succession.kill()

    # -- the end

    def _stand(self) -> None:
        """It is done, and there is no way back: let everybody go on, whatever becomes of who does this."""
        preparation = self.preparation
        self.committed = True
        self._journal.commit()
        try:
            for succession in self._successions:
                succession.hand_over()
            if self.options.watch is not None:
                self.watch = Watch(self.runtime, self.options.watch, concerns(preparation.reached))
                self.watch.listen()
        finally:
            self._resume()
        for succession in self._successions:
            self.warnings += succession.finish(timeout=self.options.timeout)
        self._conversions, self._waiting = [], {}  # they hold the states of before
        self.converting.forget()
        self.warnings += strays([cls for cls in preparation.replaced if not issubclass(cls, Behaviour | Actor)])
        if self._renewal is not None:
            self.warnings += self._renewal.stand()

    def _undo(self, cause: BaseException) -> None:
        """Walk back, and let everybody go on, whatever happens on the way."""
        come_back = partial(in_any_case, self.runtime, self._ahead.come_back)
        forget_jobs, discard = self._resting.take_back_jobs, self.preparation.discard
        for take_back in (self._journal.undo, forget_jobs, self._resume, come_back, discard):
            try:
                take_back()
            except BaseException as error:  # the rest has to be done; and *cause* is to be said first
                log.exception("an upgrade could not be taken back as a whole")
                cause.add_note(f"and it could not be taken back as a whole: {error!r}")
                self.not_taken_back += map(_told, getattr(error, "exceptions", (error,)))

    def _resume(self) -> None:
        if self._resting.suspension is not None:
            with self.steps.step("resume", last=True):
                try:
                    if self.committed:
                        self._resting.hand_out()
                        self.warnings += commit_what_came(self._waiting, self.converting.migrations.here())
                finally:
                    self._resting.resume()

    @property
    def processes(self) -> list[Process]:
        """The processes that were paused."""
        return list(dict.fromkeys([*self._ahead.processes, *self._resting.processes]))

    def report(self, status: str) -> UpgradeReport:
        """Return what was done so far."""
        preparation = self.preparation
        return UpgradeReport(
            status=status,
            reloaded_modules=tuple(preparation.running or preparation.given),
            affected_processes=tuple(self.processes),
            migrated=self.converted + self._ahead.converted if self.committed else 0,
            dependency_chain=preparation.dependents,
            steps=tuple(self.steps.done),
            paused_s=self._paused(),
            reload_time_s=self.runtime.clock.now() - self.steps.began,
            version={**preparation.old_vsns(), **(preparation.vsns() if self.committed else {})},
            supervisor_changes=tuple(each.change for each in self._successions) if self.committed else (),
            warnings=(*preparation.warnings, *self.warnings),
            not_taken_back=tuple(self.not_taken_back),
            changes=preparation.changes,
            rehearsal=self.rehearsal,
            strategy=self.options.strategy,
        )

    def _paused(self) -> dict[str, float]:
        """Return how long processes were paused: half of them, nearly all, all at most so long."""
        pauses = sorted([*self._ahead.pauses, *[self._resting.pause()] * len(self._resting.processes)])
        if not pauses:
            return {"p50": 0.0, "p99": 0.0, "max": 0.0}
        last = len(pauses) - 1
        return {"p50": pauses[last // 2], "p99": pauses[round(last * 0.99)], "max": pauses[-1]}

    def way_back(self) -> tuple[dict[str, str], Options]:
        """Return the sources and options with which this upgrade is taken back by itself, later."""
        keep_work = self.options.watch is None or self.options.watch.keep_work
        old = self.preparation.running.items()
        before = {name: was for name, was in old if was is not None and name in self.preparation.new}
        options = Options(
            back_to=before,
            down_to={name: was.vsn for name, was in before.items()},
            lenient=True,
            kept=None if keep_work else self.states_before,
            rehearse=False,
            allow_dangerous=True,  # it has run before
            trigger="watch",
            suspend_timeout=self.options.suspend_timeout,
            code_change_timeout=self.options.code_change_timeout,
            timeout=self.options.timeout,
            extra=self.options.extra,
        )
        return {name: was.source for name, was in before.items()}, options


def _told(error: BaseException) -> str:
    notes = ", ".join(getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {error}" + (f" ({notes})" if notes else "")
