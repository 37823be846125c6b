"""Code of others that is only tried: on a thread of its own, for so long and no longer.

What takes too long is given up. Its process is killed, and what ends the code of the dead ends this too, at the next
round of a loop (`otpy.kernel.interrupts`). What waits inside the system, or computes in an extension, is not reached:
it is left behind, and what comes of it one day is thrown away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, final

import msgspec

from otpy.code.visibility import withdraw
from otpy.errors import CallTimeout, ServerExited, UpgradeError
from otpy.kernel import signals
from otpy.kernel.callbacks import runs_trials
from otpy.kernel.calls import PENDING, Call, Failed, pause, wait_for_answer
from otpy.kernel.here import waiting
from otpy.kernel.runtime import spawn_process
from otpy.kernel.suspension import stands_at

T = TypeVar("T")

LAST_SECONDS: Final = 2.0
"""How long to wait for the end of what was given up."""


class GivenUp(msgspec.Struct, frozen=True):
    """What became of an attempt that was given up."""

    where: str
    """Where it stood: "file:line in function"."""
    has_ended: bool
    """False if its code could not be interrupted: it goes on."""


@final
class Attempt(Generic[T]):
    """One try of *job*. Use it once: `outcome`, as often as it takes, and `give_up` if it takes too long.

    *late*: what to do with an outcome that nobody waits for any more.
    """

    def __init__(self, job: Callable[[], T], *, label: str, late: Callable[[T], object]) -> None:
        me = waiting()
        self._job = job
        self._label = label
        self._late = late
        self._answer: Call = pause(me)
        self._thread = 0
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._is_wanted = True
        """Whether it is waited for. Who changes that, begins or answers has the turn: what was given up before it began
        never begins, and an outcome is either taken or late."""
        self._process = spawn_process(self._run, starter=me, label=label, runs_on="thread")
        if not signals.on_death(self._process, self._answer):
            self._answer.fail(self._process.exit_reason)

    def outcome(self, seconds: float) -> T:
        """Return or raise what came of it. Raises CallTimeout after *seconds*; then it may be asked again.

        If who waits here is ended, it is given up.
        """
        try:
            found: T = wait_for_answer(self._answer, max(seconds, 0.0))
        except CallTimeout:
            raise
        except ServerExited as ended:
            if ended.server is not self._answer.server:
                raise
            msg = f"the {self._label} was ended from outside, with {ended.reason!r}"
            raise UpgradeError(msg) from ended
        except BaseException:
            if self._answer.answer is PENDING:
                self.give_up()
            raise
        return found

    def give_up(self) -> GivenUp:
        """End it if it goes on, and wait a little for that."""
        where = stands_at(self._process)
        with self._turn:
            self._is_wanted = False
            has_begun = bool(self._thread)
        self._process.runtime.kill(self._process)
        has_ended = not has_begun or self._over.wait(LAST_SECONDS)
        if not has_ended:
            withdraw(self._thread)
        return GivenUp(where, has_ended)

    @runs_trials
    def _run(self) -> None:
        with self._turn:
            if not self._is_wanted:
                return
            self._thread = threading.get_ident()
        try:
            self._tell(self._job())
        except BaseException as error:
            if self._process.fenced:  # it was ended
                raise
            self._answer.put(Failed(error))
        finally:
            self._over.set()

    def _tell(self, outcome: Any) -> None:
        with self._turn:
            if self._is_wanted:
                self._answer.put(outcome)
                return
        self._late(outcome)
