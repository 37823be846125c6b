"""Who still runs old code of a module, and how to be rid of them.

An upgrade changes what is called next. A frame that has begun goes on with the code that it began with: in a process
that loops or waits inside a function, a thread, a generator or coroutine that stands at a yield. That is how it should
be, and `who_runs` tells of it. As in OTP, `soft_purge` asks whether they are all gone, and `purge` ends them.

This package knows no processes. Who knows them is found through `otpy.wires.processes`.

Source: OTP code.erl, code_server.erl: soft_purge/1, purge/1; erlang:check_process_code/2.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType, ModuleType
from typing import Any, Literal, Protocol, TypeAlias, cast

from otpy import wires
from otpy.code.ages import Ages
from otpy.code.history import histories
from otpy.code.meant import name_of
from otpy.code.version import Vsn
from otpy.errors import NoSuchVersion

Kind: TypeAlias = Literal["process", "thread", "greenlet", "generator", "coroutine", "async generator"]

_log = logging.getLogger("otpy.code")


@dataclass(frozen=True, slots=True)
class Lingering:
    """Somebody who runs code of a certain version; prints as `file:line in function: kind who (version)`.

    *who* is its name, *pid* what it is if it is a process. *number* and *vsn* are those of the version, both None if
    that version is not known any more. *file* and *line* say where it stands, in the text of that version.
    """

    module: str
    kind: Kind
    who: str
    number: int | None
    vsn: Vsn | None
    file: str
    line: int
    function: str
    pid: Any = None

    def __str__(self) -> str:
        version = f"version {self.number}, vsn {self.vsn}" if self.number is not None else "a version not kept"
        return f"{self.file}:{self.line} in {self.function}: {self.kind} {self.who} ({version})"


@dataclass(frozen=True, slots=True)
class Stack:
    """The frames of one process, innermost first. *pid* is the process, *who* how it is called."""

    pid: Any
    who: str
    frames: Sequence[FrameType]


class Processes(Protocol):
    """What has to be known of processes."""

    def stacks(self, threads: Mapping[int, FrameType]) -> Iterator[Stack]:
        """Yield the frames of every process that has some. *threads*: the innermost frame of each thread, by ident."""
        ...

    def end(self, pid: Any) -> None:
        """End that process, as one that was killed."""
        ...


def who_runs(module: str | ModuleType, vsn: Vsn | None = None) -> tuple[Lingering, ...]:
    """Return everybody who has begun to run code of *module* and has not ended: each once, with its innermost place.

    *vsn* is the version that is asked for, the running one too; None asks for all that have been superseded. A
    definition that newer versions left as it is counts as theirs, whenever it was begun.

    Raises: NoSuchVersion, if no version of that name is known.
    """
    return tuple(found.told for found in _find(module, vsn))


def soft_purge(module: str | ModuleType) -> bool:
    """Whether nobody runs old code of *module*; does nothing either way."""
    return not who_runs(module)


def purge(module: str | ModuleType) -> bool:
    """End everybody who runs old code of *module*; returns whether there was somebody who could be ended.

    Processes are killed (their reason is `Killed()`), generators and coroutines closed, tasks of asyncio cancelled.
    Threads and greenlets that are no processes cannot be ended from outside: they are logged, and `who_runs` goes on
    naming them. If the caller is among them, it comes last.
    """
    running = _find(module, None)
    mine = _mine()
    running.sort(key=lambda each: id(each.frame) in mine)
    ended = False
    for each in running:
        if each.end():
            ended = True
        else:
            _log.warning("cannot end, and goes on with old code: %s", each.told)
    return ended


def check_process_code(pid: Any, module: str | ModuleType) -> bool:
    """Whether the process *pid* runs old code of *module*."""
    return any(each.kind == "process" and each.pid is pid for each in who_runs(module))


# -- finding ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """Somebody, with what ends it: a function that says whether it did."""

    told: Lingering
    frame: FrameType
    end: Callable[[], bool]


def _find(module: str | ModuleType, vsn: Vsn | None) -> list[_Found]:
    name = name_of(module)
    ages = Ages.of(name)
    wanted = _wanted(name, ages, vsn)
    if not ages.current:
        return []
    found: list[_Found] = []
    seen: dict[int, FrameType] = {}  # with the frames, so that no other gets the id of one
    for kind, who, pid, frames, end in _everybody():
        for frame in frames:
            number = None if id(frame) in seen else ages.number(frame)
            if number is not None and wanted(number):
                found.append(_Found(_told(ages, frame, number, kind=kind, who=who, pid=pid), frame, end))
                break
        seen.update((id(frame), frame) for frame in frames)
    return found


def _wanted(name: str, ages: Ages, vsn: Vsn | None) -> Callable[[int], bool]:
    """Return what says whether the version of a number is asked for."""
    if vsn is None:
        return lambda number: number != ages.current
    numbers = {number for number, version in ages.versions.items() if version.vsn == vsn}
    if not numbers:
        raise NoSuchVersion(name, vsn, tuple(version.vsn for version in histories.versions(name)))
    return lambda number: number in numbers


def _told(ages: Ages, frame: FrameType, number: int, *, kind: Kind, who: str, pid: Any) -> Lingering:
    version = ages.versions.get(number)
    return Lingering(
        module=ages.name,
        kind=kind,
        who=who,
        number=version.number if version else None,
        vsn=version.vsn if version else None,
        file=ages.file(frame, number),
        line=frame.f_lineno or frame.f_code.co_firstlineno,
        function=frame.f_code.co_qualname,
        pid=pid,
    )


_Somebody: TypeAlias = "tuple[Kind, str, Any, Sequence[FrameType], Callable[[], bool]]"


def _everybody() -> Iterator[_Somebody]:
    """Yield all that has frames, those first whose frames may be seen again in others."""
    threads = _threads()
    views: list[Processes] = [view() for view in wires.processes]
    for view in views:
        for stack in view.stacks(threads):
            yield "process", stack.who, stack.pid, stack.frames, _ending(view, stack.pid)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in threads.items():
        yield "thread", names.get(ident, str(ident)), None, list(chain(frame)), _cannot
    yield from _suspended()


def _threads() -> dict[int, FrameType]:
    """Return the innermost frame of each thread by its ident; of this one, the innermost outside of this search.

    A search that found its own frames would hold what holds them: all of it, until the next full collection.
    """
    threads = sys._current_frames()  # noqa: SLF001 - the documented way to see the stacks of other threads
    for frame in chain(threads.pop(threading.get_ident())):
        if frame.f_globals is not globals():
            threads[threading.get_ident()] = frame
            break
    return threads


def _suspended() -> Iterator[_Somebody]:
    """Yield generators and the like that stand at a yield or an await, and greenlets that are switched away."""
    standing, tasks = _standing()
    for thing in standing:
        kind = type(thing)
        if kind is GeneratorType:
            yield from _one("generator", thing, thing.gi_frame, tasks)
        elif kind is CoroutineType:
            yield from _one("coroutine", thing, thing.cr_frame, tasks)
        elif kind is AsyncGeneratorType:
            yield from _one("async generator", thing, thing.ag_frame, tasks)
        else:
            yield "greenlet", object.__repr__(thing), None, list(chain(thing.gr_frame)), _cannot


def _standing() -> tuple[list[Any], dict[int, Any]]:
    """Return all generators, coroutines, async generators and greenlets, and the asyncio tasks by what they run.

    All objects are held here and not a moment longer: a tuple that somebody is just filling may have no other holder.
    Types are compared, not asked for: `isinstance` runs code of proxies.
    """
    greenlet: type | None = getattr(sys.modules.get("greenlet"), "greenlet", None)
    objects = gc.get_objects()
    wanted = (GeneratorType, CoroutineType, AsyncGeneratorType)
    standing = [
        thing
        for thing in objects
        if type(thing) in wanted or (greenlet is not None and issubclass(type(thing), greenlet))
    ]
    return standing, _tasks(objects)


def _one(kind: Kind, thing: Any, frame: FrameType | None, tasks: Mapping[int, Any]) -> Iterator[_Somebody]:
    if frame is not None and frame.f_globals is not globals():  # see _threads
        task = tasks.get(id(thing))
        yield kind, thing.__qualname__, None, (frame,), lambda: _close(thing, task)


def chain(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield *frame* and those around it, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _mine() -> set[int]:
    """The frames of the caller."""
    return {id(frame) for frame in chain(sys._getframe(1))}  # noqa: SLF001 - as above


# -- ending ----------------------------------------------------------------------------------------


def _cannot() -> bool:
    return False


def _ending(view: Processes, pid: Any) -> Callable[[], bool]:
    def end() -> bool:
        view.end(pid)
        return True

    return end


def _close(thing: Any, task: Any) -> bool:
    """Close a generator, coroutine or async generator; where a task runs it, cancel that. Whether it could be done.

    What runs just now cannot be closed; one that yields on although it is closed goes on; one whose `finally` raises
    has ended.
    """
    if task is not None:
        task.get_loop().call_soon_threadsafe(task.cancel)
        return True
    try:
        if isinstance(thing, AsyncGeneratorType):
            with contextlib.suppress(StopIteration, StopAsyncIteration):
                thing.aclose().send(None)
                return False  # it awaits something on its way out, and nobody is there to wait
        else:
            cast("Generator[Any, Any, Any]", thing).close()
    except (RuntimeError, ValueError) as error:
        _log.debug("closing %r: %s", thing, error)
        return False
    except Exception:  # noqa: BLE001 - of its own `finally`: it has ended all the same
        _log.exception("%r raised while it was closed", thing)
    return True


def _tasks(objects: Sequence[Any]) -> dict[int, Any]:
    """The asyncio tasks among *objects*, by the ids of the coroutines and the like that they run."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return {}
    found: dict[int, Any] = {}
    for thing in objects:
        if issubclass(type(thing), asyncio.Task):
            awaited: Any = thing.get_coro()
            while awaited is not None and id(awaited) not in found:
                found[id(awaited)] = thing
                awaited = awaits(awaited)
    return found


def awaits(thing: Any) -> Any:
    """What a coroutine or generator waits for, itself one."""
    for attribute in ("cr_await", "gi_yieldfrom", "ag_await"):
        inner = getattr(thing, attribute, None)
        if inner is not None:
            return inner
    return None
