"""What an event manager does about one message, with all that it leads to.

A handler that fails is removed and reported, whatever it has raised; so nothing that a handler does ends the manager,
and the others do not notice. The handlers that stay become the state of the manager when all of them are done.

Source: OTP gen_event.erl: handle_msg/6, server_notify/4 and what they call.
"""

from __future__ import annotations

from typing import Any, final

from otpy.behaviours.events.handler import Handler, parts_of
from otpy.behaviours.events.installed import Handlers, Installed, exchanged, find, now, without
from otpy.behaviours.events.requests import (
    AddHandler,
    CallHandler,
    DeleteHandler,
    ExchangeHandler,
    SyncNotify,
    WhichHandlers,
)
from otpy.behaviours.events.results import GenEventExit, HandOver, RemoveHandler, SwapHandler
from otpy.behaviours.events.running import Round, invoke, report_failure, settled
from otpy.behaviours.loop import Step, crashed
from otpy.behaviours.progress import Progress, Progressing
from otpy.behaviours.results import UNSET, Hibernate, Ok, Reply, Stop, Unset
from otpy.behaviours.vsn import vsn_of
from otpy.errors import BadReturn, HandlerCrashed, HandlerError, HandlerNotAdded, HandlerNotFound, shown
from otpy.kernel import signals
from otpy.kernel.callbacks import runs_callbacks
from otpy.kernel.calls import Call, Cast, Failed
from otpy.kernel.messages import Exit
from otpy.kernel.pid import Pid
from otpy.kernel.process import Process, deliver
from otpy.kernel.reasons import Crash, Normal, Reason, Shutdown


