"""Everything that can go wrong in otpy, as one tree.

```text
OtpyError
├── CallError                     a request to a server got no reply
│   ├── NoProcess                 nobody there (also a name nobody has)
│   │   └── NoSuchRegistry(name)  also a RegistryError
│   ├── ServerExited(reason)      the server ended before it replied
│   ├── CallingSelf               it would wait for itself for ever
│   └── CallTimeout               TimeoutError: too slow
├── TaskError                     a task gave no result
│   ├── TaskExited(reason)        it ended before
│   ├── TaskTimeout               TimeoutError: too slow
│   └── NotTaskOwner              ValueError: only who started a task may ask for its result
├── StartError                    a process did not start
│   ├── AlreadyStarted(pid)       also a SupervisorError
│   ├── InitStopped(reason)       init returned Stop, raised, or returned junk
│   ├── StartIgnored              init returned Ignore
│   └── StartTimeout              TimeoutError: init took too long (and was killed)
├── AlreadyRegistered(name, pid)  the name is taken
├── RegistryError                 a Registry refused an operation
│   ├── NoSuchRegistry(name)      no registry has that name, or it has ended
│   └── NotRegistered(key)        KeyError: the process has no entry of that key
├── ReceiveTimeout                TimeoutError: no message matched in time
├── MailboxOverflow(pid, limit)   messages of a coroutine's mailbox were dropped
├── BadReturn(callback, value)    a callback returned what is no result
├── UndefinedCallback             NotImplementedError: the behaviour lacks a callback that was needed
├── BadReason(value)              TypeError: a string stands where an exit reason is wanted
├── TableError                    a table refused an operation
│   ├── TableGone                 its owner has ended, or it was deleted
│   ├── TableDenied               its access mode does not let this process do that
│   ├── TableExists               a table has the name
│   └── NoSuchKey                 KeyError: no row of that key
├── BlockingRefused               a call that would wait, made where nothing may wait
├── NotRunning                    the runtime has stopped
├── SystemRequestError            a sys request was refused
│   ├── ChangeCodeFailed(reason)
│   └── CallbackFailed(error)
├── HandlerError                  an event manager refused a request
│   ├── HandlerNotFound(handler)
│   ├── HandlerNotAdded(handler, reason)
│   └── HandlerCrashed(handler, reason)
├── SupervisorError
│   ├── ChildNotFound, ChildRunning, ChildRestarting, ChildAlreadyPresent
│   ├── MaxChildren, StartFailed(reason), NotSupported
│   └── BadChildSpec, BadSupFlags
├── ApplicationError              the application controller refused a request
│   ├── ApplicationNotFound       nobody knows an application of that name
│   ├── ApplicationNotLoaded, ApplicationAlreadyLoaded
│   ├── ApplicationNotStarted     it, or one that it depends on, is not started
│   ├── ApplicationNotRunning     one that it depends on has ended
│   ├── ApplicationAlreadyStarted, ApplicationRunning
│   ├── ApplicationStartFailed(reason)
│   └── BadApplicationSpec        ValueError: a spec, or a configuration, makes no sense
└── UpgradeError                  the upgrade did not happen; nothing has changed
    ├── CompilationFailed         a source does not compile
    ├── LoadFailed                a new module body raised
    ├── UnsafeCode(findings)      the policy forbids what a source does
    ├── PlanRefused(limits)       the policy forbids what a plan would do
    ├── MissingDependency         something that is gone, or was never there, is still used
    ├── CircularDependency        an order was asked for that a ring does not have
    ├── StalePlan                 what runs is no longer what the plan was made for
    ├── BadPlan                   ValueError: a plan, or instructions for one, make no sense
    ├── UpgradeInProgress, UpgradeFromWithin, NoSuchVersion
    ├── IncompatibleUpgrade       what runs cannot go over to the new version
    ├── SuspendTimeout            a process did not come to rest
    ├── ReloadTimeout             the whole took too long
    ├── MigrationFailed           a state could not be converted
    │   └── RehearsalFailed       not even its copy, so nobody was paused for it
    ├── EffectRefused(what)       code that is only rehearsed asked for something to be done
    ├── CheckFailed               a behaviour's check_upgrade said no
    ├── CanaryFailed              the first processes on the new version did badly
    └── StoreError                what has to outlive the node cannot be kept
```

An error carries its facts as attributes, joins Python's own where there is one, and says what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class OtpyError(Exception):
    """Root of every error that otpy raises on purpose."""


def shown(value: object) -> str:
    """Return `repr(value)`, or that there is none: what is said of a value must not fail for it."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - it is a user's own
        return f"<{type(value).__qualname__}, whose repr raises {type(error).__name__}>"


