"""Who plays in a supervisor scenario, and what they share: the journal, the gates, the script of each process."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import msgspec

import otpy
from tests.oracle.forms import Form, Writer
from tests.oracle.journal import Incarnation, Journal
from tests.oracle.supervisors.scenario import Behaviour, Flags, Sup

ROOT = "root"


class _Writer(Writer):
    """Here the only callback that returns junk is the init of a supervisor."""

    def bad_return(self, error: otpy.BadReturn) -> Form:
        return ["bad_return", ["$module", "init", self.form(error.value)]]


@final
class World:
    """What all processes of one scenario share."""

    def __init__(self) -> None:
        self.journal = Journal(_Writer)
        self.keeper = GateKeeper.start()
        self.flags: dict[str, Flags] = {}  # of every supervisor, by label

    def incarnation(self, label: str) -> Incarnation:
        """Return the next incarnation of *label*."""
        number = self.journal.attempt(label)
        return Incarnation(label, number)


class WorkerScript(NamedTuple):
    """A child that is a scripted worker; in a simple_one_for_one template the first extra argument is its name."""

    world: World
    parent: str
    name: str
    behaviour: dict[str, Form]

    def with_extra(self, extra: tuple[Form, ...]) -> WorkerScript:
        """Return the script for the extra start arguments: a label, and what is to be done otherwise."""
        if not extra:
            return self
        name, changes = extra[0], extra[1] if len(extra) > 1 else {}
        return self._replace(name=name, behaviour=self.behaviour | changes)

    @property
    def label(self) -> str:
        """The label of the child."""
        return label_of(self.parent, self.name)

    def parsed(self) -> Behaviour:
        """Return the behaviour as a value."""
        return msgspec.convert(self.behaviour, Behaviour)


class SupervisorScript(NamedTuple):
    """A supervisor, the root or a child."""

    world: World
    label: str
    sup: Sup


def label_of(parent: str, name: str) -> str:
    """Return the label of the child *name* of the supervisor *parent*."""
    return name if parent == ROOT else f"{parent}/{name}"


class Pass(NamedTuple):
    """To the keeper, from a process at the gate *label*: let me through when it is open."""

    label: str


class Arrival(NamedTuple):
    """To the keeper: tell me when somebody stands at the gate *label*."""

    label: str


class Open(NamedTuple):
    """To the keeper: let them through who stand at the gate *label*."""

    label: str


class Hang(NamedTuple):
    """To the keeper: never answer."""


class GateKeeper(otpy.GenServer[dict[Any, otpy.From]]):
    """Holds processes at gates. Its state is who waits for an answer to which request."""

    def init(self, arg: None) -> otpy.Ok[dict[Any, otpy.From]]:
        """Begin with nobody at a gate."""
        del arg
        return otpy.Ok({})

    def handle_call(
        self, request: Any, from_: otpy.From, state: dict[Any, otpy.From]
    ) -> otpy.Reply[Any, dict[Any, otpy.From]] | otpy.NoReply[dict[Any, otpy.From]]:
        """Keep the request, and answer those that it settles."""
        match request:
            case Open(label):
                _answer(state, Pass(label))
                return otpy.Reply(None, state)
            case Pass(label):
                _answer(state, Arrival(label))
            case Arrival(label) if Pass(label) in state:
                return otpy.Reply(None, state)
            case _:
                pass
        state[request] = from_
        return otpy.NoReply(state)


def _answer(state: dict[Any, otpy.From], request: Any) -> None:
    waiting = state.pop(request, None)
    if waiting is not None:
        otpy.reply(waiting, None)
