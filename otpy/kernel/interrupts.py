"""Ending the code of the dead: a handler that was killed and computes on in a loop that never asks otpy for anything.

The same is done to the living who shall leave what they do for an upgrade (giving_up.py): they are fenced as the dead
are, for as long as they are at it.

Its process is dead, links and monitors have been told, and nothing it does reaches anybody; but its thread would
compute for ever. So `Unwound` is raised in it, which runs its `finally` blocks and ends it. Raised at a wrong moment,
that would hurt others: in the middle of a change of otpy's own, or when the thread has already gone on to somebody
else. Two things keep it from that:

- *Where.* It is raised in a frame of the user's only, at the end of a round of a loop, at the begin of a function or
  of a line, and only if nothing but frames of the user's stands between that one and the loop of the behaviour
  (`_runs_alone`): what then happens is what happens when a callback raises (callbacks.py). Code that is only tried may
  be called by whatever of otpy tries it: that throws the outcome away when it raises.
- *When.* With Python 3.11 the monitor sets an exception for the thread (PyThreadState_SetAsyncExc). It does so in a few
  instructions that nobody can come between, since the interpreter is given away only at calls, jumps back and begins
  of functions; the last of them sees that the thread stands at such an instruction, in the frame that was looked at, in
  a slice of the dead. The thread raises what it finds there before it does anything else. (At a jump back Python looks
  for the handlers of where it jumps to, not from: where these are others, it is left alone.) From 3.12 on finalizers
  may run at such an instruction, and from 3.13 on an exception is raised only at the next one. There the lines of the
  code and its jumps are instrumented (sys.monitoring), and the thread itself looks where it is, at the next of them
  that it comes to, and raises.

A thread that waits inside the system, or in an extension, is not reached, and is asked again later.

Source: CPython ceval_gil.c, _Py_HandlePending; PEP 669.
"""

from __future__ import annotations

import asyncio
import dis
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

import pykka

from otpy.kernel.callbacks import is_running, is_trying
from otpy.kernel.here import here
from otpy.kernel.process import Process, Unwound

if TYPE_CHECKING:
    from otpy.kernel.runner import Runner

_HOMES: Final = (str(Path(__file__).parents[1]), str(Path(pykka.__file__).parent))
_NOT_THERE: Final = (*_HOMES, "<frozen importlib", str(Path(asyncio.__file__).parent))
"""Files whose code is never ended: otpy's own, that which holds the locks of imports, and that of event loops, which
would log the end as the error of a callback, and go on without the callback."""

_THREAD: Final = frozenset({"Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run"})


def interrupt(runner: Runner, process: Process) -> bool:
    """Have the code of the fenced *process* end if it is at a place where it can be; whether that was so.

    Leave it the time to clean up before it is asked again: its `finally` would be interrupted, too.
    """
    frame = sys._current_frames().get(runner.ident)  # noqa: SLF001 - the documented way to see another thread's stack
    if frame is None or runner.current is not process or not process.fenced:  # it still was when it stood there
        return False
    return _runs_alone(frame) and _strike(runner, process, frame)


def _runs_alone(frame: FrameType) -> bool:
    """Whether *frame* and its callers are the user's, down to the loop that calls a process's callbacks."""
    if frame.f_code.co_filename.startswith(_NOT_THERE):
        return False
    caller = frame.f_back
    while caller is not None and not caller.f_code.co_filename.startswith(_HOMES):
        caller = caller.f_back
    if caller is None:
        return False
    caller = _trial(caller) or caller
    while caller is not None and is_running(caller.f_code):
        caller = caller.f_back
    return caller is None or (caller.f_code.co_qualname in _THREAD and caller.f_globals.get("__name__") == "threading")


def _trial(frame: FrameType | None) -> FrameType | None:
    while frame is not None and not is_trying(frame.f_code):
        frame = frame.f_back
    return frame


_RESTS: Final = frozenset(
    dis.opmap[name]
    for name in ("RESUME", "JUMP_BACKWARD", "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE",
                 "POP_JUMP_BACKWARD_IF_NONE", "POP_JUMP_BACKWARD_IF_NOT_NONE")
    if name in dis.opmap
)  # fmt: skip
"""Instructions at which the interpreter may be given away, and which call nobody."""


# -- Python 3.11 ---------------------------------------------------------------------------------------


@cache
def _striker() -> tuple[Callable[[Any, Any], object], Callable[[int], Any], Any]:
    """Return the function of the interpreter, and what makes its arguments. Only who needs them loads ctypes."""
    import ctypes  # noqa: PLC0415 - see above

    function = ctypes.pythonapi.PyThreadState_SetAsyncExc
    function.argtypes = (ctypes.c_ulong, ctypes.py_object)
    return function, ctypes.c_ulong, ctypes.py_object(Unwound)


