"""What code that runs for an upgrade sends to those who are held: kept back until it is known whether that stands.

A supervisor that starts an added child, the child itself, a `code_change`: all run while the rest of the set is held,
and the upgrade may still be taken back. What they did to themselves is undone then, but a message in somebody's mailbox
has no inverse. So it is not put there: while such code may run, the mailbox of who is held is a `HeldMailbox`, which
looks who sends. Nobody else pays for that, neither before nor afterwards.

Invariants:

- A HeldMailbox and the mailbox that it stands for are one queue: who has looked up either before they were exchanged
  puts his message into the same.
- Whether a message is kept back is decided under the lock under which all of them are handed out at the end: so none of
  the same sender overtakes another.

A process in the middle of a job of its own may wait for what such code sends, as for the result of a task: it gets it
at once, and what it has not taken is taken out again if the upgrade is taken back.

What the runtime itself sends (see SIGNALS) passes: it tells of something that has no way back. But the end of those
whom jobs have started is told as what they send is, when the upgrade stands; else nobody was there who could have
ended.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from threading import RLock
from typing import Any, TypeVar, final

from otpy.errors import CallError
from otpy.kernel import signals
from otpy.kernel.here import here, on_loop
from otpy.kernel.messages import SIGNALS, Down, Exit
from otpy.kernel.process import AWAITED, CARRIED, SINK, Process, deliver

T = TypeVar("T")


@final
class KeptBack:
    """The messages that one suspension keeps back, and for whom it does.

    *is_insider* tells who runs for an upgrade, *is_started* whom such have started, *is_at_work* who has a job now.
    """

    def __init__(
        self,
        is_insider: Callable[[Process], bool],
        *,
        is_started: Callable[[Process], bool],
        is_at_work: Callable[[Process], bool],
    ) -> None:
        self._is_insider = is_insider
        self._is_started = is_started
        self._is_at_work = is_at_work
        self._lock = RLock()  # a finalizer may send while its thread is in here
        self._messages: list[tuple[Process, Any]] = []
        self._waited_for: set[Process] = set()  # those of `_messages`: what comes now must not overtake these
        # Without the lock, since who tells of an end holds the plane, for which a finalizer may wait that has the lock.
        self._passed: deque[tuple[Process, Any]] = deque()  # in the mailboxes of those who were at work
        self._ends: deque[_End] = deque()
        self._boxes: dict[Process, HeldMailbox] = {}
        self._over = False

    def guard(self, processes: Iterable[Process]) -> None:
        """From now on, keep back what insiders send to *processes*."""
        for process in processes:
            if process not in self._boxes:
                self._guard(process)

    def _guard(self, process: Process) -> None:
        """Exchange its mailbox. It may be opened, or closed by death, at the same time: see Process.open_mailbox."""
        while (box := process.mailbox) is not SINK:
            held = HeldMailbox(self, process, box)
            own = held.as_deque()
            process.mailbox = own if process.mailbox is box else process.mailbox
            if process.mailbox is own:
                self._boxes[process] = held
                return

    def takes(self, process: Process, message: Any) -> bool:
        """Whether *message*, which the running process sends to *process*, is kept back."""
        if type(message) in SIGNALS:
            return type(message) in (Down, Exit) and self._takes_end(process, message)
        sender = here.process or (on_loop.get() if here.on_loop else None)
        return sender is not None and self._is_insider(sender) and self.keep(process, message)

    def _takes_end(self, process: Process, message: Down | Exit) -> bool:
        dead: Any = message.pid
        if not self._is_started(dead):
            return False
        if self._is_at_work(process):
            self._passed.append((process, message))
            return False
        return self._keep_end(_End(dead, process, message=message))

    def keep(self, process: Process, message: Any) -> bool:
        """Keep *message* for *process* back, and return True; False if it is over, or *process* may wait for it."""
        with self._lock:
            if self._over:
                return False
            if process not in self._waited_for and self._is_at_work(process):
                self._passed.append((process, message))
                return False
            self._messages.append((process, message))
            self._waited_for.add(process)
            return True

    def keep_exit(self, dead: Process, process: Process, reason: Any) -> bool:
        """Keep from *process* that *dead*, linked with it, has ended, and return True; False if it is over."""
        return self._keep_end(_End(dead, process, reason))

    def _keep_end(self, end: _End) -> bool:
        self._ends.append(end)
        if self._over:
            with contextlib.suppress(ValueError):  # who has ended it has told it as well
                self._ends.remove(end)
                return False
        return True

    def open(self, process: Process, held: HeldMailbox) -> deque[Any]:
        """Return the mailbox that *held* stands for, made now: of a process to whom nobody had sent anything before."""
        with self._lock:
            if process.mailbox is not held.as_deque():  # it is over, or the process is dead
                return process.open_mailbox()
            if held.box is None:
                held.box = deque()
            return held.box

    def forget(self) -> None:
        """Drop what was kept back so far. Who waits for an answer is told that none will come, and waits no more."""
        with self._lock:
            dropped, self._messages = self._messages, []
            self._waited_for.clear()
            dropped += [each for each in _all_of(self._passed) if self._take_out(*each)]
        for end in _all_of(self._ends):
            end.forget()
        for process, message in dropped:
            if type(message) in AWAITED:
                msg = f"{process!r} was not asked: the upgrade that did so has been taken back"
                message.hand_back(CallError(msg, process, getattr(message, CARRIED[type(message)])))

    def _take_out(self, process: Process, message: Any) -> bool:
        """Take *message* out of the mailbox of *process*; whether it was still there."""
        held = self._boxes.get(process)
        for box in (process.held, None if held is None else held.box):
            for index, each in enumerate(tuple(box or ())):
                if each is message and box is not None:
                    del box[index]
                    return True
        return False

    def end(self) -> None:
        """Give everybody the own mailbox again, with what was kept back at its end."""
        with self._lock:
            self._over = True
            for process, held in self._boxes.items():
                box, own = held.box, held.as_deque()
                process.mailbox = box if process.mailbox is own else process.mailbox
            for process, message in self._messages:
                process.open_mailbox().append(message)
            self._boxes.clear()
            self._messages.clear()
            self._passed.clear()
        for end in _all_of(self._ends):
            end.tell()


@final
class _End:
    """The end of *dead*, of which *process* has not been told: by *message*, or by its link, with *reason*."""

    __slots__ = ("_dead", "_message", "_process", "_reason")

    def __init__(self, dead: Process, process: Process, reason: Any = None, *, message: Any = None) -> None:
        self._dead = dead
        self._process = process
        self._reason = reason
        self._message = message

    def tell(self) -> None:
        """Tell it."""
        if self._message is None:
            signals.pass_on(self._dead, self._process, self._reason)
        else:
            deliver(self._process, self._message)

    def forget(self) -> None:
        """Have nobody told of it."""
        if self._message is None:
            signals.unlink(self._process, self._dead)


def _all_of(queue: deque[T]) -> Iterator[T]:
    """Take out one after the other; others may add some, or take them back."""
    with contextlib.suppress(IndexError):
        while True:
            yield queue.popleft()


@final
class HeldMailbox:
    """The mailbox of a process that is held: *box*, but for what is kept back. Of a deque it has what is needed."""

    __slots__ = ("_kept", "_process", "box")

    def __init__(self, kept: KeptBack, process: Process, box: deque[Any] | None) -> None:
        self._kept = kept
        self._process = process
        self.box = box

    def as_deque(self) -> Any:
        """Return itself, for type checkers: it stands where a deque stands otherwise."""
        return self

    def append(self, message: Any) -> None:
        """Put *message* at the end, unless it is kept back."""
        if not self._kept.takes(self._process, message):
            self._open().append(message)

    def appendleft(self, message: Any) -> None:
        """See deque."""
        self._open().appendleft(message)

    def extendleft(self, messages: Iterable[Any]) -> None:
        """See deque."""
        self._open().extendleft(messages)

    def popleft(self) -> Any:
        """See deque."""
        return self._open().popleft()

    def __len__(self) -> int:
        return len(self._seen())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._seen())

    def __setitem__(self, index: int, message: Any) -> None:
        self._open()[index] = message

    def _seen(self) -> Collection[Any]:
        """What is in it; in the own mailbox, for who has looked it up while held and goes on with it afterwards."""
        own = self._process.mailbox if self.box is None else self.box
        return () if own is None or own is self.as_deque() else own

    def _open(self) -> deque[Any]:
        return self._kept.open(self._process, self) if self.box is None else self.box