# -- calls -----------------------------------------------------------------------------------------


class CallError(OtpyError):
    """A request to a server got no reply. *server* is what was called, *request* what was asked."""

    def __init__(self, message: str, server: object = None, request: object = None) -> None:
        super().__init__(message)
        self.server = server
        self.request = request


class NoProcess(CallError):
    """Nobody answers to that pid or name."""

    def __init__(self, server: object, request: object = None) -> None:
        super().__init__(f"no process is {server!r}: it has ended, or the name was never registered", server, request)


class ServerExited(CallError):
    """The server ended with *reason* before it replied."""

    def __init__(self, reason: Any, server: object = None, request: object = None) -> None:
        super().__init__(f"{server!r} ended with {shown(reason)} before it replied", server, request)
        self.reason = reason


class CallTimeout(CallError, TimeoutError):
    """No reply within *timeout* seconds. A reply that comes later is dropped."""

    def __init__(self, server: object, timeout: float | None, request: object = None) -> None:
        super().__init__(
            f"{server!r} did not reply within {timeout} s; give call(…, timeout=) more time, or look with "
            "otpy.process_info(pid) at what it is doing",
            server,
            request,
        )
        self.timeout = timeout


class CallingSelf(CallError):
    """A process called, or stopped, itself."""

    def __init__(self, server: object, request: object = None) -> None:
        super().__init__(
            f"{server!r} called itself and would wait for ever; do the work directly, cast, or return Stop(…)",
            server,
            request,
        )


# -- tasks -----------------------------------------------------------------------------------------


class TaskError(OtpyError):
    """A task gave no result. *task* is what was asked for it: a Task, or a stream of tasks."""

    def __init__(self, message: str, task: object) -> None:
        super().__init__(message)
        self.task = task


class TaskExited(TaskError):
    """The task ended with *reason* before it had a result; where an exception ended it, that is the `__cause__`."""

    def __init__(self, task: object, reason: Any) -> None:
        super().__init__(f"{task!r} ended with {shown(reason)} before it had a result", task)
        self.reason = reason
        error = getattr(reason, "error", None)  # that of a Crash
        self.__cause__ = error if isinstance(error, BaseException) else None


class TaskTimeout(TaskError, TimeoutError):
    """No result within *timeout* seconds. A result that comes later is dropped."""

    def __init__(self, task: object, timeout: float | None) -> None:
        super().__init__(
            f"{task!r} had no result within {timeout} s; give it more time with timeout=, or look with yield_ whether "
            "it is ready",
            task,
        )
        self.timeout = timeout


class NotTaskOwner(TaskError, ValueError):
    """*owner* started the task and alone gets its result; *pid* asked for it."""

    def __init__(self, task: object, owner: Any, pid: Any) -> None:
        super().__init__(
            f"{task!r} belongs to {owner!r}, which started it and gets its result; {pid!r} may not ask for it: have "
            "the owner send on what it gets",
            task,
        )
        self.owner = owner
        self.pid = pid


# -- starting --------------------------------------------------------------------------------------


class StartError(OtpyError):
    """A process did not start."""


class SupervisorError(OtpyError):
    """A supervisor refused a request."""


