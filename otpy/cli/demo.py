"""The demo: a sandbox's system under load, upgraded live from version to version, and what became of it.

`play` goes through the versions in order and tells each chapter as a value when it has happened; printing them is
the matter of `story.py`. It takes nobody's word: what was sent is counted by the clients, what was handled by the
system, and the last chapter compares them. A version that says it `refuses` has to fail and leave everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, final

from otpy import upgrade
from otpy.behaviours.tree import tree
from otpy.cli.crew import Crew, Tally
from otpy.cli.sandboxes import changed, loaded
from otpy.errors import UpgradeError
from otpy.kernel.primitives import is_alive, process_info, registered, whereis
from otpy.kernel.runtime import runtime
from otpy.upgrade import UpgradeReport

if TYPE_CHECKING:
    from otpy.cli.sandboxes import Sandbox, Version
    from otpy.kernel.pid import Pid

CLIENTS: Final = ("ann", "bob", "cid", "dan", "eve")
ROUNDS: Final = 150
"""Rounds that each client works before and after each upgrade."""


@dataclass(frozen=True, slots=True)
class Started:
    """The first version runs, and the clients are at work."""

    name: str
    description: str
    version: str
    about: str
    tree: str
    clients: int


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The next version runs: *report* is the upgrade's own, *shown* what only this version can answer."""

    before: str
    version: str
    about: str
    report: UpgradeReport
    shown: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The next version was tried and did not take over: *error* and *message* say why."""

    before: str
    version: str
    about: str
    error: str
    message: str
    report: UpgradeReport


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold, and the figures that show whether it does."""

    rule: str
    holds: bool
    found: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The clients have left: what each did, what the system handled, and what that proves."""

    version: str
    tree: str
    tallies: list[Tally]
    handled: dict[str, int]
    checks: list[Check]

    @property
    def holds(self) -> bool:
        """Whether all checks hold."""
        return all(check.holds for check in self.checks)


Chapter: TypeAlias = Started | Upgraded | Refused | Finished
Tell: TypeAlias = Callable[[Chapter], None]


def play(sandbox: Sandbox, tell: Tell) -> bool:
    """Play the demo of *sandbox* in a runtime of its own; return whether all checks held."""
    versions = list(sandbox.about.versions)
    with loaded(sandbox, versions[0]), runtime():
        root = sandbox.start()
        story = Story(sandbox, tell, root, versions[0], _named())
        story.begin()
        for version in versions[1:]:
            story.upgrade(version)
        return story.end()


@final
@dataclass
class Story:
    """One run of the demo: what runs now, and what was found out on the way."""

    sandbox: Sandbox
    tell: Tell
    root: Pid
    version: str
    pids: dict[str, Pid]
    checks: list[Check] = field(default_factory=list[Check])

    def begin(self) -> None:
        """Put the clients to work."""
        about = self.sandbox.about
        self.crew = Crew(self.sandbox.function(about.load.work), CLIENTS)
        self.crew.wait_for_rounds(ROUNDS)
        first = about.versions[self.version]
        self.tell(Started(about.name, about.description, self.version, first.about, str(tree(self.root)), len(CLIENTS)))

    def upgrade(self, version: str) -> None:
        """Take over *version* while the clients work, and let them work on."""
        about, sources = self.sandbox.about.versions[version], changed(self.sandbox.sources(version))
        vsns = self.vsns()
        try:
            report = upgrade.reload_modules(sources)
        except UpgradeError as error:
            self.crew.wait_for_rounds(ROUNDS)
            self.refused(version, about, error, as_before=self.vsns() == vsns)
        else:
            self.crew.wait_for_rounds(ROUNDS)
            self.taken_over(version, about, report)

    def taken_over(self, version: str, about: Version, report: UpgradeReport) -> None:
        """Tell of an upgrade that completed."""
        self.checks.append(Check(f"{version} took over", not about.refuses, report.status))
        shown = None if about.shows is None else self.shown(version, about.shows)
        self.tell(Upgraded(self.version, version, about.about, report, shown))
        self.version = version

    def shown(self, version: str, shows: str) -> str | None:
        """Ask what only *version* can answer."""
        try:
            shown = str(self.sandbox.function(shows)())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the demo has to report
            self.checks.append(Check(f"{version} answers what is new", holds=False, found=f"{error}"))
            return None
        self.checks.append(Check(f"{version} answers what is new", holds=True, found=shown))
        return shown

    def refused(self, version: str, about: Version, error: UpgradeError, *, as_before: bool) -> None:
        """Tell of an upgrade that did not happen."""
        kind = type(error).__name__
        self.tell(Refused(self.version, version, about.about, kind, str(error), error.report))
        self.checks.append(Check(f"{version} was refused", about.refuses, kind))
        found = f"all on {self.version}" if as_before else f"now {self.vsns()}"
        self.checks.append(Check(f"{version} left nothing behind", as_before, found))

    def end(self) -> bool:
        """Let the clients leave, and compare what they sent with what was handled."""
        tallies = self.crew.dismiss()
        handled, out_of_order = self.audit()
        now = _named()
        kept = [name for name, pid in self.pids.items() if now.get(name) is pid]
        self.checks += _balance(tallies, handled, out_of_order)
        self.checks.append(
            Check(
                "same processes all along",
                is_alive(self.root) and len(kept) == len(self.pids),
                f"pids kept: {', '.join(kept)}",
            )
        )
        finished = Finished(self.version, str(tree(self.root)), tallies, handled, self.checks)
        self.tell(finished)
        return finished.holds

    def audit(self) -> tuple[dict[str, int], int]:
        """Ask the system what it has handled."""
        try:
            handled, out_of_order = self.sandbox.function(self.sandbox.about.load.audit)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the demo has to report
            self.checks.append(Check("the system accounts for what it did", holds=False, found=f"{error}"))
            return {}, 0
        return handled, out_of_order

    def vsns(self) -> dict[str, object]:
        """Return the version that each of the first processes runs."""
        found = {name: process_info(pid) for name, pid in self.pids.items()}
        return {name: None if info is None else info.vsn for name, info in found.items()}


def _named() -> dict[str, Pid]:
    found = {name: whereis(name) for name in registered()}
    return {name: pid for name, pid in found.items() if pid is not None}


def _balance(tallies: list[Tally], handled: dict[str, int], out_of_order: int) -> list[Check]:
    sent = {tally.client: tally.sent for tally in tallies}
    failures = [f"{tally.client}: {tally.failure}" for tally in tallies if tally.failure is not None]
    answered = sum(tally.answered for tally in tallies)
    return [
        Check(
            "nothing lost, nothing twice",
            sent == handled,
            f"{sum(sent.values()):,} sent, {sum(handled.values()):,} handled",
        ),
        Check("order kept for each client", out_of_order == 0, f"{out_of_order} out of order"),
        Check("every call answered", not failures, "; ".join(failures) or f"{answered:,} calls, none failed"),
    ]
