"""Supervisor scenarios: a root supervisor and what is done to it.

The words are those of the recordings. What may be junk on purpose is a `Form` (see forms.py) and handed on as it is.
A key that is left out is `UNSET` where that means something.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from tests.oracle.forms import Form, Milliseconds


class Flags(msgspec.Struct):
    """Supervisor flags as they were given; `raw` stands for all of them."""

    strategy: Form = UNSET
    intensity: Form = UNSET
    period: Form = UNSET
    auto_shutdown: Form = UNSET
    max_children: Form = UNSET
    raw: Form = UNSET

    @property
    def dynamic(self) -> bool:
        """Whether Elixir's DynamicSupervisor is meant."""
        return bool(self.strategy == "dynamic")

    @property
    def simple(self) -> bool:
        """Whether children are named by their first start argument."""
        return bool(self.strategy == "simple_one_for_one")


class Spec(msgspec.Struct):
    """A child spec as it was given; `raw` stands for the whole of it."""

    id: Form = UNSET
    restart: Form = UNSET
    shutdown: Form = UNSET
    significant: Form = UNSET
    type: Form = UNSET
    modules: Form = UNSET
    start: Form = UNSET
    behaviour: dict[str, Form] = msgspec.field(default_factory=dict[str, Form])
    sup: Sup | UnsetType = UNSET
    raw: Form = UNSET


class Sup(msgspec.Struct):
    """A supervisor: `init` is what becomes of its init callback."""

    flags: Flags = msgspec.field(default_factory=Flags)
    children: list[Spec] = msgspec.field(default_factory=list[Spec])
    init: Form = "ok"


class Behaviour(msgspec.Struct, frozen=True):
    """What a scripted worker does; attempt n to start it takes the n-th outcome of `init`, or the last."""

    trap: bool = True
    init: list[Form] = msgspec.field(default_factory=lambda: ["ok"])
    terminate: Form = "ok"
    extra: Form = UNSET
    unlink: bool = False

    def outcome(self, attempt: int) -> Form:
        """Return what becomes of start number *attempt*, which counts from 1."""
        return self.init[min(attempt, len(self.init)) - 1]


class ExitChild(msgspec.Struct, tag_field="op", tag="exit_child"):
    """Make a child end: by itself, by an error, or by an exit signal."""

    child: str
    how: Literal["stop", "crash", "signal"] = "stop"
    reason: Form = "normal"


class StartChild(msgspec.Struct, tag_field="op", tag="start_child"):
    """Start a child by `spec`, or below simple_one_for_one with `args`."""

    spec: Spec | UnsetType = UNSET
    args: list[Form] = msgspec.field(default_factory=list[Form])
    sup: str = "root"


class _AboutChild(msgspec.Struct, tag_field="op"):
    """A request about one child, by its id or by the pid that a label had last."""

    id: Form = UNSET
    pid_of: str | UnsetType = UNSET
    sup: str = "root"


class TerminateChild(_AboutChild, tag="terminate_child"):
    """See the API."""


class RestartChild(_AboutChild, tag="restart_child"):
    """See the API."""


class DeleteChild(_AboutChild, tag="delete_child"):
    """See the API."""


class GetChildspec(_AboutChild, tag="get_childspec"):
    """See the API."""


class WhichChildren(msgspec.Struct, tag_field="op", tag="which_children"):
    """See the API."""

    sup: str = "root"


class CountChildren(msgspec.Struct, tag_field="op", tag="count_children"):
    """See the API."""

    sup: str = "root"


class CheckChildspecs(msgspec.Struct, tag_field="op", tag="check_childspecs"):
    """Check specs without a supervisor."""

    children: list[Spec]
    auto_shutdown: Form = UNSET


class StopSup(msgspec.Struct, tag_field="op", tag="stop_sup"):
    """Make the root supervisor end."""

    how: Literal["parent_exit", "stop", "other_exit", "kill"]
    reason: Form = "normal"


class Sleep(msgspec.Struct, tag_field="op", tag="sleep"):
    """Wait."""

    ms: Milliseconds


AboutChild: TypeAlias = TerminateChild | RestartChild | DeleteChild | GetChildspec
Request: TypeAlias = StartChild | AboutChild | WhichChildren | CountChildren | CheckChildspecs
Call: TypeAlias = Request | ExitChild | StopSup | Sleep


class Batch(msgspec.Struct, tag_field="op", tag="batch"):
    """Do `calls` while the supervisor is suspended."""

    calls: list[Call]
    sup: str = "root"


class Gated(msgspec.Struct, tag_field="op", tag="gated"):
    """Do `calls` while the supervisor, brought there by `trigger`, waits for the start of `gate`."""

    gate: str
    trigger: Call
    calls: list[Call]


class SupervisorScenario(msgspec.Struct):
    """A root supervisor and what is done to it."""

    supervisor: Sup
    actions: list[Call | Batch | Gated]

    def steps(self) -> int:
        """Return the number of recorded steps: the start is one as well."""
        return len(self.actions) + 1