class AlreadyStarted(StartError, SupervisorError):
    """The name is taken, or the child runs: *pid* is who has it."""

    def __init__(self, pid: Any) -> None:
        super().__init__(f"already started: {pid!r}")
        self.pid = pid


class InitStopped(StartError):
    """`init` ended the start with *reason* (it returned Stop, raised, or returned no result)."""

    def __init__(self, reason: Any) -> None:
        super().__init__(f"init stopped with {shown(reason)}")
        self.reason = reason


class StartIgnored(StartError):
    """`init` returned Ignore(): no process was made, and that is no failure."""

    def __init__(self) -> None:
        super().__init__("init returned Ignore()")


class StartTimeout(StartError, TimeoutError):
    """`init` did not end within *timeout* seconds; the process was killed."""

    def __init__(self, timeout: float | None) -> None:
        super().__init__(f"init did not end within {timeout} s; the process was killed")
        self.timeout = timeout


# -- primitives ------------------------------------------------------------------------------------


class AlreadyRegistered(OtpyError):
    """The name has a living owner, *pid*."""

    def __init__(self, name: str, pid: Any) -> None:
        super().__init__(f"the name {name!r} belongs to {pid!r}; unregister it there first, or choose another")
        self.name = name
        self.pid = pid


class RegistryError(OtpyError):
    """A Registry cannot do what it was asked for."""


class NoSuchRegistry(RegistryError, NoProcess):
    """No registry is called *name*, or it has ended; so nobody has a name in it either."""

    def __init__(self, name: object) -> None:
        message = f"no registry is called {name!r}, or it has ended: start it with Registry.start_link(name=…)"
        CallError.__init__(self, message, name)
        self.name = name


class NotRegistered(RegistryError, KeyError):
    """*pid* has no entry of *key*."""

    def __init__(self, key: object, pid: Any) -> None:
        super().__init__(f"{pid!r} is not registered under {key!r}: only who is can change the value there")
        self.key = key
        self.pid = pid

    __str__ = Exception.__str__  # KeyError would quote the message


class ReceiveTimeout(OtpyError, TimeoutError):
    """No message matched within *timeout* seconds."""

    def __init__(self, timeout: float | None) -> None:
        super().__init__(f"no matching message within {timeout} s")
        self.timeout = timeout


class MailboxOverflow(OtpyError):
    """More than *limit* messages waited in the mailbox of the coroutine *pid*: it is empty now, and they are lost."""

    def __init__(self, pid: object, limit: int) -> None:
        super().__init__(
            f"{pid!r} had more than {limit} messages waiting, which are lost: it does not take them as fast as they "
            "come; start anew from a snapshot, have less sent to it, or give otpy.Mailbox another limit"
        )
        self.pid = pid
        self.limit = limit


class BadReturn(OtpyError):
    """*callback* returned *value*, which is none of its results. It is an exit reason too, compared by its facts."""

    def __init__(self, callback: str, value: Any) -> None:
        super().__init__(f"{callback} returned {shown(value)}, which is none of its results")
        self.callback = callback
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BadReturn) and (self.callback, self.value) == (other.callback, other.value)

    __hash__ = OtpyError.__hash__


class UndefinedCallback(OtpyError, NotImplementedError):
    """*callback* was needed, and *behaviour* does not define it."""

    def __init__(self, behaviour: type, callback: str, argument: object = None) -> None:
        super().__init__(
            f"{behaviour.__qualname__} has no {callback} and got {shown(argument)}; define it, or do not send that"
        )
        self.behaviour = behaviour
        self.callback = callback


class BadReason(OtpyError, TypeError):
    """None, or a string that looks like one of Erlang's atoms, was given as an exit reason."""

    def __init__(self, given: str | None, instead: str) -> None:
        super().__init__(f"the exit reason {given!r} is refused: use otpy.{instead}, which code can match on")
        self.given = given


