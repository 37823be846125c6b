"""otpy: Erlang/OTP for Python, on pykka. A live upgrade either completes or never happened.

The daily verbs are here; OTP's `mod:fun(Args)` is `otpy.mod.fun(args)` for `otpy.supervisor`,
`otpy.dynamic_supervisor`, `otpy.sys`, `otpy.code`, `otpy.upgrade`, `otpy.asgi` and `otpy.events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otpy import wires
from otpy.behaviours import dynamic_supervisor, supervisor, sys
from otpy.behaviours.child_spec import MFA, UNSET, ChildCounts, ChildInfo, ChildSpec, SupFlags
from otpy.behaviours.dynamic_supervisor import DynamicSupervisor
from otpy.behaviours.gen import (
    Request,
    RequestId,
    Response,
    acall,
    call,
    cast,
    check_response,
    reply,
    send_request,
    stop,
    wait_response,
)
from otpy.behaviours.gen_server import GenServer, start_monitor
from otpy.behaviours.results import After, Continue, Hibernate, Ignore, NoReply, Ok, Reply, Stop
from otpy.behaviours.supervisor import Supervisor
from otpy.behaviours.tree import Tree, tree
from otpy.behaviours.vsn import PRESERVE, RESET
from otpy.errors import (
    AlreadyRegistered,
    AlreadyStarted,
    BadChildSpec,
    BadPlan,
    BadReason,
    BadReturn,
    BadSupFlags,
    BlockingRefused,
    CallbackFailed,
    CallError,
    CallingSelf,
    CallTimeout,
    CanaryFailed,
    ChangeCodeFailed,
    CheckFailed,
    ChildAlreadyPresent,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    CircularDependency,
    CompilationFailed,
    EffectRefused,
    HandlerCrashed,
    HandlerError,
    HandlerNotAdded,
    HandlerNotFound,
    IncompatibleUpgrade,
    InitStopped,
    LoadFailed,
    MailboxOverflow,
    MaxChildren,
    MigrationFailed,
    MissingDependency,
    NoProcess,
    NoSuchKey,
    NoSuchRegistry,
    NoSuchVersion,
    NotRegistered,
    NotRunning,
    NotSupported,
    NotTaskOwner,
    OtpyError,
    PlanRefused,
    ReceiveTimeout,
    RegistryError,
    RehearsalFailed,
    ReloadTimeout,
    ServerExited,
    StalePlan,
    StartError,
    StartFailed,
    StartIgnored,
    StartTimeout,
    StoreError,
    SupervisorError,
    SuspendTimeout,
    SystemRequestError,
    TableDenied,
    TableError,
    TableExists,
    TableGone,
    TaskError,
    TaskExited,
    TaskTimeout,
    UndefinedCallback,
    UnsafeCode,
    UpgradeError,
    UpgradeFromWithin,
    UpgradeInProgress,
)
from otpy.kernel import events
from otpy.kernel.actors import Actor, ActorFuture
from otpy.kernel.calls import From
from otpy.kernel.ets import Table, TableInfo, Transfer
from otpy.kernel.ets_reading import Snapshot
from otpy.kernel.lock import Lock
from otpy.kernel.mailbox import Mailbox
from otpy.kernel.messages import Down, Exit, Timeout
from otpy.kernel.pid import Pid, Ref
from otpy.kernel.primitives import (
    ProcessInfo,
    blocking,
    cancel_timer,
    demonitor,
    exit,  # noqa: A004 - OTP's name
    flush,
    is_alive,
    link,
    monitor,
    process_info,
    processes,
    receive,
    register,
    registered,
    self_pid,
    send,
    send_after,
    set_label,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    trap_exit,
    unlink,
    unregister,
    whereis,
)
from otpy.kernel.reasons import Crash, ExitProcess, Kill, Killed, NoProc, Normal, Shutdown
from otpy.kernel.runtime import run, runtime
from otpy.kernel.timers import TimerRef
from otpy.kernel.via import Via

if TYPE_CHECKING:
    from otpy import asgi, code, safety, upgrade
    from otpy.behaviours import gen_event, pg
    from otpy.behaviours.agent import Agent
    from otpy.behaviours.events.handler import GenEvent
    from otpy.behaviours.events.results import GenEventExit, HandOver, RemoveHandler, SwapHandler
    from otpy.behaviours.gen_statem import GenStatem
    from otpy.behaviours.migrations.renames import renamed
    from otpy.behaviours.migrations.steps import migration
    from otpy.behaviours.registry import Registered, Registry, Unregistered
    from otpy.behaviours.statem.results import (
        CANCEL,
        UPDATE,
        EventTimeout,
        GenericTimeout,
        KeepState,
        NextEvent,
        NextState,
        Postpone,
        RepeatState,
        ReplyTo,
        StateTimeout,
        StopAndReply,
    )
    from otpy.behaviours.task import Task
    from otpy.behaviours.task_supervisor import TaskSupervisor
    from otpy.behaviours.tasks.outcomes import Done, Exited, TaskReply
    from otpy.behaviours.tasks.stream import TaskStream
    from otpy.upgrade.conversion import DownTo
    from otpy.upgrade.options import WatchPolicy

__version__ = "0.1.0.dev0"


def _processes() -> Any:
    import importlib  # noqa: PLC0415 - with what it loads

    return importlib.import_module("otpy.upgrade.lingering").StacksOfProcesses()


wires.processes[:] = [_processes]

_LATER = {
    "asgi": ("otpy.asgi", None),
    "code": ("otpy.code", None),
    "safety": ("otpy.safety", None),
    "upgrade": ("otpy.upgrade", None),
    "gen_event": ("otpy.behaviours.gen_event", None),
    "GenEvent": ("otpy.behaviours.events.handler", "GenEvent"),
    "GenEventExit": ("otpy.behaviours.events.results", "GenEventExit"),
    "HandOver": ("otpy.behaviours.events.results", "HandOver"),
    "RemoveHandler": ("otpy.behaviours.events.results", "RemoveHandler"),
    "SwapHandler": ("otpy.behaviours.events.results", "SwapHandler"),
    "GenStatem": ("otpy.behaviours.gen_statem", "GenStatem"),
    "CANCEL": ("otpy.behaviours.statem.results", "CANCEL"),
    "UPDATE": ("otpy.behaviours.statem.results", "UPDATE"),
    "EventTimeout": ("otpy.behaviours.statem.results", "EventTimeout"),
    "GenericTimeout": ("otpy.behaviours.statem.results", "GenericTimeout"),
    "KeepState": ("otpy.behaviours.statem.results", "KeepState"),
    "NextEvent": ("otpy.behaviours.statem.results", "NextEvent"),
    "NextState": ("otpy.behaviours.statem.results", "NextState"),
    "Postpone": ("otpy.behaviours.statem.results", "Postpone"),
    "RepeatState": ("otpy.behaviours.statem.results", "RepeatState"),
    "ReplyTo": ("otpy.behaviours.statem.results", "ReplyTo"),
    "StateTimeout": ("otpy.behaviours.statem.results", "StateTimeout"),
    "StopAndReply": ("otpy.behaviours.statem.results", "StopAndReply"),
    "pg": ("otpy.behaviours.pg", None),
    "Registered": ("otpy.behaviours.registry", "Registered"),
    "Registry": ("otpy.behaviours.registry", "Registry"),
    "Unregistered": ("otpy.behaviours.registry", "Unregistered"),
    "Agent": ("otpy.behaviours.agent", "Agent"),
    "Done": ("otpy.behaviours.tasks.outcomes", "Done"),
    "Exited": ("otpy.behaviours.tasks.outcomes", "Exited"),
    "Task": ("otpy.behaviours.task", "Task"),
    "TaskReply": ("otpy.behaviours.tasks.outcomes", "TaskReply"),
    "TaskStream": ("otpy.behaviours.tasks.stream", "TaskStream"),
    "TaskSupervisor": ("otpy.behaviours.task_supervisor", "TaskSupervisor"),
    "DownTo": ("otpy.upgrade.conversion", "DownTo"),
    "WatchPolicy": ("otpy.upgrade.options", "WatchPolicy"),
    "migration": ("otpy.behaviours.migrations.steps", "migration"),
    "renamed": ("otpy.behaviours.migrations.renames", "renamed"),
}
"""What is loaded at first use, so that `import otpy` stays light: modules, and names in some."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        import importlib  # noqa: PLC0415 - with what it loads

        where, what = _LATER[name]
        module = importlib.import_module(where)
        return module if what is None else getattr(module, what)
    msg = f"module 'otpy' has no attribute {name!r}"
    raise AttributeError(msg)