@final
@runs_callbacks
class Serving(Progressing):
    """One message for the manager *process*. *way*: that of an event whose handlers have begun."""

    __slots__ = ("_message", "_process", "_way")

    def __init__(self, process: Process, message: Any = None, way: Round | None = None) -> None:
        self._process = process
        self._message = message
        self._way = way

    def _progress(self, process: Process) -> Progress[Step]:
        message = self._message
        try:
            match message:
                case Cast(request=event) if self._way is not None:
                    yield from self._finish(self._way, "handle_event", event)
                case Cast(request=event):
                    yield from self._notify("handle_event", event)
                case Call():
                    yield from self._serve(message)
                case Exit(pid, reason):
                    yield from self._lose_owner(pid, reason)
                    yield from self._notify("handle_info", message)
                case _:
                    yield from self._notify("handle_info", message)
        except BaseException as error:  # noqa: BLE001 - what handlers raise is caught before: it ends the manager
            return crashed(process, error, message)
        return None

    @property
    def _handlers(self) -> Handlers:
        return self._process.state  # type: ignore[no-any-return]

    @_handlers.setter
    def _handlers(self, handlers: Handlers) -> None:
        self._process.state = handlers

    # -- requests

    def _serve(self, call: Call) -> Progress[None]:
        process = self._process
        process.serving = call
        try:
            answer = yield from self._answer(call.request)
        except Exception as error:  # noqa: BLE001 - a refusal, or what comparing ids raised: for who asked
            answer = Failed(error)
        process.serving = None
        call.put(answer)

    def _answer(self, request: Any) -> Progress[Any]:
        """Return the answer to *request*. Raises HandlerError."""
        match request:
            case SyncNotify(event):
                yield from self._notify("handle_event", event)
                return None
            case CallHandler(handler, asked):
                return (yield from self._call(handler, asked))
            case AddHandler(handler, arg, owner):
                yield from self._add(handler, arg, owner)
                return None
            case DeleteHandler(handler, arg):
                return (yield from self._delete(handler, arg))
            case ExchangeHandler():
                return (yield from self._exchange(request))
            case WhichHandlers():
                return [each.handler for each in self._handlers]
            case _:
                msg = (
                    f"{self._process!r} is an event manager and was asked {shown(request)}; ask one of its handlers, "
                    "otpy.gen_event.call(manager, handler, request)"
                )
                raise HandlerError(msg)

    def _call(self, handler: Handler, request: Any) -> Progress[Any]:
        asked = self._found(handler)
        result = invoke(self._process, asked.kind, "handle_call", request, asked.state)
        stays, answer = yield from self._take(asked, "handle_call", request, result)
        if stays is not asked:
            self._handlers = exchanged(self._handlers, asked, stays)
        return answer

    def _add(self, handler: Handler, arg: Any, owner: Pid | None) -> Progress[None]:
        made = yield from self._made(handler, arg, owner)
        self._handlers = (made, *self._handlers)

    def _delete(self, handler: Handler, arg: Any) -> Progress[Any]:
        gone = self._found(handler)
        left = yield from self._terminate(gone, arg, Normal())
        self._handlers = without(self._handlers, gone)
        if type(left) is Failed:
            raise HandlerCrashed(handler, Crash(left.error)) from left.error
        return left

    def _exchange(self, swap: ExchangeHandler) -> Progress[None]:
        old, owner, left = find(self._handlers, swap.old), swap.owner, "error"
        if old is not None:
            owner = owner or old.owner
            left = yield from self._terminate(old, swap.old_arg, ("swapped", swap.new, owner))
            self._handlers = without(self._handlers, old)
        yield from self._add(swap.new, HandOver(swap.new_arg, _left(left)), owner)

    def _found(self, handler: Handler) -> Installed:
        found = find(self._handlers, handler)
        if found is None:
            raise HandlerNotFound(handler)
        return found

    # -- all handlers

    def _notify(self, callback: str, message: Any) -> Progress[None]:
        """Have each handler handle *message*."""
        way = Round(self._process, callback, message)
        way.go()
        yield from self._finish(way, callback, message)

    def _finish(self, way: Round, callback: str, message: Any) -> Progress[None]:
        while way.stopped is not None:
            stays, _ = yield from self._take(way.stopped[0], callback, message, way.stopped[1])
            if stays is not None:
                way.after.append(stays)
            way.go()

    def _lose_owner(self, owner: Pid, reason: Reason) -> Progress[None]:
        """Remove the handlers of *owner*, which has ended with *reason*."""
        orphans = [each for each in self._handlers if each.owner is owner]
        for orphan in orphans:
            yield from self._terminate(orphan, ("stop", reason), Shutdown())
            self._handlers = without(self._handlers, orphan)

    def stop_all(self) -> Progress[None]:
        """End all handlers with the manager. Their owners are told, and do not share its fate."""
        process = self._process
        for installed in self._handlers:
            yield from self._terminate(installed, "stop", Shutdown())
        for owner in {each.owner for each in self._handlers}:
            if isinstance(owner, Process) and owner is not process.parent:
                signals.unlink(process, owner)

    # -- one handler

    def _take(
        self, installed: Installed, callback: str, message: Any, result: Any
    ) -> Progress[tuple[Installed | None, Any]]:
        """Return what is in the place of a handler after its *callback* gave *result*, and the answer if it was a call.

        Raises nothing: what has failed is the answer, Failed(HandlerCrashed).
        """
        result = yield from settled(self._process, result)
        answers = callback == "handle_call"
        match result:
            case Ok(state, None | Hibernate()) if not answers:
                return installed.with_state(state), None
            case Reply(value, state, None | Hibernate()) if answers:
                return installed.with_state(state), value
            case RemoveHandler(reply) if (reply is not UNSET) is answers:
                yield from self._terminate(installed, "remove_handler", Normal())
                return None, reply
            case SwapHandler(arg, state, new, new_arg, reply) if (reply is not UNSET) is answers:
                takes_over = yield from self._swap(installed.with_state(state), arg, new, new_arg)
                return takes_over, reply
            case Failed():
                reason: Reason = Crash(result.error)
            case _:
                reason = BadReturn(callback, result)
        report_failure(self._process, installed, reason, message)
        yield from self._terminate(installed, ("error", reason), reason)
        error = HandlerCrashed(installed.handler, reason)
        error.__cause__ = result.error if type(result) is Failed else None
        return None, Failed(error)

    def _swap(self, old: Installed, arg: Any, new: Handler, new_arg: Any) -> Progress[Installed | None]:
        """Have *new* take over from *old*, as that wants; return it, or None if its `init` did not want."""
        left = yield from self._terminate(old, arg, ("swapped", new, old.owner))
        given = HandOver(new_arg, _left(left))
        try:
            return (yield from self._made(new, given, old.owner))
        except HandlerNotAdded as error:
            kind, ident = parts_of(new)
            refused = Installed(kind, ident, None, old.owner)
            report_failure(self._process, refused, error.reason, given)
            _tell(refused, error.reason)
            return None

    def _made(self, handler: Handler, arg: Any, owner: Pid | None) -> Progress[Installed]:
        """Run the `init` of *handler*, linked with its *owner* if it has one. Raises HandlerNotAdded."""
        kind, ident = parts_of(handler)
        kind = now(kind)
        place = self._process.actor.runs_on
        if kind.runs_on not in {"scheduler", place}:
            msg = (
                f'{kind.__qualname__} has runs_on = "{kind.runs_on}", and {self._process!r} runs on "{place}": start '
                f'the manager with otpy.gen_event.start_link(runs_on="{kind.runs_on}")'
            )
            raise HandlerNotAdded(handler, Crash(TypeError(msg)))
        if isinstance(owner, Process):
            signals.link(self._process, owner)  # as in OTP it stays, whatever becomes of the handler
        result = yield from settled(self._process, invoke(self._process, kind, "init", arg))
        match result:
            case Ok(state, None | Hibernate()):
                return Installed(kind, ident, state, owner, arg, vsn_of(kind))
            case Stop(reason, Unset(), Unset()):
                raise HandlerNotAdded(handler, reason)
            case Failed():
                raise HandlerNotAdded(handler, Crash(result.error)) from result.error
            case _:
                raise HandlerNotAdded(handler, BadReturn("init", result))

    def _terminate(self, installed: Installed, arg: Any, reason: Reason) -> Progress[Any]:
        """Run `terminate` of one that goes for *reason*, and tell its owner; what it left, or Failed if it raised."""
        left = invoke(self._process, installed.kind, "terminate", arg, installed.state)
        left = yield from settled(self._process, left)
        _tell(installed, reason)
        return left


def _tell(installed: Installed, reason: Reason) -> None:
    if isinstance(installed.owner, Process):
        deliver(installed.owner, GenEventExit(installed.handler, reason))


def _left(left: Any) -> Any:
    """What a `terminate` has left, as the one that takes over is given it."""
    return Crash(left.error) if type(left) is Failed else left
