"""The verbs of a node that run what somebody types: `rpc`, once, and `attach`, again and again with the same names.

Each is a conversation (see control.py). What is typed is run by an evaluator, a process of its own; the thread that
serves the client waits for whatever comes first: the outcome, the evaluator's end, an interrupt, or that the client has
left. In the last case the evaluator is ended, whatever it does, so a lost terminal leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import platform
import threading
from typing import TYPE_CHECKING, Annotated, Any, Final, final

import msgspec

from otpy.cli.evaluating import Scope
from otpy.cli.evaluator import Asked, Completed, Done, Evaluator, Job, Typed
from otpy.cli.exits import BadInput, Failed
from otpy.cli.frames import FrameError, Said
from otpy.cli.plain import sendable
from otpy.cli.version import version
from otpy.errors import ReceiveTimeout
from otpy.kernel.here import current
from otpy.kernel.messages import Down
from otpy.kernel.primitives import receive
from otpy.kernel.process import deliver

if TYPE_CHECKING:
    from collections.abc import Generator

    from otpy.cli.control import Emit
    from otpy.cli.screens import Tell

_log = logging.getLogger("otpy.control")
_numbers: Final = itertools.count(1)


class RpcArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Python *source*, or `module:function` with *args* as text; at most *timeout* seconds.

    *client* is the process that asks, for listings.
    """

    source: str
    args: list[str] | None = None
    json: bool = False
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    client: int = 0


class AttachArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """*client* is the process that asks, for listings."""

    client: int = 0


@final
class Left:
    """The client has left."""


def rpc(_node: str, args: RpcArgs, emit: Emit) -> dict[str, Any]:
    """Evaluate once. What is printed, the value and the traceback are events; return whether it failed."""
    _log.info("rpc of process %d", args.client)
    with listening(emit), contextlib.closing(Scope(f"rpc {next(_numbers)}")) as scope:
        evaluator = Evaluator(scope, f"rpc of process {args.client}", telling(emit), once=True)
        evaluator.give(Asked(args.source, args.args, json=args.json))
        try:
            outcome = receive(lambda message: isinstance(message, Done | Down | Left), timeout=args.timeout)
        except ReceiveTimeout:
            evaluator.end()
            raise Failed(f"it took longer than {args.timeout:g} s, and was ended; the node goes on") from None
        match outcome:
            case Done(problem=str(problem)):
                raise BadInput(problem)
            case Done(failed=failed):
                return {"failed": failed}
            case Down(reason=reason):
                raise Failed(f"the process that evaluated it was ended with {reason!r}")
            case _:
                evaluator.end()
                return {"failed": True}


def attach(node: str, args: AttachArgs, emit: Emit) -> None:
    """Evaluate what the client says, until it leaves."""
    number = next(_numbers)
    _log.info("attach %d: process %d has all power over this node", number, args.client)
    with listening(emit):
        shell = Shell(f"attach {number}", args.client, emit)
        try:
            shell.serve(node)
        finally:
            shell.end()
            _log.info("attach %d: process %d has left", number, args.client)


@final
class Shell:
    """One `attach`: names that stay, and an evaluator, in whose place another comes when it is ended.

    For each `run` and `complete`, of the *id* that the client gives it, the client is told one of `done`, `interrupted`
    and `ended`. An evaluator may end while it does nothing (a process that it is linked with has): then *id* is None.
    """

    def __init__(self, title: str, client: int, emit: Emit) -> None:
        self._title = title
        self._client = client
        self._emit = emit
        self._scope = Scope(title)
        self._busy: int | None = None
        self._evaluator = self._made()

    def serve(self, node: str) -> None:
        """Do what the client says until it leaves. Raises BadInput for what it may not say."""
        self._emit(
            "ready",
            node=node,
            process=os.getpid(),
            otpy=version(),
            python=platform.python_version(),
            pid=repr(self._evaluator.pid),
        )
        while True:
            match receive():
                case Said("run", {"id": int(ident), "source": str(source)}):
                    self._begin(ident, Typed(source))
                case Said("complete", {"id": int(ident), "text": str(text)}):
                    self._begin(ident, Completed(text))
                case Said("interrupt"):
                    if self._busy is not None:
                        self._replace("interrupted")
                case Said(name):
                    raise BadInput(f"a shell does not understand {name!r}; it takes run, complete and interrupt")
                case Done(by=by) as done if by is self._evaluator:
                    self._tell("done", failed=done.failed, value=done.value)
                case Down(ref=ref, reason=reason) if ref is self._evaluator.ref:
                    self._replace("ended", reason=repr(reason))
                case Left():
                    return
                case _:  # of an evaluator that was given up
                    continue

    def end(self) -> None:
        """End what runs."""
        self._evaluator.end()
        self._scope.close()

    def _begin(self, ident: int, job: Job) -> None:
        if self._busy is not None:
            raise BadInput("a shell does one thing after the other; wait for the end of the last, or interrupt it")
        self._busy = ident
        self._evaluator.give(job)

    def _replace(self, why: str, **facts: Any) -> None:
        """Have another evaluator go on with the names."""
        self._evaluator.end()
        self._evaluator = self._made()
        self._tell(why, pid=repr(self._evaluator.pid), **facts)

    def _tell(self, name: str, **facts: Any) -> None:
        ident, self._busy = self._busy, None
        self._emit(name, id=ident, **facts)

    def _made(self) -> Evaluator:
        label = f"{self._title} (process {self._client})"
        return Evaluator(self._scope, label, telling(self._emit))


def telling(emit: Emit) -> Tell:
    """Return what sends output to the client."""

    def tell(kind: str, text: str) -> None:
        emit.encoded(kind, {"text": sendable(text)})

    return tell


@contextlib.contextmanager
def listening(emit: Emit) -> Generator[None]:
    """Have what the client says arrive as messages of the running process; `Left` when it has left."""
    me = current()
    words = emit.heard()
    over = threading.Event()

    def listen() -> None:
        try:
            for said in words:
                deliver(me, said)
        except FrameError as error:
            _log.warning("a client said what nobody understands: %s", error)
        if not over.is_set():
            emit.hang_up()  # who waits for it to read does so no more
            deliver(me, Left())

    listener = threading.Thread(target=listen, name="otpy-control-listener", daemon=True)
    listener.start()
    try:
        yield
    finally:
        over.set()
        emit.hear_no_more()
        listener.join()
