"""The process that evaluates for somebody outside: one for each `otpy rpc`, and one at a time for each `otpy attach`.

It has a thread of its own, since what people type may block. It does one job after the other, and tells its owner when
one is done; between two of them it waits in `receive`, so that its mailbox is there for what is typed. It is ended, as
every process is, by an exit signal: an interrupt ends it, and what it did is unwound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from otpy.cli.evaluating import (
    Evaluation,
    NotThere,
    Scope,
    as_json,
    literal,
    traceback_of,
    value_text,
)
from otpy.cli.screens import Screen, Tell, shown_on
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.here import current
from otpy.kernel.primitives import exit as end_process
from otpy.kernel.primitives import monitor, receive, send
from otpy.kernel.process import Unwound, deliver
from otpy.kernel.reasons import ExitProcess, Kill
from otpy.kernel.runtime import spawn_process

if TYPE_CHECKING:
    from otpy.kernel.pid import Ref


class Job(ABC):
    """Something to evaluate."""

    @abstractmethod
    def do(self, evaluation: Evaluation, screen: Screen) -> object:
        """Do it, print what there is to print, and return what the owner is told."""


@final
class Typed(Job):
    """Text. Its value is `_` afterwards, and is printed, unless it is None."""

    def __init__(self, source: str) -> None:
        self._source = source

    @runs_callbacks
    def do(self, evaluation: Evaluation, screen: Screen) -> None:
        """See Job.do."""
        value = evaluation.value(self._source)
        if value is not None:
            evaluation.scope.names["_"] = value
            screen.write("out", f"{value_text(value)}\n")


@final
class Asked(Job):
    """Text, or a function with arguments as text, whose value is wanted, as JSON or as Python writes it."""

    def __init__(self, source: str, args: Sequence[str] | None, *, json: bool) -> None:
        """*args* None: *source* is Python; else it is `module:function`."""
        self._source = source
        self._args = args
        self._json = json

    @runs_callbacks
    def do(self, evaluation: Evaluation, screen: Screen) -> None:
        """See Job.do."""
        value = self._value(evaluation)
        if self._json:
            screen.write("value", f"{as_json(value)}\n")
        elif value is not None:
            screen.write("value", f"{value_text(value)}\n")

    @runs_callbacks
    def _value(self, evaluation: Evaluation) -> object:
        if self._args is None:
            return evaluation.value(self._source)
        module, _, function = self._source.partition(":")
        return evaluation.called(module, function, [literal(each) for each in self._args])


@final
class Completed(Job):
    """The beginning of a name, whose possible ends are wanted."""

    def __init__(self, text: str) -> None:
        self._text = text

    @runs_callbacks
    def do(self, evaluation: Evaluation, screen: Screen) -> list[str]:
        """See Job.do."""
        try:
            return evaluation.scope.completions(self._text)
        except Exception:  # noqa: BLE001 - looking at an object may run its code, and nobody has asked for its errors
            return []


@final
class Done:
    """What an evaluator tells its owner: what came of a job. *problem* is why it could not be tried."""

    def __init__(self, by: Evaluator, value: object, *, failed: bool = False, problem: str | None = None) -> None:
        self.by = by
        self.value = value
        self.failed = failed
        self.problem = problem


@final
class Evaluator:
    """The process, as its owner sees it."""

    def __init__(self, scope: Scope, label: str, tell: Tell, *, once: bool = False) -> None:
        """Start it, owned and monitored by the running process.

        *label* is for listings. *once*: it ends, as normal, when it has done its first job.
        """
        self._once = once
        self._owner = current()
        self._screen = Screen(tell)
        self._evaluation = Evaluation(scope)
        self.pid = spawn_process(self._serve, starter=self._owner, label=label, runs_on="thread")
        self.ref: Ref = monitor(self.pid)

    def give(self, job: Job) -> None:
        """Have it do *job*; its owner gets a Done."""
        deliver(self.pid, job)

    def end(self) -> None:
        """End it, whatever it does. Nothing of what it still may print is shown."""
        self._screen.close()
        end_process(self.pid, Kill())
        self._evaluation.interrupt()

    # -- in the process

    @runs_callbacks
    def _serve(self) -> None:
        with shown_on(self._screen):
            try:
                while True:
                    job = receive(lambda message: isinstance(message, Job))
                    send(self._owner, self._carry_out(job))
                    if self._once:
                        return
            finally:
                self._evaluation.close()

    @runs_callbacks
    def _carry_out(self, job: Job) -> Done:
        """Do *job*; whatever its code raises is shown, but for what ends the process itself."""
        try:
            return Done(self, job.do(self._evaluation, self._screen))
        except (Unwound, ExitProcess):
            raise
        except NotThere as error:
            return Done(self, None, failed=True, problem=str(error))
        except BaseException as error:  # noqa: BLE001 - SystemExit, KeyboardInterrupt and all: it is the code's end only
            current()  # not of one that was ended meanwhile
            self._screen.write("err", traceback_of(error))
            return Done(self, None, failed=True)
        finally:
            self._screen.flush()