def _strike_at_once(runner: Runner, process: Process, frame: FrameType) -> bool:
    place = frame.f_lasti
    if not _raises_in_place(frame.f_code, place):
        return False
    strike, as_thread, what = _striker()
    thread = as_thread(runner.ident)
    if runner.current is process and frame.f_lasti == place:  # from here to the call nobody else runs
        strike(thread, what)
        return True
    return False


def _raises_in_place(code: CodeType, place: int) -> bool:
    """Whether the interpreter may be given away at *place*, and what is raised there meets the handlers of *place*."""
    if code.co_code[place] not in _RESTS and code.co_code[place] != _COMPARE:
        return False
    instructions = (each for each in dis.get_instructions(code) if each.offset >= place)
    instruction = next(instructions)
    if instruction.opcode == _COMPARE:  # in code that has run often it is one with the jump after it
        instruction = next(instructions)
        if instruction.opcode not in _RESTS:
            return False
    if instruction.opname == "RESUME":
        return True
    return _handler(code, instruction.argval - 2) == _handler(code, place)


_COMPARE: Final = dis.opmap["COMPARE_OP"]


def _handler(code: CodeType, place: int) -> int | None:
    """Return where *code* goes on when something is raised at *place*; None if it does not."""
    return next((each.target for each in _handlers(code) if each.start <= place < each.end), None)


_handlers: Final[Any] = dis._parse_exception_table  # type: ignore[attr-defined]  # noqa: SLF001 - what `dis` prints, as data


# -- from Python 3.12 on -------------------------------------------------------------------------------

_armed: dict[Process, tuple[CodeType, ...]] = {}
"""Whom the next look shall end, with the code in which it is looked."""


def _strike_from_within(runner: Runner, process: Process, frame: FrameType) -> bool:
    _disarm(process)
    monitoring: Any = getattr(sys, "monitoring")  # noqa: B009 - older type stubs lack it
    tool = _tool(monitoring)
    computes = frame.f_code.co_code[frame.f_lasti] in _RESTS  # else it may wait in a call, and for long
    if tool is None or not computes or runner.current is not process:
        return False
    codes: list[CodeType] = []
    caller: FrameType | None = frame
    while caller is not None and not caller.f_code.co_filename.startswith(_HOMES):
        codes.append(caller.f_code)
        caller = caller.f_back
    _armed[process] = tuple(codes)
    for code in codes:
        monitoring.set_local_events(tool, code, monitoring.events.LINE | monitoring.events.JUMP)
    return True


def _tool(monitoring: Any) -> int | None:
    """Return a free number among those that are for anybody; None if all are taken."""
    for tool in (3, 4):
        if monitoring.get_tool(tool) == "otpy":
            return tool
    for tool in (3, 4):
        if monitoring.get_tool(tool) is None:
            monitoring.use_tool_id(tool, "otpy")
            monitoring.register_callback(tool, monitoring.events.LINE, _look)
            monitoring.register_callback(tool, monitoring.events.JUMP, _look_at_jump)
            return tool
    return None


def _look(_code: CodeType, _line: int) -> None:
    """Raise Unwound in who is to be ended. Called by each thread that runs an armed code, at each of its lines."""
    process = _meant(sys._getframe(1))  # noqa: SLF001 - see above
    if process is not None:
        _disarm(process)
        raise Unwound


def _look_at_jump(code: CodeType, place: int, target: int) -> None:
    """The same, at each jump: a loop may stand on one line. Python looks for the handlers of where it jumps to."""
    process = _meant(sys._getframe(1))  # noqa: SLF001 - see above
    if process is not None and _handler(code, place) == _handler(code, target):
        _disarm(process)
        raise Unwound


def _meant(frame: FrameType) -> Process | None:
    """Return the process that is to be ended and runs *frame*, if that can be done there."""
    running = here.process
    process: Process | None = getattr(running, "acts_for", running)  # a rehearsal has a stand-in for who runs it
    armed = process is not None and process.fenced and frame.f_code in _armed.get(process, ())
    return process if armed and _runs_alone(frame) else None


def _disarm(process: Process) -> None:
    monitoring: Any = getattr(sys, "monitoring", None)
    for code in _armed.pop(process, ()):
        if not any(code in codes for codes in tuple(_armed.values())):
            monitoring.set_local_events(_tool(monitoring), code, 0)


def forget(process: Process) -> None:
    """Note that the code of *process* has ended."""
    _disarm(process)


_strike: Final = {True: _strike_at_once, False: _strike_from_within}[sys.version_info < (3, 12)]
