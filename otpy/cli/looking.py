"""The verbs of a node that look at its processes: for `otpy top`.

All is read from the runtime's own tables: no process gets a message or is asked, and nobody waits. Only who asks for a
state disturbs somebody: the process rests for the moment in which its state is copied.

What costs something is bounded: a look at all processes reads a few fields of each, and only what has changed since the
last look is sent; of a level of the tree, and of lists in details, only the beginning is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from rich.pretty import pretty_repr

from otpy import upgrade
from otpy.behaviours.behaviour import Behaviour
from otpy.behaviours.tree import below, roots
from otpy.cli.exits import BadInput
from otpy.cli.frames import FrameError, Said
from otpy.cli.plain import sendable
from otpy.cli.rows import Batch, Child, Details, Level, Row, Upgrade
from otpy.kernel import events
from otpy.kernel.primitives import process_info, status_of
from otpy.kernel.runtime import Runtime, current_runtime
from otpy.upgrade.engine import engine

if TYPE_CHECKING:
    from otpy.cli.control import Emit
    from otpy.kernel.pid import Pid
    from otpy.kernel.process import Process

ROOTS: Final = 0
"""The number that stands for what is above all roots; no process has it."""
LEVEL_AT_MOST: Final = 500
"""Children that are told of one supervisor."""
_NAMED_AT_MOST: Final = 50
"""Links, and the like, that are named."""
_STATE_LENGTH: Final = 200
"""Elements that are shown of each container in a state, and characters of each text."""
_STATE_DEPTH: Final = 8


class ProcessArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process with the number *pid*; *state*: with its state."""

    pid: int
    state: bool = False


class TopArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments: what is wanted is said in the conversation."""


# -- all processes -------------------------------------------------------------------------------------


def top(_node: str, _args: TopArgs, emit: Emit) -> None:
    """Answer what the client says, until it leaves; it sets the pace, so the node does nothing for one that is idle.

    `next`: a batch. The first has all processes, further ones what changed. `levels`: what is directly below *pids*.
    """
    changes = Changes(current_runtime())
    try:
        for said in emit.heard():
            match said:
                case Said("next"):
                    emit.encoded("batch", {"batch": changes.batch()})
                case Said("levels", {"pids": [*pids]}):
                    emit.encoded("levels", {"levels": levels(pids)})
                case _:
                    raise BadInput(f"{said.name!r} is not understood here; say next, or levels")
    except FrameError as error:
        raise BadInput(str(error)) from error
    finally:
        changes.close()


@final
class Changes:
    """What has changed in a runtime from one look to the next."""

    def __init__(self, runtime: Runtime) -> None:
        """Begin to listen to upgrades; `close` ends it."""
        self._runtime = runtime
        self._known: dict[int, Row] = {}
        self._modules: list[str] = []
        self._step = ""
        self._upgrades = 0
        self._detach = (
            events.attach("upgrade.start", self._upgrade_started),
            events.attach("upgrade.step", self._upgrade_stepped),
            events.attach("upgrade.end", self._upgrade_ended),
        )

    def close(self) -> None:
        """Listen no more."""
        for detach in self._detach:
            detach()

    def batch(self) -> Batch:
        """Return what is new since the last time."""
        known, self._known = self._known, {}
        told: list[Row] = []
        for row in rows(self._runtime.processes()):
            self._known[row.pid] = row
            if known.pop(row.pid, None) != row:
                told.append(row)
        under_way = Upgrade(self._modules, self._step) if engine.busy else None
        return Batch(self._runtime.clock.now(), told, list(known), under_way, self._upgrades)

    def _upgrade_started(self, modules: Iterable[str], **_facts: Any) -> None:
        self._modules, self._step = list(modules), ""

    def _upgrade_stepped(self, step: str, **_facts: Any) -> None:
        self._step = step

    def _upgrade_ended(self, **_facts: Any) -> None:
        self._modules, self._step = [], ""
        self._upgrades += 1


def rows(living: Iterable[Process]) -> Iterator[Row]:
    """Yield a row for each of *living* that does live."""
    for process in living:
        actor = process.actor
        if actor is None:  # it has ended meanwhile
            continue
        vsn = process.vsn
        yield Row(
            process.id,
            sendable(process.display_name),
            type(actor).__qualname__,
            "" if vsn is None else sendable(str(vsn)),
            status_of(process),
            len(process.mailbox or ()) + len(process.held or ()),
            process.reductions,
            len(process.links or ()),
        )


# -- the tree --------------------------------------------------------------------------------------------


def levels(pids: Iterable[int]) -> list[Level]:
    """Return what is directly below each of the processes with the numbers *pids*; of one that has ended, nothing."""
    wanted = set(pids)
    found = [_level(each.id, below(each)) for each in current_runtime().processes() if each.id in wanted]
    if ROOTS in wanted:
        found.append(_level(ROOTS, ((None, root) for root in roots())))
    return found


def _level(pid: int, children: Iterable[tuple[object, Process | str | None]]) -> Level:
    told = list(children)
    return Level(pid, len(told), [_place(_text(ident), child) for ident, child in told[:LEVEL_AT_MOST]])


def _place(ident: str, child: Process | str | None) -> Child:
    row = None if child is None or isinstance(child, str) else next(rows([child]), None)
    if row is None or child is None or isinstance(child, str):
        return Child(ident, None, "", "", "", child if isinstance(child, str) else "stopped", 0, 0)
    count = sum(1 for _ in below(child))
    return Child(ident, row.pid, row.name, row.behaviour, row.vsn, row.status, row.queue, count)


def _text(ident: object) -> str:
    """Return the id of a child as text; the children of a pool have none."""
    if ident is None:
        return ""
    return sendable(ident if isinstance(ident, str) else repr(ident))


# -- one process -----------------------------------------------------------------------------------------


def process(_node: str, args: ProcessArgs, _emit: Emit) -> Details:
    """Return all about one process. Raises BadInput if there is none with this number."""
    found = next((each for each in current_runtime().processes() if each.id == args.pid), None)
    info = process_info(found) if found is not None else None
    if found is None or info is None or info.current_behaviour is None:
        raise BadInput(f"no living process has the number {args.pid}")
    kind, waits_for = info.current_behaviour, found.wait_on
    return Details(
        pid=repr(found),
        name=info.registered_name,
        label=info.label,
        behaviour=kind.__qualname__,
        module=kind.__module__,
        vsn="" if info.vsn is None else str(info.vsn),
        status=info.status,
        queue=info.message_queue_len,
        reductions=info.reductions,
        trap_exit=info.trap_exit,
        waits_for=None if waits_for is None or waits_for is found.runtime.system else repr(waits_for),
        links=_named(sorted(info.links, key=lambda pid: pid.id)),
        monitors=_named(info.monitors),
        ancestors=_named(info.ancestors),
        state=state_text(found) if args.state else None,
    )


def _named(pids: Sequence[Pid]) -> list[str]:
    names = [repr(pid) for pid in pids[:_NAMED_AT_MOST]]
    return names if len(pids) <= _NAMED_AT_MOST else [*names, f"… and {len(pids) - _NAMED_AT_MOST:,} more"]


def state_text(process: Process) -> str:
    """Return a copy of the state of *process* as text, as its `format_status` lets it be seen.

    The copy is taken between two of its messages. Raises what `upgrade.preserve_process_state` does, and BadInput.
    """
    actor = process.actor
    if not isinstance(actor, Behaviour) or actor.supervises:
        raise BadInput(f"{process!r} has no state of its own to show")
    shown = _as_it_may_be_seen(actor, upgrade.preserve_process_state(process).state)
    texts = {
        name: pretty_repr(part, max_length=_STATE_LENGTH, max_string=_STATE_LENGTH, max_depth=_STATE_DEPTH)
        for name, part in shown.items()
    }
    return texts["state"] if list(texts) == ["state"] else "\n".join(f"{name}: {text}" for name, text in texts.items())


def _as_it_may_be_seen(actor: Behaviour[Any], state: Any) -> dict[str, Any]:
    """Return *state* by its parts, without what is to be hidden."""
    parts = actor._shown(state)  # noqa: SLF001 - the hook of its behaviour
    try:
        return dict(actor.format_status(parts))
    except Exception as error:  # noqa: BLE001 - what was to be hidden must not be shown for it
        return {"state": f"hidden: format_status raised {error!r}"}
