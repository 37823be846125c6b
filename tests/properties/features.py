"""Modules as values: what a module of a random system has, its source, and what its servers must answer.

An edit is a module with other features. So it is known beforehand what everybody must answer after it, whatever kinds
of edits it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast, final

Kind: TypeAlias = Literal["dataclass", "frozen", "slots", "plain", "namedtuple", "attrs", "msgspec", "pydantic"]
KINDS: Final[tuple[Kind, ...]] = ("dataclass", "frozen", "slots", "plain", "namedtuple", "attrs", "msgspec", "pydantic")
"""What the state of the servers of a module is made as."""

BOOKS: Final = ("me", "seen", "sent", "wrong", "color")
"""The fields that every state has."""


@final
@dataclass(frozen=True, slots=True)
class Module:
    """What a module has. `index` is its place among the modules of its system, and `kind` stays through all edits."""

    index: int
    kind: Kind
    body: int = 0
    """A number in the body of a function."""
    default: int = 0
    """A default in the signature of a function."""
    decorated: bool = False
    helper: bool = False
    """Whether the server class has one method more."""
    attribute: int = 0
    """A class attribute of the servers."""
    as_property: bool = False
    """Whether a method is a property."""
    constant: int = 0
    """A constant from which the following modules derive theirs."""
    members: int = 1
    """Members of an enum that stands in every state."""
    extra: frozenset[int] = frozenset()
    """Fields that the state has beside the books; each has its number as its default."""
    notes: frozenset[int] = frozenset()
    """The same of the messages."""
    children: tuple[int, ...] = (0, 1)
    """Children of the supervisor, in their order."""
    comment: int = 0
    """Says nothing, and moves all lines."""
    required: bool = False
    """Whether the state has a field without a default: no state has it, so the edit has to be refused."""

    @property
    def name(self) -> str:
        """The name of the module."""
        return f"p_module_{self.index}"


def signature(module: Module, below: int) -> tuple[Any, ...]:
    """What every server of *module* must answer; *below* is what the module before it derives."""
    return (
        (7, module.body, module.default),
        below + module.constant,
        module.attribute,
        module.as_property,
        module.helper,
        tuple(f"C{number}" for number in range(module.members)),
    )


def derived(modules: tuple[Module, ...], index: int) -> int:
    """What module *index* derives from its own constant and those of the modules before it."""
    return sum(module.constant for module in modules[: index + 1])


_STATES: Final[dict[Kind, str]] = {
    "dataclass": "import dataclasses\n\n@dataclasses.dataclass\nclass State:\n",
    "frozen": "import dataclasses\n\n@dataclasses.dataclass(frozen=True)\nclass State:\n",
    "slots": "import dataclasses\n\n@dataclasses.dataclass(slots=True)\nclass State:\n",
    "plain": "import copy\n\nclass State:\n",
    "namedtuple": "from typing import NamedTuple\n\nclass State(NamedTuple):\n",
    "attrs": "import attrs\n\n@attrs.define\nclass State:\n",
    "msgspec": "import msgspec\n\nclass State(msgspec.Struct):\n",
    "pydantic": "from typing import Any\nimport pydantic\n\nclass State(pydantic.BaseModel):\n",
}
_CHANGED: Final[dict[Kind, str]] = {
    "dataclass": "return dataclasses.replace(state, **changes)",
    "frozen": "return dataclasses.replace(state, **changes)",
    "slots": "return dataclasses.replace(state, **changes)",
    "plain": "new = copy.copy(state)\n    vars(new).update(changes)\n    return new",
    "namedtuple": "return state._replace(**changes)",
    "attrs": "return attrs.evolve(state, **changes)",
    "msgspec": "return msgspec.structs.replace(state, **changes)",
    "pydantic": "return state.model_copy(update=changes)",
}


def source(module: Module, last: int) -> str:
    """Return the text of *module*; *last* is the index of the last module, which the first one imports in turn."""
    below = f"from p_module_{module.index - 1} import DERIVED as BELOW\n" if module.index else "BELOW = 0\n"
    ring = f"import p_module_{last}\n" if module.index == 0 and last else ""
    return "".join(
        (
            "# a comment\n" * module.comment,
            _HEAD,
            below,
            f"CONSTANT = {module.constant}\nDERIVED = BELOW + CONSTANT\ncache = {{}}\n\n",
            ring,
            _enum(module),
            _state(module),
            _note(module),
            _answer(module),
            f"HERE = {module.index}\n\n",
            f"class Server(otpy.GenServer):\n    attribute = {module.attribute}\n\n",
            "    @property\n" if module.as_property else "",
            "    def measured(self):\n        return 3\n\n",
            "    def helper(self):\n        return True\n\n" if module.helper else "",
            _SERVER,
            _KINDS_OF_SERVERS,
            _TOP.replace("CHILDREN", repr(module.children)).replace("MODULE", str(module.index)),
        )
    )


def _enum(module: Module) -> str:
    members = "".join(f"    C{number} = {number}\n" for number in range(module.members))
    return f"class Color(enum.Enum):\n{members}\n"


def _state(module: Module) -> str:
    extra = sorted(module.extra)
    books = (*BOOKS, "owner") if module.required else BOOKS
    if module.kind == "plain":
        text = f"    def __init__(self, {', '.join(books)}):\n"
        text += "".join(f"        self.{name} = {name}\n" for name in books)
        text += "".join(f"        self.f{number} = {number}\n" for number in extra)
    else:
        text = "".join(f"    {name}: {'Any' if module.kind == 'pydantic' else 'object'}\n" for name in books)
        text += "".join(f"    f{number}: int = {number}\n" for number in extra)
    return f"{_STATES[module.kind]}{text}\ndef changed(state, **changes):\n    {_CHANGED[module.kind]}\n\n"


def _note(module: Module) -> str:
    notes = "".join(f"    f{number}: int = {number}\n" for number in sorted(module.notes))
    return (
        "from dataclasses import dataclass\n\n@dataclass\nclass Note:\n"
        "    sender: str\n    number: int\n    hops: int\n"
        f"{notes}\nNOTES = {sorted(module.notes)}\n\n"
    )


def _answer(module: Module) -> str:
    text = _TRACED + ("@traced\n" if module.decorated else "")
    return text + f"def answer(x, more={module.default}):\n    return x, {module.body}, more\n\nheld = [answer]\n\n"


_HEAD: Final = """\
import enum
import functools
import random
import sys