__all__ = [
    "CANCEL",
    "MFA",
    "PRESERVE",
    "RESET",
    "UNSET",
    "UPDATE",
    "Actor",
    "ActorFuture",
    "After",
    "Agent",
    "AlreadyRegistered",
    "AlreadyStarted",
    "BadChildSpec",
    "BadPlan",
    "BadReason",
    "BadReturn",
    "BadSupFlags",
    "BlockingRefused",
    "CallError",
    "CallTimeout",
    "CallbackFailed",
    "CallingSelf",
    "CanaryFailed",
    "ChangeCodeFailed",
    "CheckFailed",
    "ChildAlreadyPresent",
    "ChildCounts",
    "ChildInfo",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "ChildSpec",
    "CircularDependency",
    "CompilationFailed",
    "Continue",
    "Crash",
    "Done",
    "Down",
    "DownTo",
    "DynamicSupervisor",
    "EffectRefused",
    "EventTimeout",
    "Exit",
    "ExitProcess",
    "Exited",
    "From",
    "GenEvent",
    "GenEventExit",
    "GenServer",
    "GenStatem",
    "GenericTimeout",
    "HandOver",
    "HandlerCrashed",
    "HandlerError",
    "HandlerNotAdded",
    "HandlerNotFound",
    "Hibernate",
    "Ignore",
    "IncompatibleUpgrade",
    "InitStopped",
    "KeepState",
    "Kill",
    "Killed",
    "LoadFailed",
    "Lock",
    "Mailbox",
    "MailboxOverflow",
    "MaxChildren",
    "MigrationFailed",
    "MissingDependency",
    "NextEvent",
    "NextState",
    "NoProc",
    "NoProcess",
    "NoReply",
    "NoSuchKey",
    "NoSuchRegistry",
    "NoSuchVersion",
    "Normal",
    "NotRegistered",
    "NotRunning",
    "NotSupported",
    "NotTaskOwner",
    "Ok",
    "OtpyError",
    "Pid",
    "PlanRefused",
    "Postpone",
    "ProcessInfo",
    "ReceiveTimeout",
    "Ref",
    "Registered",
    "Registry",
    "RegistryError",
    "RehearsalFailed",
    "ReloadTimeout",
    "RemoveHandler",
    "RepeatState",
    "Reply",
    "ReplyTo",
    "Request",
    "RequestId",
    "Response",
    "ServerExited",
    "Shutdown",
    "Snapshot",
    "StalePlan",
    "StartError",
    "StartFailed",
    "StartIgnored",
    "StartTimeout",
    "StateTimeout",
    "Stop",
    "StopAndReply",
    "StoreError",
    "SupFlags",
    "Supervisor",
    "SupervisorError",
    "SuspendTimeout",
    "SwapHandler",
    "SystemRequestError",
    "Table",
    "TableDenied",
    "TableError",
    "TableExists",
    "TableGone",
    "TableInfo",
    "Task",
    "TaskError",
    "TaskExited",
    "TaskReply",
    "TaskStream",
    "TaskSupervisor",
    "TaskTimeout",
    "Timeout",
    "TimerRef",
    "Transfer",
    "Tree",
    "UndefinedCallback",
    "Unregistered",
    "UnsafeCode",
    "UpgradeError",
    "UpgradeFromWithin",
    "UpgradeInProgress",
    "Via",
    "WatchPolicy",
    "acall",
    "asgi",
    "blocking",
    "call",
    "cancel_timer",
    "cast",
    "check_response",
    "code",
    "demonitor",
    "dynamic_supervisor",
    "events",
    "exit",
    "flush",
    "gen_event",
    "is_alive",
    "link",
    "migration",
    "monitor",
    "pg",
    "process_info",
    "processes",
    "receive",
    "register",
    "registered",
    "renamed",
    "reply",
    "run",
    "runtime",
    "safety",
    "self_pid",
    "send",
    "send_after",
    "send_request",
    "set_label",
    "sleep",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "start_monitor",
    "stop",
    "supervisor",
    "sys",
    "trap_exit",
    "tree",
    "unlink",
    "unregister",
    "upgrade",
    "wait_response",
    "whereis",
]
