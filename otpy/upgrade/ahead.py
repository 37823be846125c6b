"""Processes that go ahead of the others: group after group ("rolling"), or a few that are watched first ("canary").

Two versions then run side by side: those that went ahead are of the new classes, everybody else and the module itself
are as before. So only what belongs to a single process may change: behaviour classes, and the classes of states.
Everything else changes for everyone at once, and an edit of it is refused with its name.

While they are ahead, functions of the new classes see the names of the new version and share all that did not change
with the old one. When all have gone well, the module is brought to the new version in one step, and nobody has to rest
for that but those who are left. If something fails, those ahead go back the way they came, by `DownTo` or the automatic
migration, so that the work done meanwhile is kept.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, final

from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.gen import Request
from otpy.code.finding import functions_of
from otpy.code.journal import Journal
from otpy.code.verdicts import DefinitionChange
from otpy.errors import CallTimeout, CanaryFailed, IncompatibleUpgrade, MigrationFailed
from otpy.kernel.actors import Actor
from otpy.kernel.calls import Failed
from otpy.kernel.process import Process
from otpy.upgrade.check_upgrade import check_upgrade, may_ask
from otpy.upgrade.commit import commit
from otpy.upgrade.conversion import Course, DownTo, Migrations, finished
from otpy.upgrade.members import nobody, processes_of
from otpy.upgrade.options import WatchPolicy
from otpy.upgrade.reaching import names_in
from otpy.upgrade.resting import Resting, bring_to_rest
from otpy.upgrade.steps import Steps
from otpy.upgrade.users_part import Changed, UsersPart
from otpy.upgrade.visiting import Visit
from otpy.upgrade.watch import Watch
from otpy.upgrade.ways import Way, way_of

if TYPE_CHECKING:
    from otpy.upgrade.preparation import Preparation
    from otpy.upgrade.transaction import Transaction


@final
class Ahead:
    """The processes of one upgrade that go ahead."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.processes: list[Process] = []
        """Those that went to the new version."""
        self.pauses: list[float] = []
        """Seconds, of each of them."""
        self.converted = 0

    def go(self) -> None:
        """Bring them to the new version, as the strategy says; a warning says so if that is nobody."""
        self._go()
        transaction, strategy = self._transaction, self._transaction.options.strategy
        if strategy == "atomic" or self.processes:
            return
        together = processes_of(transaction.concerned, transaction.runtime.processes())
        if together:
            transaction.warnings.append(
                f'strategy="{strategy}": nobody went ahead, as no behaviour of a server has changed; '
                f"{len(together)} processes go together"
            )

    def _go(self) -> None:
        match self._transaction.options.strategy:
            case "atomic":
                return
            case "rolling":
                refuse_what_is_shared(self._transaction.preparation)
                for group in self._groups():
                    self._transaction.steps.in_time("ahead")
                    self._bring(group)
            case "canary":
                refuse_what_is_shared(self._transaction.preparation)
                watch = self._watch()
                watch.listen()
                try:
                    self._bring(self._canaries())
                    self._await(watch)
                finally:
                    watch.stop()

    def come_back(self) -> None:
        """Take those that went ahead back, the last ones first; one that cannot is ended, and its supervisor acts."""
        if not self.processes:
            return
        replaced = self._transaction.preparation.replaced
        inverse: dict[type, type | None] = {new: old for old, new in replaced.items() if new is not None}
        while self.processes:
            process = self.processes.pop()
            if process.exit_reason is None:
                self._take_back(process, inverse)

    # -- who

    def _candidates(self) -> list[Process]:
        """Return those of the old classes, without supervisors: what their children are concerns all."""
        transaction = self._transaction
        replaced = transaction.preparation.replaced
        concerned = processes_of(transaction.concerned, transaction.runtime.processes())
        return [p for p in concerned if replaced.get(type(p.actor)) and not getattr(p.actor, "supervises", False)]

    def _groups(self) -> Iterator[list[Process]]:
        """Yield them in groups. Who is started meanwhile stays behind, and comes with the module itself."""
        candidates, size = self._candidates(), self._transaction.options.group_size
        for start in range(0, len(candidates), size):
            yield [process for process in candidates[start : start + size] if process.exit_reason is None]

    def _canaries(self) -> list[Process]:
        """Return the first few of each behaviour."""
        chosen: dict[type, list[Process]] = {}
        for process in self._candidates():
            chosen.setdefault(type(process.actor), []).append(process)
        return [process for each in chosen.values() for process in each[: self._transaction.options.canaries]]

    # -- there

    def _bring(self, group: Sequence[Process]) -> None:
        """Bring *group* to the new version, all of it or none."""
        if len(group) == 1 and self._transaction.converting.converts_here(group[0]) and self._visit(group[0]):
            return
        converting, journal = self._transaction.converting, Journal()
        resting = self._rest(group)
        try:
            conversions = converting.convert(resting)
            commit(conversions, journal)
            converting.check(resting)
        except BaseException:
            journal.undo()
            resting.take_back_jobs()
            raise
        finally:
            resting.resume()
        self.processes += resting.processes
        self.converted += sum(conversion.converted for conversion in conversions)
        self.pauses += [resting.pause()] * len(resting.processes)

    def _visit(self, process: Process) -> bool:
        """Have *process* bring itself to the new version; False if it is not idle."""
        options = self._transaction.options
        visit = Visit(process, self._bring_itself)
        try:
            if not visit.run(min(options.code_change_timeout, self._transaction.steps.seconds_left())):
                return False
        except CallTimeout:
            self._transaction.steps.in_time("ahead")
            late = f"{process!r}: code_change did not end within {options.code_change_timeout} s"
            raise MigrationFailed(late, process) from None
        if process in self.processes:
            self.pauses.append(visit.pause)
        return True

    def _bring_itself(self, visit: Visit) -> None:
        """Bring the process of *visit*, which runs this itself, to the new version, or leave it as it is."""
        converting, journal, process = self._transaction.converting, Journal(), visit.process
        conversion = converting.convert_here(process)
        if conversion is None:
            return
        self.processes.append(process)  # before the claim: who has given up sees that it has to be taken back
        if not visit.claim():
            self.processes.remove(process)
            return
        try:
            commit([conversion], journal)
            if may_ask(type(process.actor)):
                check_upgrade(process)
        except BaseException:
            journal.undo()
            self.processes.remove(process)
            raise
        self.converted += conversion.converted

    def _rest(self, group: Sequence[Process], steps: Steps | None = None) -> Resting:
        transaction = self._transaction
        return bring_to_rest(
            transaction.runtime, lambda: [group], nobody, options=transaction.options, steps=steps or transaction.steps
        )

    def _watch(self) -> Watch:
        """Return what watches the processes that are on the new version."""
        transaction = self._transaction
        news = frozenset(new for new in transaction.preparation.replaced.values() if new is not None)
        return Watch(transaction.runtime, transaction.options.watch or WatchPolicy(), news.__contains__)

    def _await(self, watch: Watch) -> None:
        """Watch the canaries. Raises CanaryFailed."""
        with self._transaction.steps.unhurried():
            why = watch.wait()
        if why is not None:
            raise CanaryFailed(why, len(self.processes))

    # -- and back

    def _take_back(self, process: Process, inverse: dict[type, type | None]) -> None:
        transaction, journal, resting = self._transaction, Journal(), None
        own_time = Steps(transaction.runtime.clock, transaction.options)  # that of the upgrade may be over
        try:
            resting = self._rest([process], own_time)
            migrations = Migrations(inverse)
            course = self._course_back(process, migrations)
            (outcome,) = resting.run([process], lambda p: course.part.change(p, course.state_of(p)))
            commit([finished(process, course, migrations, _done(outcome))], journal)
        except Exception as error:  # noqa: BLE001 - the others have to go back all the same
            journal.undo()
            transaction.not_taken_back.append(f"{process!r} was ended, since it could not go back: {error}")
            transaction.runtime.kill(process)
        finally:
            if resting is not None:
                resting.resume()

    def _course_back(self, process: Process, migrations: Migrations) -> Course:
        """Return how *process* goes back to the old version, as its running class says."""
        kind, options = type(process.actor), self._transaction.options
        target = migrations.classes.get(kind) or kind
        old = self._transaction.converting.versions.gone_back(target)
        way = way_of(kind, old_vsn=process.vsn, new_vsn=old, mode=options.state_for(kind))
        part = UsersPart(way if way.runs_code else Way("automatic"), kind, DownTo(old), options.extra_for(kind))
        return Course(kind, target, vsn=old, part=part, migrations=migrations)


