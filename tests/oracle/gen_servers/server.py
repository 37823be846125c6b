"""The scripted server: each message says what is to be done with it, and the state is the list of what came.

A thrown term counts in OTP as a returned one, so `throw` is written as returning it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, final

import msgspec

import otpy
from tests.oracle.forms import LIST, Form, Raised, Writer, to_reason, to_seconds, to_value
from tests.oracle.gen_servers.scenario import Conf, Message
from tests.oracle.journal import Incarnation, Journal

CLIENT = "client"
OTHER = "other"

Result: TypeAlias = Any
"""A result of a callback, or junk."""


@final
class World:
    """What the servers of one scenario share: the journal, and the callers that are still to be answered."""

    def __init__(self, confs: dict[str, Conf]) -> None:
        self.confs = confs
        self.journal = Journal(ServerWriter)
        self.saved: dict[Form, otpy.From] = {}
        client = Incarnation(CLIENT, 1, numbered=False)
        self.journal.bind(client, otpy.self_pid())

    def server(self, label: str) -> otpy.Pid | str:
        """Return the latest server of that label; for one that never started, a name that nobody has."""
        incarnation = self.journal.latest(label)
        return f"{label}, never started" if incarnation is None or incarnation.pid is None else incarnation.pid


class State(msgspec.Struct, frozen=True):
    """The state of a server. For the recordings it is its *tags*; the rest is how the script knows its place."""

    world: World
    incarnation: Incarnation
    tags: list[Form]

    @property
    def conf(self) -> Conf:
        """What the server was told about itself."""
        return self.world.confs[self.incarnation.label]

    def having(self, tags: list[Form]) -> State:
        """Return the state with other tags."""
        return State(self.world, self.incarnation, tags)

    def after(self, tag: Form) -> State:
        """Return the state with one tag more."""
        return self.having([*self.tags, tag])

    def write(self, event: str, *facts: Form) -> None:
        """Write an event of this server into the journal."""
        self.world.journal.write(event, *self.incarnation.fields, *facts)


class ServerWriter(Writer):
    """Writes a state as its tags, and messages as they stand in the scenario."""

    def form(self, term: Any) -> Form:
        """See Writer."""
        match term:
            case State():
                return [LIST, *term.tags]
            case Message():
                return msgspec.to_builtins(term)
            case _:
                return super().form(term)


class Turn(NamedTuple):
    """One message in its callback: its tag, the state before, and who waits for an answer."""

    tag: Form
    state: State
    from_: otpy.From | None = None


class Server(otpy.GenServer[State]):
    """Does what its configuration and its messages say, and writes down which callback ran."""

    def init(self, arg: State) -> Result:
        """Begin as configured."""
        journal = arg.world.journal
        journal.bind(arg.incarnation, otpy.self_pid())
        arg.write("init")
        if arg.conf.trap_exit:
            otpy.trap_exit(flag=True)
        result = _begin(arg, arg.conf.init)
        if isinstance(result, otpy.Ok):
            journal.decide(arg.incarnation, started=True)
        return result

    def handle_call(self, request: Message, from_: otpy.From, state: State) -> Result:
        """Do what *request* says."""
        return _handle("handle_call", request, state, from_)

    def handle_cast(self, request: Message, state: State) -> Result:
        """Do what *request* says."""
        return _handle("handle_cast", request, state)

    def handle_continue(self, arg: Message, state: State) -> Result:
        """Do what *arg* says."""
        return _handle("handle_continue", arg, state)

    def handle_info(self, message: Any, state: State) -> Result:
        """Do what *message* says, or what is configured for timeouts and exits."""
        match message:
            case Message():
                return _handle("handle_info", message, state)
            case otpy.Timeout():
                return _handle("handle_info", Message("timeout", state.conf.on_timeout), state)
            case otpy.Exit(pid, why):
                state.write("handle_info", ["EXIT", *state.world.journal.writer.items((pid, why))])
                return _perform(state.conf.on_exit, Turn("EXIT", state))
            case _:
                return otpy.NoReply(state)

    def terminate(self, reason: Any, state: State) -> Any:
        """Go as configured."""
        state.write("terminate", state.world.journal.writer.form(reason))
        match state.conf.terminate:
            case ["raise", kind, why]:
                return _raise(kind, why)
            case _:
                return None

    def code_change(self, old_vsn: Any, state: State, extra: Any = None) -> Result:
        """Change as configured."""
        state.write("code_change", *state.world.journal.writer.items((old_vsn, extra)))
        match state.conf.code_change:
            case ["ok"]:
                return otpy.Ok(state.after("changed"))
            case ["raise", kind, why]:
                return _raise(kind, why)
            case ["bad", junk]:
                return to_value(junk)
            case other:  # ["error", why]: a tuple, as in Erlang
                return to_value(other)


def _handle(callback: str, message: Message, state: State, from_: otpy.From | None = None) -> Result:
    state.write(callback, message.tag)
    return _perform(message.ret, Turn(message.tag, state, from_))


def _begin(state: State, outcome: Form) -> Result:
    match outcome:
        case "ignore" | ["ignore"]:
            return otpy.Ignore()
        case ["ok", *then]:
            return otpy.Ok(state, _then(then))
        case ["stop", why]:
            return otpy.Stop(to_reason(why))
        case ["raise", kind, why]:
            return _raise(kind, why)
        case ["bad", junk]:
            return to_value(junk)
        case ["sleep", ms]:
            otpy.sleep(ms / 1000)
            return otpy.Ok(state)
        case _:
            return _unknown("init", outcome)


def _perform(ret: list[Form], turn: Turn) -> Result:
    """Return what *ret* stands for, after having done what it says."""
    tag, state, _ = turn
    match ret:
        case ["reply", answer, *then]:
            return otpy.Reply(to_value(answer), state.after(tag), _then(then))
        case ["reply_state", *then]:
            return otpy.Reply(state, state.after(tag), _then(then))
        case ["noreply", *then]:
            return otpy.NoReply(state.after(tag), _then(then))
        case ["stop", why]:
            return otpy.Stop(to_reason(why), state.after(tag))
        case ["stop", why, answer]:
            return otpy.Stop(to_reason(why), state.after(tag), to_value(answer))
        case ["raise", kind, why]:
            return _raise(kind, why)
        case ["throw", thrown]:
            return _perform(thrown, turn)
        case ["bad", junk]:
            return to_value(junk)
        case _:
            return _act(ret, turn)


def _act(ret: list[Form], turn: Turn) -> Result:
    """Do something with others first."""
    tag, state, from_ = turn
    world = state.world
    match ret:
        case ["sleep", ms, then]:
            otpy.sleep(ms / 1000)
        case ["reply_then", answer, then] if from_ is not None:
            otpy.reply(from_, to_value(answer))
        case ["save_from"] if from_ is not None:
            world.saved[tag] = from_
            then = ["noreply"]
        case ["reply_to", saved, answer, then]:
            otpy.reply(world.saved[saved], to_value(answer))
        case ["cast_self", message, then]:
            otpy.cast(otpy.self_pid(), msgspec.convert(message, Message))
        case ["call_self"]:
            then = ["reply", otpy.call(otpy.self_pid(), Message(tag, ["noreply"]))]
        case ["call_other", label, message, timeout]:
            request = msgspec.convert(message, Message)
            answer = otpy.call(world.server(label), request, timeout=to_seconds(timeout))
            return otpy.Reply(answer, state.after(tag))
        case ["stop_self"]:
            return otpy.Reply(_stop_self(), state.after(tag))
        case _:
            return _unknown("a callback", ret)
    return _perform(then, turn)


def _stop_self() -> Any:
    try:
        otpy.stop(otpy.self_pid())
    except otpy.CallingSelf:
        return ("exit", "calling_self")
    return "ok"


def _raise(kind: Form, why: Form) -> Any:
    match kind:
        case "error":
            raise Raised(to_value(why))
        case "exit":
            raise otpy.ExitProcess(to_reason(why))
        case "throw":
            return to_value(why)
        case _:
            return _unknown("raise", kind)


def _then(then: list[Form]) -> Any:
    match then:
        case [] | ["infinity"]:
            return None
        case ["hibernate"]:
            return otpy.Hibernate()
        case [["continue", message]]:
            return otpy.Continue(msgspec.convert(message, Message))
        case [int() | float() as ms]:
            return otpy.After(ms / 1000)
        case _:
            return _unknown("what follows", then)


def _unknown(what: str, script: Form) -> Any:
    msg = f"no such script for {what}: {script!r}"
    raise ValueError(msg)
