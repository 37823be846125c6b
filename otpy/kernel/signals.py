"""Links, monitors, exit signals, death.

A signal takes effect at once, in the thread that sends it. Death is logical first: names are freed, what the dead
owned ends or changes hands, links and monitors are told and the waiting callers answered, while the code of the dead,
should it still run somewhere, is fenced: whatever it asks of otpy raises, and nothing it sends arrives.

A process that runs on another thread when it is told to die obeys by itself at its next call to otpy or when its
handler returns, as on BEAM; if it does not within a grace period, the monitor declares it dead (see Scheduler).

Source: Erlang reference manual, Processes; erts `erl_proc_sig_queue`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from typing import Any

from otpy.errors import AlreadyRegistered
from otpy.kernel import events
from otpy.kernel.here import here
from otpy.kernel.messages import Down, Exit
from otpy.kernel.pid import Ref
from otpy.kernel.plane import plane, put_off
from otpy.kernel.process import AWAITED, SINK, Belonging, Process, deliver
from otpy.kernel.reasons import Kill, Killed, NoProc, Normal, Reason

# -- links and monitors ----------------------------------------------------------------------------


def link(process: Process, other: Process) -> None:
    """Link *process* with *other*. A dead *other* answers with the exit signal NoProc()."""
    if process is other or put_off(link, process, other):
        return
    with plane:
        alive = other.exit_reason is None
        if alive and process.exit_reason is None:
            tie(process, other)
    if not alive:
        signal(other, process, NoProc(), from_link=True)


def tie(process: Process, other: Process) -> None:
    """Link two that live. Call it inside the plane."""
    if process.links is None:
        process.links = set()
    if other.links is None:
        other.links = set()
    process.links.add(other)
    other.links.add(process)


def unlink(process: Process, other: Process) -> None:
    """Undo the link; afterwards no exit signal of *other* arrives because of it."""
    if put_off(unlink, process, other):
        return
    with plane:
        untie(process, other)


def untie(process: Process, other: Process) -> None:
    """Undo the link of two. Call it inside the plane."""
    if process.links is not None:
        process.links.discard(other)
    if other.links is not None:
        other.links.discard(process)


def monitor(process: Process, target: Process) -> Ref:
    """Have *process* told by a Down message when *target* ends; at once with NoProc() if it is dead."""
    ref = Ref()
    watch(process, target, ref)
    return ref


def watch(process: Process, target: Process, ref: Ref) -> None:
    """As `monitor`, with a ref that exists already."""
    if put_off(watch, process, target, ref):
        return
    with plane:
        alive = target.exit_reason is None
        if alive and process.exit_reason is None:
            if process.monitors is None:
                process.monitors = {}
            if target.watchers is None:
                target.watchers = {}
            process.monitors[ref] = target
            target.watchers[ref] = process
    if not alive:
        deliver(process, Down(ref, target, NoProc()))


def demonitor(process: Process, ref: Ref) -> None:
    """Undo the monitor *ref*; an unknown one is no error."""
    if put_off(demonitor, process, ref):
        return
    with plane:
        _unwatch(process, ref)


def _unwatch(process: Process, ref: Ref) -> None:
    target = process.monitors.pop(ref, None) if process.monitors is not None else None
    if target is not None and target.watchers is not None:
        target.watchers.pop(ref, None)


def tell_watcher(watcher: Process, ref: Ref, message: Any) -> None:
    """Send *message* to *watcher* if it still monitors by *ref*: once `demonitor` has returned, none comes any more.

    Source: erlang:monitor/3 with {alias, demonitor}.
    """
    with plane:
        if watcher.monitors is not None and ref in watcher.monitors:
            deliver(watcher, message)


def on_death(process: Process, request: Any) -> bool:
    """Have *request* (a Call) failed when *process* ends; False if it has ended."""
    with plane:
        if process.exit_reason is not None:
            return False
        process.owe(request)
    return True


def forget_death(process: Process, request: Any) -> None:
    """Undo `on_death`."""
    with plane:
        if process.deferred is not None:
            process.deferred.discard(request)


# -- belongings ------------------------------------------------------------------------------------


def own(process: Process, belonging: Belonging) -> None:
    """Let *process*, which lives, own *belonging* until it ends or `disown`s it. Call it inside the plane."""
    if process.belongings is None:
        process.belongings = {}
    process.belongings[belonging] = None


def disown(process: Process, belonging: Belonging) -> None:
    """Undo `own`. Call it inside the plane."""
    if process.belongings is not None:
        process.belongings.pop(belonging, None)


# -- names -----------------------------------------------------------------------------------------


def register(process: Process, name: str) -> None:
    """Give *process* the name *name*; AlreadyRegistered if a living process has it."""
    names = process.runtime.names
    with plane:
        owner = names.get(name)
        if owner is None and process.exit_reason is None:
            names[name] = process
            if process.names is None:
                process.names = []
            process.names.append(name)
    if owner is not None:
        raise AlreadyRegistered(name, owner)


def unregister(process: Process, name: str) -> None:
    """Take the name *name* from *process*."""
    if put_off(unregister, process, name):
        return
    with plane:
        if process.runtime.names.get(name) is process:
            del process.runtime.names[name]
            assert process.names is not None
            process.names.remove(name)


# -- exit signals ----------------------------------------------------------------------------------


def signal(sender: Process, target: Process, reason: Reason, *, from_link: bool = False) -> None:
    """Send *target* an exit signal with *reason*.

    A signal from a link died of `Kill()` is an ordinary one; only an explicit `exit(pid, Kill())` cannot be trapped.
    """
    if put_off(_signal, sender, target, reason, from_link):
        return
    _signal(sender, target, reason, from_link)


def _signal(sender: Process, target: Process, reason: Reason, from_link: bool) -> None:
    fate = _fate(sender, target, reason, from_link)
    if fate is not None:
        die(target, fate)


def _fate(sender: Process, target: Process, reason: Reason, from_link: bool) -> Reason | None:
    """Do what a signal does to a survivor and return None, or return the reason that *target* dies with."""
    if type(reason) is Kill and not from_link:
        return Killed()
    if target.trapping:
        deliver(target, Exit(sender, reason))
        return None
    if type(reason) is Normal and sender is not target:
        return None
    return reason


def die(process: Process, reason: Reason) -> None:
    """Let *process* die of a signal: at once where it does not run, else by its own hand."""
    runner = process.runner
    if runner is not None and runner.current is process and here.process is not process and not runner.is_this_thread():
        process.dying = reason
        process.fenced = True
        runner.attention = True
        if runner.current is process:  # it has not left meanwhile, so it will see the fence (or the monitor will)
            process.runtime.scheduler.reap_later(process)
            return
    end(process, reason)


# -- death -----------------------------------------------------------------------------------------


def end(process: Process, reason: Reason) -> None:
    """Make *process* dead, and with it all that its exit signals kill, however many.

    The deaths are worked off one after the other from a queue: a chain of 100,000 links needs no deep stack.
    """
    deaths = deque([(process, reason)])
    while deaths:
        dead, why = deaths.popleft()
        watchers, links = _mark(dead, why)
        if watchers is None or links is None:
            continue
        if events.listened("process.exit"):
            events.emit("process.exit", pid=dead, reason=why)
        for ref, watcher in watchers.items():
            _tell(dead, watcher, ref, why)
        for other in links:
            fate = _part(dead, other, why)
            if fate is not None:
                deaths.append((other, fate))
        _bury(dead, why)


def _mark(process: Process, reason: Reason) -> tuple[dict[Ref, Process], set[Process]] | tuple[None, None]:
    """Decide the death. Exactly one caller gets what is left to do, all others None."""
    with plane:
        if process.exit_reason is not None:
            return None, None
        process.exit_reason = reason
        process.fenced = True
        for name in process.names or ():
            process.runtime.names.pop(name, None)
        for ref, target in (process.monitors or {}).items():
            if target.watchers is not None:
                target.watchers.pop(ref, None)
        watchers, process.watchers = process.watchers, None
        links, process.links = process.links, None
        process.monitors = None
        belongings, process.belongings = process.belongings, None
        left = [belonging.released(process) for belonging in belongings] if belongings else None
    process.runtime.forget(process)
    del left
    return watchers or {}, links or set()


def _tell(dead: Process, watcher: Process, ref: Ref, reason: Reason) -> None:
    """Tell one watcher. Delivered in the plane: once `demonitor` has returned, no Down comes any more."""
    with plane:
        if watcher.monitors is not None and watcher.monitors.pop(ref, None) is not None:
            deliver(watcher, Down(ref, dead, reason))


def pass_on(dead: Process, other: Process, reason: Reason) -> None:
    """Let *other* hear of the end of *dead*, which a gate has kept from it; not if they are linked no more."""
    fate = _part(dead, other, reason)
    if fate is not None:
        end(other, fate)


def sever(process: Process, others: Container[Process]) -> None:
    """Undo the links of *process* with *others*, and their monitors: when it ends, they do not hear of it."""
    with plane:
        for other in tuple(process.links or ()):
            if other in others:
                untie(process, other)
        for ref, watcher in tuple((process.watchers or {}).items()):
            if watcher in others:
                _unwatch(watcher, ref)


def _part(dead: Process, other: Process, reason: Reason) -> Reason | None:
    """Undo one link of the dead and pass its signal on."""
    with plane:
        if other.links is None or dead not in other.links:
            return None  # unlinked, or dead itself
        if other.gate is not None and other.gate.keeps_exit(dead, other, reason):
            return None
        other.links.discard(dead)
        fate = _fate(dead, other, reason, from_link=True)  # in the plane: after `unlink` no Exit comes any more
        if fate is not None and other.runner is not None and not other.runner.may_be_interrupted:
            other.dying = fate  # a thread that otpy did not make runs on: it is told at its very next step
            other.fenced = True
    if fate is None:
        return None
    runner = other.runner
    if runner is not None and runner.current is other and not runner.is_this_thread():
        die(other, fate)
        return None
    return fate


def _bury(process: Process, reason: Reason) -> None:
    """Answer everybody who waits for the dead, and let go of what it held."""
    left, process.mailbox = process.mailbox, SINK
    process.scheduled = True  # nobody submits it for a message any more
    waiting: list[Any] = [process.serving, *(process.deferred or ())]
    process.serving = process.deferred = None
    held, process.held = process.held, None
    for message in waiting:
        if message is not None:
            message.fail(reason)
    for message in (*(held or ()), *(left or ())):
        if type(message) in AWAITED:
            message.fail(reason)
    if process.gate is not None:
        process.gate.buried(process)
    process.label = process.display_name  # for messages about the dead
    process.names = process.starter = process.leader = process.parent = None
    process.actor, buried = None, (process.actor, process.state, process.argument)  # let go at the end, outside locks
    process.state = process.argument = process.debug = None
    if process.parked is not None:  # its code still stands somewhere: have it unwound
        process.executor.submit(process)
    else:
        process.executor.buried(process)
    del buried