def _done(outcome: Any) -> Changed:
    """Return what a job came to; raise why it came to nothing."""
    if isinstance(outcome, Changed):
        return outcome
    if type(outcome) is Failed:
        raise outcome.error
    msg = "it took too long"
    raise MigrationFailed(msg)


# -- what may be changed for one process alone -----------------------------------------------------------


def refuse_what_is_shared(preparation: Preparation) -> None:
    """Refuse an edit of what all processes share. Raises IncompatibleUpgrade, naming each definition."""
    reasons = [*map(str, filter(None, (_shared(c, preparation) for c in preparation.changes)))]
    reasons += [f"{name}: derived from what changes" for name in sorted(preparation.touched - preparation.new.keys())]
    reasons += [reason for version in preparation.new.values() for reason in _globals_in(version.tree, version.name)]
    reasons += _messages(preparation)
    reasons += [reason for name in preparation.new for reason in _left_behind(name, preparation)]
    if reasons:
        strategy = preparation.options.strategy
        msg = f'strategy="{strategy}" is for behaviours and their states; use "atomic", for these change for all:\n'
        raise IncompatibleUpgrade(msg + "\n".join(f"  {reason}" for reason in reasons))


def _shared(change: DefinitionChange, preparation: Preparation) -> str | None:
    """Return why *change* concerns everybody; None if it does not."""
    top = change.name.partition(".")[0]
    if top == "__vsn__" or change.verdict in {"documented", "added", "removed"}:
        return None
    live = vars(sys.modules[change.module]).get(top)
    return None if isinstance(live, type) and live in preparation.replaced else str(change)


