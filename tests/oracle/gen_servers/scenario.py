"""gen_server scenarios: scripted servers and what a client does to them. The words are those of the recordings."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from tests.oracle.forms import Form, Milliseconds


class Conf(msgspec.Struct):
    """A scripted server."""

    trap_exit: bool = False
    link: bool = False
    name: str | UnsetType = UNSET
    init: Form = msgspec.field(default_factory=lambda: ["ok"])
    terminate: list[Form] = msgspec.field(default_factory=lambda: ["ok"])
    on_timeout: list[Form] = msgspec.field(default_factory=lambda: ["noreply"])
    on_exit: list[Form] = msgspec.field(default_factory=lambda: ["noreply"])
    code_change: list[Form] = msgspec.field(default_factory=lambda: ["ok"])


class Message(msgspec.Struct, frozen=True):
    """What a scripted server is sent: what it notes, and what it then does."""

    tag: Form
    ret: list[Form]


class _ToServer(msgspec.Struct, tag_field="op"):
    """An action on a server, by its label or by the name it is registered under. `nowait`: the next follows at once."""

    server: str = "s"
    name: str | UnsetType = UNSET
    nowait: bool = False


class Start(_ToServer, tag="start"):
    """Start the server; `timeout` is for its init."""

    timeout: Form = "infinity"


class CallServer(_ToServer, tag="call", kw_only=True):
    """Call the server from the client."""

    tag: Form
    ret: list[Form]
    timeout: Form = 5000


class SpawnCall(_ToServer, tag="spawn_call", kw_only=True):
    """Call the server from another process, named `client`."""

    client: str
    tag: Form
    ret: list[Form]
    timeout: Form = 5000


class Await(_ToServer, tag="await", kw_only=True):
    """Wait for the answer of a `spawn_call`."""

    client: str


class Poll(_ToServer, tag="poll", kw_only=True):
    """Look for the answer of a `spawn_call`."""

    client: str


class CastServer(_ToServer, tag="cast", kw_only=True):
    """Cast to the server."""

    tag: Form
    ret: list[Form]


class SendInfo(_ToServer, tag="info", kw_only=True):
    """Send the server a plain message."""

    tag: Form
    ret: list[Form]


class SignalServer(_ToServer, tag="signal", kw_only=True):
    """Send the server an exit signal, from the client or from an unrelated process."""

    reason: Form
    from_: Literal["client", "other"] = msgspec.field(name="from", default="client")


class StopServer(_ToServer, tag="stop"):
    """Stop the server and wait for its end."""

    reason: Form = "normal"
    timeout: Form = "infinity"


class Monitor(_ToServer, tag="monitor"):
    """Monitor the server."""


class Demonitor(_ToServer, tag="demonitor"):
    """Take the latest monitor back."""

    flush: bool = False


class Link(_ToServer, tag="link"):
    """Link with the server."""


class Unlink(_ToServer, tag="unlink"):
    """Undo the link with the server."""


class Whereis(_ToServer, tag="whereis"):
    """Ask who has a name."""


class SysSuspend(_ToServer, tag="sys_suspend"):
    """Suspend the server."""

    timeout: Form = 5000


class SysResume(_ToServer, tag="sys_resume"):
    """Resume the server."""

    timeout: Form = 5000


class SysStatus(_ToServer, tag="sys_status"):
    """Ask whether the server is suspended."""

    timeout: Form = 5000


class SysTerminate(_ToServer, tag="sys_terminate"):
    """Order the server to end."""

    reason: Form = "normal"
    timeout: Form = 5000


class GetState(_ToServer, tag="get_state"):
    """Ask for the state."""

    timeout: Form = 5000


class ReplaceState(_ToServer, tag="replace_state"):
    """Replace the state by another one, by itself and one tag more, or fail to."""

    to: list[Form] | UnsetType = UNSET
    append: Form = UNSET
    raise_: Form = msgspec.field(name="raise", default=UNSET)
    timeout: Form = 5000


class ChangeCode(_ToServer, tag="change_code"):
    """Order a change of code."""

    vsn: Form = "undefined"
    extra: Form = "none"
    timeout: Form = 5000


class SleepServer(_ToServer, tag="sleep", kw_only=True):
    """Wait."""

    ms: Milliseconds


ServerAction: TypeAlias = (
    Start
    | CallServer
    | SpawnCall
    | Await
    | Poll
    | CastServer
    | SendInfo
    | SignalServer
    | StopServer
    | Monitor
    | Demonitor
    | Link
    | Unlink
    | Whereis
    | SysSuspend
    | SysResume
    | SysStatus
    | SysTerminate
    | GetState
    | ReplaceState
    | ChangeCode
    | SleepServer
)


class GenServerScenario(msgspec.Struct):
    """Scripted servers and what a client does to them."""

    servers: dict[str, Conf]
    actions: list[ServerAction]

    def steps(self) -> int:
        """Return the number of recorded steps."""
        return len(self.actions)