class BlockingRefused(OtpyError, RuntimeError):
    """A call that waits was made where nothing may wait: on an event loop, or inside a finalizer."""


class NotRunning(OtpyError, RuntimeError):
    """The runtime has stopped, or its threads did not survive a fork."""


# -- tables ----------------------------------------------------------------------------------------


class TableError(OtpyError):
    """A table refused an operation, and is as before."""


class TableGone(TableError):
    """The table does not exist any more; *owner* was its last owner."""

    def __init__(self, table: object, owner: Any) -> None:
        super().__init__(
            f"{table!r} is gone: its owner {owner!r} has ended or deleted it; give a table an heir, or let a process "
            "own it that lives longer"
        )
        self.table = table
        self.owner = owner


class TableDenied(TableError):
    """*pid* may not do that with the table of *owner*."""

    def __init__(self, table: object, pid: Any, owner: Any, what: str) -> None:
        super().__init__(
            f"{pid!r} may not {what} {table!r}, which {owner!r} owns; ask the owner to do it, or have it make the "
            "table with a wider access"
        )
        self.table = table
        self.pid = pid
        self.owner = owner


class TableExists(TableError):
    """The name belongs to *table*."""

    def __init__(self, name: str, table: object) -> None:
        super().__init__(
            f"the name {name!r} belongs to {table!r}; choose another, or take that one: Table.whereis(name)"
        )
        self.name = name
        self.table = table


class NoSuchKey(TableError, KeyError):
    """The table has no row of *key*."""

    def __init__(self, table: object, key: object) -> None:
        super().__init__(f"{table!r} has no row of {key!r}; look with member(key), or give a default")
        self.table = table
        self.key = key

    __str__ = Exception.__str__  # KeyError would quote the message


# -- sys -------------------------------------------------------------------------------------------


class SystemRequestError(OtpyError):
    """A `sys` request was refused by the process; it goes on as before."""


class ChangeCodeFailed(SystemRequestError):
    """`change_code` was refused: the process is not suspended, or its code_change failed with *reason*."""

    def __init__(self, reason: Any) -> None:
        super().__init__(
            f"code_change failed with {shown(reason)}; the process keeps its old state and stays suspended"
        )
        self.reason = reason


class CallbackFailed(SystemRequestError):
    """The function given to `replace_state` or `get_state` raised *error*; the state is as before."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"the function raised {error!r}; the state is as before")
        self.error = error


# -- event handlers --------------------------------------------------------------------------------


class HandlerError(OtpyError):
    """An event manager refused a request. *handler* is the class, or (class, id)."""

    def __init__(self, message: str, handler: object = None) -> None:
        super().__init__(message)
        self.handler = handler


class HandlerNotFound(HandlerError):
    """The event manager has no such handler."""

    def __init__(self, handler: object) -> None:
        super().__init__(f"no handler {shown(handler)}; see otpy.gen_event.which_handlers", handler)


class HandlerNotAdded(HandlerError):
    """The `init` of the handler did not return Ok: *reason* is that of its Stop, Crash(error) or BadReturn."""

    def __init__(self, handler: object, reason: Any) -> None:
        super().__init__(f"the handler {shown(handler)} was not added: {shown(reason)}", handler)
        self.reason = reason


class HandlerCrashed(HandlerError):
    """A callback of the handler failed with *reason*, Crash(error) or BadReturn; the handler has been removed."""

    def __init__(self, handler: object, reason: Any) -> None:
        super().__init__(f"the handler {shown(handler)} was removed, since it failed: {shown(reason)}", handler)
        self.reason = reason


# -- supervisors -----------------------------------------------------------------------------------


class ChildNotFound(SupervisorError):
    """The supervisor has no such child."""

    def __init__(self, child: object) -> None:
        super().__init__(f"no child {child!r}; see otpy.supervisor.which_children")
        self.child = child


class ChildRunning(SupervisorError):
    """The child is running."""

    def __init__(self, child: object) -> None:
        super().__init__(f"child {child!r} is running; terminate_child ends it")
        self.child = child


class ChildRestarting(SupervisorError):
    """The child is being restarted."""

    def __init__(self, child: object) -> None:
        super().__init__(f"child {child!r} is being restarted; terminate_child ends the attempts")
        self.child = child


class ChildAlreadyPresent(SupervisorError):
    """A child with this id is known and not running."""

    def __init__(self, child: object) -> None:
        super().__init__(f"child {child!r} is present and not running; use restart_child, or delete_child first")
        self.child = child


class MaxChildren(SupervisorError):
    """The DynamicSupervisor has as many children as it may have."""

    def __init__(self, max_children: int) -> None:
        super().__init__(f"max_children={max_children} is reached; terminate a child first or allow more")
        self.max_children = max_children


class NotSupported(SupervisorError):
    """The request makes no sense for this supervisor's strategy."""

    def __init__(self, request: str, strategy: str) -> None:
        super().__init__(f"{request} is not for a {strategy} supervisor")
        self.request = request
        self.strategy = strategy