def _globals_in(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield where functions assign module variables: two versions side by side would not share them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: assigns the module's {', '.join(node.names)}, which two versions do not share"


def _messages(preparation: Preparation) -> Iterator[str]:
    """Yield the changed classes that are sent around, so that an old process might get a new one, or the reverse."""
    plain = [c for c, new in preparation.replaced.items() if new is not None and not issubclass(c, Behaviour | Actor)]
    for cls in plain:
        if issubclass(cls, Request):
            yield f"{cls.__module__}.{cls.__qualname__}: is sent between processes"


def _left_behind(name: str, preparation: Preparation) -> Iterator[str]:
    """Yield the functions of module *name* that did not change and name what did: they go on with what that was.

    Those of a behaviour that did not change do no harm, if none that did is derived from it: nobody ahead runs them.
    """
    live = sys.modules.get(name)
    if live is None:
        return
    edited = {change.name.partition(".")[0] for change in preparation.changes if change.module == name}
    replaced = [cls for cls, new in preparation.replaced.items() if new is not None]
    named = {key for key, value in vars(live).items() if any(value is cls for cls in replaced)}
    for function in functions_of(live)[0] if named else ():
        top = function.__qualname__.partition(".")[0]
        found = sorted(named.intersection(names_in(function.__code__)))
        if found and top not in edited and not _stays(vars(live).get(top), replaced):
            yield f"{name}.{function.__qualname__}: names {', '.join(found)}, and would go on with what that was"


def _stays(owner: object, replaced: Sequence[type]) -> bool:
    if not isinstance(owner, type) or not issubclass(owner, Behaviour | Actor):
        return False
    return not any(issubclass(cls, owner) for cls in replaced)
