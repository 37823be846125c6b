"""Why a process ended.

Source: the exit reasons of Erlang (`normal`, `shutdown`, `{shutdown, Term}`, `killed`, `noproc`, `{Error, Stack}`).
A reason is any value; these are the ones with a meaning.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from otpy.errors import BadReason, ServerExited, TaskExited

Reason: TypeAlias = Any


class Normal(msgspec.Struct, frozen=True):
    """The process had done its work. As an exit signal it is ignored, unless it is trapped."""


class Shutdown(msgspec.Struct, frozen=True):
    """Ordered to end, by a supervisor or by itself; *detail* says more. No crash: nothing is reported."""

    detail: Any = None


class Kill(msgspec.Struct, frozen=True):
    """As `exit(pid, Kill())`: the exit signal that cannot be trapped. Its victim ends with `Killed()`."""


class Killed(msgspec.Struct, frozen=True):
    """Ended by `exit(pid, Kill())`."""


class NoProc(msgspec.Struct, frozen=True):
    """There was no such process when it was linked to or monitored."""


class Crash(msgspec.Struct, frozen=True):
    """An exception left the process: *error* is it, with its traceback."""

    error: BaseException


class ExitProcess(BaseException):
    """Raise it to end the running process with *reason*. No `except Exception` catches it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = check_reason(reason)


_ATOMS = {
    "normal": "Normal()",
    "shutdown": "Shutdown()",
    "kill": "Kill()",
    "killed": "Killed()",
    "noproc": "NoProc()",
}


def check_reason(reason: Reason) -> Reason:
    """Return *reason*, or raise BadReason for a string that stands for one of OTP's atoms, and for None."""
    if reason is None:
        raise BadReason(reason, "Normal()")
    if isinstance(reason, str) and reason in _ATOMS:
        raise BadReason(reason, _ATOMS[reason])
    return reason


def is_abnormal(reason: Reason) -> bool:
    """Whether an end with *reason* is a crash: neither normal nor a shutdown.

    Source: OTP gen_server.erl, terminate/10.
    """
    return not isinstance(reason, (Normal, Shutdown))


def reason_of(error: BaseException) -> Reason:
    """Return the exit reason of a process that *error* left.

    A call whose server was shut down ends its caller as a shutdown too, as `{shutdown, {gen_server, call, _}}` does
    in OTP; so does waiting for a task that was.
    """
    if isinstance(error, ExitProcess):
        return error.reason
    if isinstance(error, ServerExited | TaskExited) and isinstance(error.reason, Shutdown):
        return Shutdown(error)
    return Crash(error)
