"""Ending children: tell them, wait, kill those that take too long.

Every death is waited for, since the next child to end, or the successor under the same name, may need what this one
still holds. Most processes die of the signal at once, while it is sent, and cost no monitor and no wait.

A child stays linked to the end, so that it is told if the supervisor is killed meanwhile. So its Exit message comes
too, here or later; later it means nothing, since the supervisor no longer knows that pid.

Source: OTP supervisor.erl, shutdown/1, terminate_dynamic_children/1; Elixir dynamic_supervisor.ex,
terminate_children/2.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

from otpy.errors import ReceiveTimeout
from otpy.kernel.here import current
from otpy.kernel.messages import Down, Exit
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import exit as send_exit
from otpy.kernel.primitives import monitor, receive, spawn_monitor
from otpy.kernel.process import Process
from otpy.kernel.reasons import Kill, Shutdown

if TYPE_CHECKING:
    from otpy.behaviours import child_spec as spec


def end(orders: Mapping[Process, spec.Shutdown], dropping: Container[Pid | None] = ()) -> None:
    """End all of *orders* at the same time, each within its own shutdown time; return when all are dead.

    Exit messages of these and of *dropping* that arrive meanwhile are taken out of the mailbox, so that ending many
    one after the other does not mean to step over ever more of them. How each ended is its `exit_reason`.
    """
    _tell(orders)
    waiting = {pid for pid in orders if pid.exit_reason is None}
    for pid in waiting:
        monitor(pid)
    if waiting:
        _wait(waiting, _times(orders, waiting), dropping)


def _tell(orders: Mapping[Process, spec.Shutdown]) -> None:
    """Send the exit signals, in order.

    What traps exits ends when it runs, what does not while the signal is sent. So that all end in order nevertheless,
    as on BEAM, those told before are let run first where the two kinds are mixed.
    """
    about_to_end = False
    for pid, shutdown in orders.items():
        if pid.exit_reason is not None:
            continue
        brutal = shutdown == "brutal_kill"
        if pid.trapping and not brutal:
            about_to_end = True
        elif about_to_end:
            _let_others_run()
            about_to_end = False
        send_exit(pid, Kill() if brutal else Shutdown())


def _let_others_run() -> None:
    """Go on when everybody has run who is ready to."""
    _, ref = spawn_monitor(_nothing)
    receive(lambda message: type(message) is Down and message.ref is ref)


def _nothing() -> None:
    """Be behind everybody in the queue, and no more."""


def _times(orders: Mapping[Process, spec.Shutdown], waiting: set[Process]) -> dict[float, list[Process]]:
    """Return who is to be killed when, by the runtime's clock, latest first."""
    now = current().runtime.clock.now()
    times: dict[float, list[Process]] = {}
    for pid in waiting:
        shutdown = orders[pid]
        if not isinstance(shutdown, str):
            times.setdefault(now + shutdown, []).append(pid)
    return dict(sorted(times.items(), reverse=True))


def _wait(waiting: set[Process], times: dict[float, list[Process]], dropping: Container[Pid | None]) -> None:
    """Wait until all are dead, and kill those whose time has come."""
    clock = current().runtime.clock
    concerned = _concerns(set(waiting), dropping)
    while waiting:
        moment = next(reversed(times), None)
        try:
            message = receive(concerned, timeout=None if moment is None else max(0.0, moment - clock.now()))
        except ReceiveTimeout:
            assert moment is not None
            for late in times.pop(moment):
                if late in waiting:
                    send_exit(late, Kill())
        else:
            if type(message) is Down:
                waiting.discard(message.pid)


def _concerns(ours: set[Process], dropping: Container[Pid | None]) -> Callable[[Any], bool]:
    def concerns(message: Any) -> bool:
        if type(message) is Down:
            return message.pid in ours
        return type(message) is Exit and (message.pid in ours or message.pid in dropping)

    return concerns
