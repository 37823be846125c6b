"""A thread of the scheduler, and the greenlets on it.

The loop runs in a greenlet. A handler that does not wait costs no switch. One that waits leaves its greenlet standing,
and another greenlet of the pool takes the loop over (leader and followers). When the answer is there, the loop goes
into the pool in its turn and switches to the greenlet that waited; that one runs the loop on when its handler is done.

New loop greenlets are started by the hub, the root greenlet of the thread: a greenlet begins with the recursion depth
of its starter, so a handler's greenlet must not start any.

Only the holder of the scheduler's token takes processes from the queue (see scheduler.py). A worker checks for that,
through `attention`, after it has cleared `current` and before it takes anything.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit as StackDropped
from greenlet import getcurrent, greenlet

from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.here import here
from otpy.kernel.process import Process
from otpy.kernel.runner import Runner

if TYPE_CHECKING:
    from otpy.kernel.scheduler import Scheduler

__all__ = ["LoopGreenlet", "StackDropped", "Worker"]

_SLICES_PER_LOOK = 32
_POOL = 256
_DEEPEST_INLINE = 12


class LoopGreenlet(greenlet):
    """A greenlet that runs the loop; *depth* counts the starts that run inside one another on it."""

    depth: int = 0


class Worker(Runner):
    """One OS thread that can hold the token."""

    __slots__ = ("handed", "hub", "pinned", "pool", "scheduler", "thread", "waiting", "wake")

    def __init__(self, scheduler: Scheduler, number: int) -> None:
        super().__init__(scheduler.runtime)
        self.scheduler = scheduler
        self.hub: Any = None
        self.pool: list[LoopGreenlet] = []
        self.pinned: deque[Process] = deque()  # to be resumed here and nowhere else
        self.handed: Any = None  # the greenlet that a loop which ends hands over to
        self.waiting = False  # for the token; changed under the token's lock
        self.wake = threading.Lock()
        self.wake.acquire()
        self.thread = threading.Thread(target=self._run, name=f"otpy-scheduler-{number}", daemon=True)

    # -- waiting and going on

    stand = staticmethod(getcurrent)  # pyright: ignore[reportAssignmentType] # a method would cost every call its price

    def park(self, process: Process) -> None:
        """See Runner.park. What runs next is the loop, in another greenlet."""
        self.current = None
        here.process = None
        (self.pool.pop() if self.pool else self.hub).switch()
        process.scheduled = True

    def resume(self, process: Process) -> None:
        """See Runner.resume: greenlets cannot change threads, so the token has to come here."""
        self.pinned.append(process)
        self.scheduler.pass_to(self)

    @runs_callbacks
    def turn(self, process: Process) -> None:
        """See Runner.turn; the loop does the same in place."""
        me: Any = getcurrent()
        if process.context is not None:
            me.gr_context = process.context
        self.slice(process)
        if me.gr_context is not None:
            process.context, me.gr_context = me.gr_context, None

    # -- starting a process inside another

    def inline_depth(self) -> int:
        """Return how many starts run inside one another in the running greenlet."""
        return getattr(getcurrent(), "depth", _DEEPEST_INLINE)

    def can_inline(self) -> bool:
        """Whether one more start may run inside the running handler (the stack is not endless)."""
        return self.inline_depth() < _DEEPEST_INLINE

    def run_inside(self, starter: Process, child: Process) -> None:
        """Run the boot of *child* at once, on the stack of *starter*, which would wait for it anyway."""
        stack: Any = getcurrent()
        context, stack.gr_context = stack.gr_context, None
        stack.depth += 1
        starter.wait_on = child
        self.slice(child)
        starter.wait_on = None
        stack.depth -= 1
        child.context, stack.gr_context = stack.gr_context, context
        self.slices += 1
        here.process = starter
        self.current = starter

    # -- the loop

    @runs_callbacks
    def _run(self) -> None:
        self.ident = threading.get_ident()
        self.hub = getcurrent()
        here.resident = self.runtime.system
        while self.scheduler.await_token(self):
            self._next().switch()
        while self.pool:
            self.pool.pop().throw()

    def _next(self) -> Any:
        """Return the greenlet that runs next: one that is handed over to, an idle loop, or a new one."""
        if self.handed is not None:
            handed, self.handed = self.handed, None
            return handed
        return self.pool.pop() if self.pool else LoopGreenlet(self._loop)

    @runs_callbacks
    def _loop(self) -> None:  # noqa: C901, PLR0912 - the hot loop: a call for each branch would cost more than the branch
        me: Any = getcurrent()
        scheduler = self.scheduler
        ready = scheduler.ready
        until_look = _SLICES_PER_LOOK
        while True:
            until_look -= 1
            if self.attention or not until_look:
                until_look = _SLICES_PER_LOOK
                if not scheduler.look(self):
                    return  # to the hub, which waits for the token
            try:
                process = ready.popleft()
            except IndexError:
                scheduler.idle(self)
                until_look = 1
                continue
            standing = process.parked
            if standing is not None:
                runner = process.runner
                if runner is not self:
                    assert runner is not None  # it waits, so it has run
                    runner.resume(process)
                    continue
                process.parked = None
                here.process = process
                self.slices += 1
                self.current = process
                if len(self.pool) >= _POOL:  # enough loops are idle: this one ends, and the hub goes on for it
                    self.handed = standing
                    return
                self.pool.append(me)
                standing.switch()
                continue
            bar = process.bar
            if bar is not None:
                bar.admit(self, process)
            elif scheduler.blocking and scheduler.blocks(process):
                scheduler.move_to_thread(process)
            else:
                if process.context is not None:
                    me.gr_context = process.context
                self.slice(process)
                if me.gr_context is not None:
                    process.context, me.gr_context = me.gr_context, None
                if scheduler.debug:
                    scheduler.rotate(self)
