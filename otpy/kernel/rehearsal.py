"""Running code that must not do anything yet: a new module's body, a `code_change` on a copy, a supervisor's `init`.

`with rehearsing():` puts a record of its own in the place of the running process: one that is fenced, as the dead are.
Whatever asks otpy for something looks for that fence already, so a rehearsal costs nobody else anything; and instead of
leaving the code, as it does in the dead, the look ends here. What only looks (`self_pid`, `whereis`, `process_info`,
reading a table) is answered for the process itself. What would do something raises EffectRefused where it was asked
for, and is noted, in case the code swallows the error.

Effects on the world outside otpy (files, sockets, threads) are not seen here.
"""

from __future__ import annotations

import contextlib
import inspect
import reprlib
import sys
from collections.abc import Collection, Generator
from pathlib import Path
from types import FrameType
from typing import Final, final

import msgspec
import pykka

from otpy.errors import EffectRefused
from otpy.kernel.here import current, here, leave, on_loop
from otpy.kernel.process import Process

__all__ = ["Effect", "Rehearsal", "rehearsing"]

_LOOKS: Final = frozenset({"self_pid", "Table._read", "Table.info", "Via.whereis", "check_response"})
"""Functions that only look, though they ask who is running."""

_HOMES: Final = (str(Path(__file__).parents[1]), str(Path(pykka.__file__).parent))


class Effect(msgspec.Struct, frozen=True):
    """One thing that was asked of otpy in a rehearsal."""

    name: str
    """The function of otpy or pykka that was called, without its class: "send", "start_link"; a class that was made."""
    what: str
    """The request as it was made, such as "send(Pid<7 shop>, 'hello')"."""
    place: str
    """Where: "file:line in function"."""
    allowed: bool = False

    def __str__(self) -> str:
        return f"{self.what} at {self.place}"


@final
class Rehearsal:
    """What a rehearsal has seen so far."""

    def __init__(self, allow: Collection[str]) -> None:
        if isinstance(allow, str) or not all(isinstance(name, str) for name in allow):
            msg = f'allow is {allow!r}; give the names of functions, such as ["send", "start_link"]'
            raise TypeError(msg)
        self.allow = frozenset(allow)
        self.effects: list[Effect] = []

    def note(self, effect: Effect) -> None:
        """Add *effect*, once where one function asks again on its way out."""
        if self.effects[-1:] != [effect]:
            self.effects.append(effect)

    @property
    def refused(self) -> tuple[Effect, ...]:
        """The effects that were refused, in order."""
        return tuple(effect for effect in self.effects if not effect.allowed)


@contextlib.contextmanager
def rehearsing(*, allow: Collection[str] = ()) -> Generator[Rehearsal]:
    """Have effects on otpy from the block, in this thread, raise EffectRefused. Yields what notes them.

    *allow* names functions that are carried out nevertheless (see Effect.name). One of those that waits needs a thread
    of its own, or one that otpy did not make: in a process on the scheduler it is refused, as others run there
    meanwhile.
    """
    made = Rehearsal(allow)
    acting = here.process
    if acting is None and here.on_loop:
        acting = on_loop.get()
    process = acting.acts_for if isinstance(acting, _StandIn) else current()
    stand_in = _StandIn(process, made)
    if here.process is None and here.on_loop:
        token = on_loop.set(stand_in)  # other tasks of the loop run meanwhile, and are not concerned
        try:
            yield made
        finally:
            on_loop.reset(token)
        return
    outer, here.process = here.process, stand_in
    try:
        yield made
    finally:
        here.process = outer


@final
class _StandIn(Process):
    """The record that the code of a rehearsal runs as: always fenced, and asked what to do about it."""

    __slots__ = ("_rehearsal", "acts_for")

    def __init__(self, process: Process, rehearsal: Rehearsal) -> None:
        super().__init__(process.runtime, process.executor, process.handle)
        self.acts_for = process
        self.fenced = True
        self.label = "rehearsal"
        self._rehearsal = rehearsal

    def guard(self) -> Process:
        """Return the process itself if what is being asked for may be done; else raise. See here.current."""
        if self.acts_for.fenced:
            leave(self.acts_for)
        frames = _otpy_frames(sys._getframe(1))  # noqa: SLF001 - the documented way to see who asks
        names = [frame.f_code.co_qualname for frame in frames]
        if not _LOOKS.isdisjoint(names):
            return self.acts_for
        effect = _effect(frames)
        allowed = effect.name in self._rehearsal.allow
        waits = "waiting" in names and hasattr(self.acts_for.runner, "pool")
        if allowed and not waits:
            self._rehearsal.note(msgspec.structs.replace(effect, allowed=True))
            return self.acts_for
        self._rehearsal.note(effect)
        if allowed:
            why = "is allowed, but it waits, and others run on this thread meanwhile; rehearse on a thread"
            raise EffectRefused(effect.what, effect.place, why)
        raise EffectRefused(effect.what, effect.place)


def _otpy_frames(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of otpy and pykka, innermost first, down to the code that called them, which is the last."""
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        if not frame.f_code.co_filename.startswith(_HOMES):
            break
        frame = frame.f_back
    return frames


def _effect(frames: list[FrameType]) -> Effect:
    code, entered = frames[-1].f_code, frames[-2]
    owner, _, name = entered.f_code.co_qualname.rpartition(".")
    if name.startswith("__"):
        name = owner.rpartition(".")[2]
    return Effect(name, _request(entered), f"{code.co_filename}:{frames[-1].f_lineno} in {code.co_name}")


def _request(frame: FrameType) -> str:
    """Return the call that *frame* carries out, as it may have been written."""
    code, given = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    shown = [_shown(given[name]) for name in names if name != "self" and name in given]
    if code.co_flags & inspect.CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        shown += [_shown(value) for value in given.get(rest, ())]
    return f"{code.co_qualname}({', '.join(shown)})"


def _shown(value: object) -> str:
    return value.__qualname__ if isinstance(value, type) else reprlib.repr(value)
