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

What the runtime itself sends (see SIGNALS) passes: it tells of something that has no way back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from threading import RLock
from typing import Any, final

from otpy.errors import CallError
from otpy.kernel.here import here, on_loop
from otpy.kernel.messages import SIGNALS
from otpy.kernel.process import AWAITED, CARRIED, SINK, Process


@final
class KeptBack:
    """The messages that one suspension keeps back, and for whom it does. *is_insider* tells who runs for an upgrade."""

    def __init__(self, is_insider: Callable[[Process], bool]) -> None:
        self._is_insider = is_insider
        self._lock = RLock()  # a finalizer may send while its thread is in here
        self._messages: list[tuple[Process, Any]] = []
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
        sender = here.process or (on_loop.get() if here.on_loop else None)
        if sender is None or type(message) in SIGNALS or not self._is_insider(sender):
            return False
        return self.keep(process, message)

    def keep(self, process: Process, message: Any) -> bool:
        """Keep *message* for *process* back, and return True; False if it is over."""
        with self._lock:
            if self._over:
                return False
            self._messages.append((process, message))
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
        for process, message in dropped:
            if type(message) in AWAITED:
                msg = f"{process!r} was not asked: the upgrade that did so has been taken back"
                message.hand_back(CallError(msg, process, getattr(message, CARRIED[type(message)])))

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