import otpy

"""
_TRACED: Final = """\
def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

"""
_SERVER: Final = """\
    def init(self, arg):
        return otpy.Ok(State(me=arg, seen={}, sent={}, wrong=(), color=Color.C0))

    def signature(self):
        measured = self.measured
        return (
            answer(7),
            DERIVED,
            self.attribute,
            not callable(measured),
            hasattr(self, "helper"),
            tuple(color.name for color in Color),
        )

    def handle_cast(self, note, state):
        state = checked(state, note)
        number = state.seen.get(note.sender, 0) + 1
        if number != note.number:
            state = changed(state, wrong=(*state.wrong, (note.sender, number, note.number)))
        state = changed(state, seen={**state.seen, note.sender: note.number})
        if note.hops:
            to = random.choice(PEERS)
            number = state.sent.get(to, 0) + 1
            otpy.cast(to, note_for(to, state.me, number, note.hops - 1))
            state = changed(state, sent={**state.sent, to: number})
        return otpy.NoReply(state)

    def handle_call(self, request, from_, state):
        match request:
            case ("ask", question, path):
                if not path:
                    return otpy.Reply(question, state)
                if upwards(path):
                    return otpy.Reply(otpy.call(path[0], ("ask", question, path[1:]), timeout=60), state)
                otpy.spawn(pass_on, from_, question, path)
                return otpy.NoReply(state)
            case "signature":
                return otpy.Reply((self.signature(), held[0](7)), state)
            case "book":
                return otpy.Reply({"seen": state.seen, "sent": state.sent, "wrong": state.wrong}, state)
            case "fields":
                names = ("f0", "f1", "f2", "f3", "owner")
                return otpy.Reply({name: getattr(state, name) for name in names if hasattr(state, name)}, state)

PEERS = []

def checked(state, note):
    # How one sees that somebody runs code of one version with data of another.
    fine = (
        isinstance(state, State)
        and state.color is Color.C0
        and isinstance(note, sys.modules[f"p_module_{HERE}"].Note)
        and all(getattr(note, f"f{number}") == number for number in NOTES)
    )
    return state if fine else changed(state, wrong=(*state.wrong, (state, note)))

def note_for(to, sender, number, hops):
    return sys.modules["p_module_" + to.split()[1]].Note(sender, number, hops)

def upwards(path):
    # Who waits for another waits only for higher ones, or rings of calls would wait for themselves.
    levels = [HERE, *(int(name.split()[1]) for name in path)]
    return all(one < other for one, other in zip(levels, levels[1:]))

def pass_on(from_, question, path):
    otpy.reply(from_, otpy.call(path[0], ("ask", question, path[1:]), timeout=60))

"""
_KINDS_OF_SERVERS: Final = """\
class OnThread(Server):
    runs_on = "thread"

class OnLoop(Server):
    runs_on = "asyncio"

    async def handle_cast(self, note, state):
        return super().handle_cast(note, state)

    async def handle_call(self, request, from_, state):
        match request:
            case ("ask", question, [first, *rest]) if upwards([first, *rest]):
                return otpy.Reply(await otpy.acall(first, ("ask", question, rest), timeout=60), state)
        return super().handle_call(request, from_, state)

"""
_TOP: Final = """\
class Top(otpy.Supervisor):
    def init(self, arg):
        children = [
            Server.child_spec(f"child MODULE {number}", id=number, name=f"child MODULE {number}")
            for number in CHILDREN
        ]
        return otpy.SupFlags(intensity=1_000_000), children
"""

_BREAKS: Final = {
    "syntax": "def broken(:\n",
    "import": "LEAKED = 1\nimport nowhere_to_be_found\n",
    "raises": "LEAKED = 1\nCONSTANT / 'nothing'\n",
}
Break: TypeAlias = Literal["syntax", "import", "raises"]
BREAKS: Final = cast("tuple[Break, ...]", tuple(_BREAKS))
"""How an edit can be wrong in itself."""


def broken(text: str, how: Break) -> str:
    """Return *text* with what cannot be loaded at its end."""
    return text + _BREAKS[how]
