"""The verbs of a node that change it, or say what a change would do: plan, upgrade, rollback."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from otpy import upgrade
from otpy.cli.exits import BadInput
from otpy.cli.options import AS_USUAL, How
from otpy.cli.plain import plain
from otpy.cli.sandboxes import changed
from otpy.code import versions
from otpy.errors import BadPlan
from otpy.kernel import events
from otpy.upgrade import Plan, UpgradeReport, WatchPolicy
from otpy.upgrade.engine import engine
from otpy.upgrade.options import options
from otpy.upgrade.plans import planned
from otpy.upgrade.release import read_release

if TYPE_CHECKING:
    from otpy.cli.control import Emit

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class What(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To what: *sources* by module, or the folder *release* on the node's machine; exactly one of them.

    *files* are where the sources are from, for messages.
    """

    sources: dict[str, str] | None = None
    files: dict[str, str] = {}
    release: str | None = None


class PlanArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked about, and how it would be done."""

    what: What
    how: How = AS_USUAL


class UpgradeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An upgrade, as one transaction: to *what*, or the JSON of a *plan* (of *plan_file*), which says by itself how.

    *watch* are the seconds in which it goes back by itself, after more than *max_crashes* crashes. *permanent*: a
    restarted node is to run it too. *dry_run*: stop before anybody is paused.
    """

    what: What = What()
    plan: str | None = None
    plan_file: str = ""
    how: How = AS_USUAL
    watch: Seconds | None = None
    max_crashes: Count | None = None
    dry_run: bool = False
    permanent: bool = False


class RollbackArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """*module* goes back to version *to*, None is the one before; without a module, the last upgrade is taken back."""

    module: str | None = None
    to: str | None = None


def plan(_node: str, args: PlanArgs, emit: Emit) -> dict[str, Any]:
    """Return what an upgrade would do, as text and as the JSON of the plan."""
    with steps_told(emit), bad_values():
        sources, paths = sources_of(args.what)
        made = planned(sources, options(options_of(args.how), paths=paths))
    return {"text": str(made), "refused": made.refused, "plan": made.to_json()}


def upgrade_modules(_node: str, args: UpgradeArgs, emit: Emit) -> dict[str, Any]:
    """Upgrade, and return the report."""
    with steps_told(emit), bad_values():
        report = _installed(args) if args.plan is not None else _upgraded(args)
    told = _told(report)
    if args.permanent and report.status == "completed":
        made = upgrade.make_permanent(*report.reloaded_modules)
        told["text"] += "\n  permanent: " + ", ".join(f"{each.module} {each.vsn}" for each in made)
    return told


def rollback(_node: str, args: RollbackArgs, emit: Emit) -> dict[str, Any]:
    """Go back, and return the report."""
    if args.module is None and args.to is not None:
        raise BadInput("a version to go back to is one of a module: say which")
    with steps_told(emit):
        if args.module is None:
            return _told(upgrade.rollback())
        refuse_unless_loaded([args.module])
        # A command gives text; a version may be a number.
        known = {str(version.vsn): version.vsn for version in versions(args.module)}
        return _told(upgrade.rollback_module(args.module, args.to and known.get(args.to, args.to)))


# -- what they share -----------------------------------------------------------------------------------


@contextlib.contextmanager
def steps_told(emit: Emit) -> Generator[None]:
    """Tell the client of each step when it begins. The frames are few and small, so the socket takes them at once."""

    def tell(step: str, **_facts: Any) -> None:
        emit("step", step=step)

    detach = events.attach("upgrade.step", tell)
    try:
        yield
    finally:
        detach()


@contextlib.contextmanager
def bad_values() -> Generator[None]:
    """Have what the engine says of arguments that it cannot use be the client's bad input."""
    try:
        yield
    except (ValueError, TypeError, BadPlan) as error:
        raise BadInput(str(error)) from error


def sources_of(what: What) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the new sources that *what* means, and the files they are from, by module. Raises BadInput."""
    match what:
        case What(sources=dict(found), release=None):
            refuse_unless_loaded(found)
            return changed(found), what.files
        case What(sources=None, release=str(folder)):
            read = read_release(folder)
            return read.sources, read.paths
        case _:
            raise BadInput("give either sources or the folder of a release")


def options_of(how: How) -> dict[str, Any]:
    """Return *how* as the options of `otpy.upgrade`, without what was not given."""
    given = {
        "strategy": how.strategy,
        "group_size": how.group_size,
        "canaries": how.canaries,
        "retries": how.retries,
        "suspend_timeout": how.suspend_timeout,
        "code_change_timeout": how.code_change_timeout,
        "timeout": how.timeout,
        "rehearse": False if how.no_rehearse else None,
        "allow_dangerous": how.allow_dangerous or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def refuse_unless_loaded(modules: Mapping[str, str] | list[str]) -> None:
    """Raise BadInput if none of *modules* is loaded: an upgrade may bring new ones, but not alone."""
    if any(module in sys.modules for module in modules):
        return
    module = next(iter(modules), "")
    near = difflib.get_close_matches(module, sys.modules, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give the name by which the node imported it"
    raise BadInput(f"the node has not loaded a module {module!r}; {hint}")


def _upgraded(args: UpgradeArgs) -> UpgradeReport:
    given = options_of(args.how)
    if args.watch is not None:
        policy = WatchPolicy(window=args.watch)
        crashes = policy.max_crashes if args.max_crashes is None else args.max_crashes
        given["watch"] = msgspec.structs.replace(policy, max_crashes=crashes)
    elif args.max_crashes is not None:
        raise BadInput("how many crashes are allowed matters while it is watched: give the seconds too")
    if args.what.release is not None and args.what.sources is None:
        return upgrade.release(args.what.release, dry_run=args.dry_run, **given)
    sources, paths = sources_of(args.what)
    return engine.upgrade(sources, options({"dry_run": args.dry_run, **given}, trigger="command", paths=paths))


def _installed(args: UpgradeArgs) -> UpgradeReport:
    assert args.plan is not None
    if args != UpgradeArgs(plan=args.plan, plan_file=args.plan_file, permanent=args.permanent):
        raise BadInput("a plan says by itself what is done and how: give nothing else, or edit the plan")
    try:
        read = Plan.from_json(args.plan)
    except BadPlan as error:
        raise BadInput(f"{args.plan_file}: {error}" if args.plan_file else str(error)) from error
    return upgrade.install(read)


def _told(report: UpgradeReport) -> dict[str, Any]:
    return {"text": str(report), "report": plain(report)}