class StartFailed(SupervisorError):
    """The start function of the child failed with *reason*; nothing was kept."""

    def __init__(self, reason: Any) -> None:
        super().__init__(f"the child's start failed with {shown(reason)}")
        self.reason = reason


class BadChildSpec(SupervisorError):
    """A child spec is refused; *reason* is a tuple in OTP's words, such as ("invalid_shutdown", -10)."""

    def __init__(self, reason: Any, message: str | None = None) -> None:
        super().__init__(message or f"bad child spec: {shown(reason)}")
        self.reason = reason


class BadSupFlags(SupervisorError):
    """Supervisor flags are refused; *reason* is a tuple in OTP's words, such as ("invalid_period", 0)."""

    def __init__(self, reason: Any, message: str | None = None) -> None:
        super().__init__(message or f"bad supervisor flags: {shown(reason)}")
        self.reason = reason


# -- applications ----------------------------------------------------------------------------------


class ApplicationError(OtpyError):
    """The application controller refused a request; *application* is the name that it was about."""

    def __init__(self, message: str, application: str) -> None:
        super().__init__(message)
        self.application = application


class ApplicationNotFound(ApplicationError):
    """There is no spec of an application of that name; *looked* says where one was looked for."""

    def __init__(self, application: str, looked: str) -> None:
        super().__init__(
            f"there is no application {application!r}; looked {looked}. Give its class, 'module:Class', or declare it "
            f"as [tool.otpy.application.{application}] in pyproject.toml",
            application,
        )
        self.looked = looked


class ApplicationNotLoaded(ApplicationError):
    """The application is not loaded."""

    def __init__(self, application: str) -> None:
        super().__init__(
            f"application {application!r} is not loaded; otpy.application.load or start does it", application
        )


class ApplicationAlreadyLoaded(ApplicationError):
    """The application is loaded."""

    def __init__(self, application: str) -> None:
        super().__init__(f"application {application!r} is loaded already; unload it first to load it anew", application)


class ApplicationNotStarted(ApplicationError):
    """*application* is not started; *dependent* is the one that depends on it, if that was asked for."""

    def __init__(self, application: str, dependent: str | None = None) -> None:
        needed = f", which {dependent!r} depends on; start it first, or use ensure_all_started" if dependent else ""
        super().__init__(f"application {application!r} is not started{needed}", application)
        self.dependent = dependent


class ApplicationNotRunning(ApplicationError):
    """*application* was started and has ended by itself; *dependent* is the one that depends on it."""

    def __init__(self, application: str, dependent: str) -> None:
        super().__init__(
            f"application {application!r}, which {dependent!r} depends on, has ended; start it again, first",
            application,
        )
        self.dependent = dependent


class ApplicationAlreadyStarted(ApplicationError):
    """The application is running."""

    def __init__(self, application: str) -> None:
        super().__init__(
            f"application {application!r} is already started; ensure_all_started starts what is not", application
        )


class ApplicationRunning(ApplicationError):
    """The application runs, so it cannot be unloaded."""

    def __init__(self, application: str) -> None:
        super().__init__(f"application {application!r} is running; stop it before it is unloaded", application)


class ApplicationStartFailed(ApplicationError):
    """The application did not start: *reason* is why its `start`, or a start phase, failed."""

    def __init__(self, application: str, reason: Any) -> None:
        super().__init__(f"application {application!r} did not start: {shown(reason)}", application)
        self.reason = reason


class BadApplicationSpec(ApplicationError, ValueError):
    """A spec of an application, or its configuration, makes no sense; the message says where and what is accepted."""


# -- upgrades --------------------------------------------------------------------------------------


class UpgradeError(OtpyError):
    """The upgrade did not happen: code, classes, states and children are as before.

    *recovery* says what can be done about it, *report* what was tried; both are filled in by the coordinator.
    """

    recovery: Any = None
    report: Any = None


class CompilationFailed(UpgradeError):
    """A source does not compile; *filename*, *line* and *column* say where (both from 1, None if unknown)."""

    def __init__(self, message: str, filename: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.filename = filename
        self.line = line
        self.column = column


class LoadFailed(UpgradeError):
    """The body of the new version of *module* raised *error*."""

    def __init__(self, module: str, error: BaseException) -> None:
        super().__init__(f"the new version of {module} raised while it was loaded: {type(error).__name__}: {error}")
        self.module = module
        self.error = error


class UnsafeCode(UpgradeError):
    """The safety policy forbids what the new sources do; *findings* has all places, each with line and advice."""

    def __init__(self, findings: Sequence[Any]) -> None:
        super().__init__("the safety policy forbids this:\n" + "\n".join(f"  {finding}" for finding in findings))
        self.findings = tuple(findings)


class PlanRefused(UpgradeError):
    """The safety policy forbids what the plan would do; *limits* says each limit and what passes it."""

    def __init__(self, limits: Sequence[Any]) -> None:
        super().__init__("the safety policy refuses this plan:\n" + "\n".join(f"  {limit}" for limit in limits))
        self.limits = tuple(limits)


class MissingDependency(UpgradeError):
    """*module* still uses *name*, which the new version does not define, or imports what does not exist."""

    def __init__(self, module: str, name: str, message: str | None = None) -> None:
        gone = f"{module} uses {name}, which is not there in the new version; keep it or change both"
        super().__init__(message or gone)
        self.module = module
        self.name = name


class CircularDependency(UpgradeError):
    """The modules of *cycle* depend on each other in a ring, so that none of them can come first."""

    def __init__(self, cycle: Sequence[str], message: str | None = None) -> None:
        ring = " → ".join([*cycle, *cycle[:1]])
        super().__init__(message or f"{ring} depend on each other in a ring; give them together, as one unit")
        self.cycle = tuple(cycle)


class BadPlan(UpgradeError, ValueError):
    """A plan, or instructions for one, make no sense; *problems* has each place with what is wrong there."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StalePlan(UpgradeError):
    """What runs is no longer what the plan was made for: *differences* says what has changed since."""

    def __init__(self, differences: Sequence[str]) -> None:
        since = "\n".join(f"  {difference}" for difference in differences)
        super().__init__(f"the plan is stale, make it anew; since it was made:\n{since}")
        self.differences = tuple(differences)


class NoSuchVersion(UpgradeError):
    """The module has no such *version*; None is the one before that which runs. *known* are those that there are."""

    def __init__(self, module: str, version: object, known: Sequence[object] = ()) -> None:
        which = "before the one that runs" if version is None else repr(version)
        super().__init__(f"{module} has no version {which}; known: {', '.join(map(str, known)) or 'none'}")
        self.module = module
        self.version = version


class UpgradeInProgress(UpgradeError):
    """Another upgrade is running in this node; wait for it and try again."""

    def __init__(self) -> None:
        super().__init__("another upgrade is running in this node; wait for it to end and try again")


class UpgradeFromWithin(UpgradeError):
    """*pid* asked for the upgrade, and would be suspended by it; or *waiting*, which would be, waits for *pid*."""

    def __init__(self, pid: Any, waiting: Any = None) -> None:
        what = f"would suspend {pid!r} itself"
        if waiting is not None:
            what = f"has to suspend {waiting!r}, whose handler waits for {pid!r}"
        super().__init__(f"{pid!r} asked for an upgrade that {what}; ask from another process or thread")
        self.pid = pid


class SuspendTimeout(UpgradeError, TimeoutError):
    """*pid* did not come to rest within *timeout* seconds; *frame* says where it stands ("file:line in function")."""

    def __init__(self, pid: Any, timeout: float, frame: str = "unknown") -> None:
        super().__init__(f"{pid!r} did not come to rest within {timeout} s; it stands at {frame}")
        self.pid = pid
        self.timeout = timeout
        self.frame = frame


class MigrationFailed(UpgradeError):
    """A state could not be converted: *pid* whose, *reason* why."""

    def __init__(self, message: str, pid: Any = None, reason: Any = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.reason = reason


class EffectRefused(UpgradeError):
    """Code that is only rehearsed asked otpy for something to be done: *what*, at *place* ("file:line in function")."""

    def __init__(self, what: str, place: str, why: str = "is an effect") -> None:
        super().__init__(
            f"{what}, at {place}, {why}: this code is only rehearsed. An import, an init of a supervisor and a "
            "code_change have to do without; start it in handle_continue, or have a child do it"
        )
        self.what = what
        self.place = place


class CheckFailed(UpgradeError):
    """The `check_upgrade` of *pid* said no to its converted state: *reason*."""

    def __init__(self, pid: Any, reason: Any) -> None:
        super().__init__(f"{pid!r}: check_upgrade refused the converted state: {shown(reason)}")
        self.pid = pid
        self.reason = reason


class CanaryFailed(UpgradeError):
    """The processes that went ahead did badly: *why*; they have gone back."""

    def __init__(self, why: str, canaries: int) -> None:
        super().__init__(f"the {canaries} processes that went ahead did badly, and have gone back: {why}")
        self.why = why


class StoreError(UpgradeError):
    """The store of upgrades cannot be read or written; the message says which file or server, and what to do."""


class RehearsalFailed(MigrationFailed):
    """The rehearsal went wrong, on copies: nobody was paused. *problems* are all that were found, as text."""

    def __init__(self, message: str, problems: Sequence[str] = (), pid: Any = None, reason: Any = None) -> None:
        super().__init__(message, pid, reason)
        self.problems = tuple(problems)


class IncompatibleUpgrade(UpgradeError):
    """What runs cannot go over to the new version, and the message says why."""


class ReloadTimeout(UpgradeError, TimeoutError):
    """The upgrade as a whole took longer than *timeout* seconds; *step* is where it stood.

    *frame* says where code stood that was given up ("file:line in function"), if it was in some; *goes_on*, that it
    could not be interrupted there.
    """

    def __init__(self, timeout: float, step: str, frame: str = "", *, goes_on: bool = False) -> None:
        where = f"{step!r}, at {frame}" if frame else f"{step!r}"
        left = ", where it cannot be interrupted: its thread goes on until it ends by itself" if goes_on else ""
        super().__init__(f"the upgrade took longer than {timeout} s, it was at step {where}{left}; give timeout= more")
        self.timeout = timeout
        self.step = step
        self.frame = frame
        self.goes_on = goes_on


class ForcedRollback(UpgradeError):
    """A test asked for a rollback after *step*, with `force_rollback_at`."""

    def __init__(self, step: str) -> None:
        super().__init__(f"rolled back after step {step!r}, as force_rollback_at asked")
        self.step = step
