"""What is dangerous by its name: tables from names (names.py) to what they do and what to do instead.

A name that ends in `.*` stands for all that begin like it. Reading files, logging and computing are in no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from otpy.safety.names import Names


@final
@dataclass(frozen=True, slots=True, init=False)
class NameSet:
    """A set of names, some of them by their beginning."""

    exact: frozenset[str]
    beginnings: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Each of *names* is a name, `os.system`, or all that begin so, `ctypes.*`; several may share a string."""
        words = [word for name in names for word in name.split()]
        object.__setattr__(self, "exact", frozenset(w for w in words if not w.endswith("*")))
        object.__setattr__(self, "beginnings", tuple(w[:-1] for w in words if w.endswith("*")))

    def __contains__(self, name: object) -> bool:
        """Whether *name* is one of them."""
        return isinstance(name, str) and (name in self.exact or name.startswith(self.beginnings))

    def first(self, names: Names) -> str | None:
        """The first of *names* that is one of them."""
        return next((name for name in names if name in self), None)


@dataclass(frozen=True, slots=True)
class Danger:
    """A group of names that are dangerous for the same reason. *does* completes "os.system …"."""

    names: NameSet
    does: str
    advice: str
    only_called: bool = False
    """Whether handing the name on is harmless: of a class, that is a type; of a function, somebody may call it."""


@final
@dataclass(frozen=True, slots=True, init=False)
class Table:
    """Several dangers, looked up by name."""

    exact: Mapping[str, Danger]
    beginnings: tuple[tuple[str, Danger], ...]

    def __init__(self, *dangers: Danger) -> None:
        object.__setattr__(self, "exact", {name: danger for danger in dangers for name in danger.names.exact})
        object.__setattr__(self, "beginnings", tuple((b, d) for d in dangers for b in d.names.beginnings))

    def find(self, names: Names) -> tuple[str, Danger] | None:
        """The first of *names* that is in the table, with its danger; None if none is."""
        for name in names:
            danger = self.exact.get(name)
            if danger is not None:
                return name, danger
            for beginning, danger in self.beginnings:
                if name.startswith(beginning):
                    return name, danger
        return None


_STOPS = "return Stop(reason) from a callback, or use otpy.exit(pid, reason) for another process"
_SUPERVISE = "start a GenServer under a supervisor; runs_on = 'thread' gives it a thread of its own"
WORLD: Final = "an upgrade cannot take it back: do it in a server that is asked to, or allow it in the policy"

SYSTEM: Final = Table(
    Danger(
        NameSet(
            "os.system os.popen os.startfile os.posix_spawn os.posix_spawnp",
            "os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe",
            "subprocess.run subprocess.call subprocess.check_call subprocess.check_output",
            "subprocess.getoutput subprocess.getstatusoutput",
            "asyncio.create_subprocess_exec asyncio.create_subprocess_shell pty.spawn webbrowser.open",
            "_posixsubprocess.fork_exec",
        ),
        "starts a program of the operating system",
        "run it in a server with runs_on = 'thread', under a supervisor, and allow that in the policy",
    ),
    Danger(
        NameSet("subprocess.Popen os.popen2 os.popen3 popen2.Popen3"),
        "starts a program of the operating system",
        "run it in a server with runs_on = 'thread', under a supervisor, and allow that in the policy",
        only_called=True,
    ),
    Danger(
        NameSet("os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe"),
        "replaces the whole node by another program",
        "upgrade it instead: otpy.upgrade.reload_module(name, source)",
    ),
    Danger(NameSet("os._exit os.abort faulthandler._sigsegv"), "ends the whole node at once", _STOPS),
    Danger(NameSet("os.kill os.killpg signal.raise_signal signal.pthread_kill"), "sends a signal to a process", _STOPS),
    Danger(
        NameSet("signal.signal signal.setitimer signal.alarm signal.set_wakeup_fd signal.pthread_sigmask"),
        "changes how the whole node answers to signals",
        "otpy handles them; to act by time use otpy.send_after",
    ),
    Danger(
        NameSet(
            "ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.OleDLL ctypes.LibraryLoader ctypes.cdll.* ctypes.pydll.*",
            "ctypes.windll.* ctypes.oledll.* ctypes.pythonapi.* ctypes.memmove ctypes.memset ctypes.cast",
            "ctypes.string_at ctypes.wstring_at _ctypes.* cffi.FFI",
        ),
        "goes around Python, where no upgrade can follow",
        "keep it in a module of its own that is not upgraded, and allow that in the policy",
        only_called=True,
    ),
    Danger(
        NameSet("os.setuid os.setgid os.seteuid os.setegid os.setgroups os.setsid os.chroot os.nice os.mount"),
        "changes what the whole node may do",
        "do it before the node starts",
    ),
)

UNSUPERVISED: Final = Table(
    Danger(
        NameSet("os.fork os.forkpty pty.fork"),
        "copies the node without its threads",
        "start workers before the node, or run a program with a server on runs_on = 'thread'",
    ),
    Danger(
        NameSet(
            "multiprocessing.Process multiprocessing.Pool multiprocessing.Manager multiprocessing.get_context",
            "multiprocessing.context.* multiprocessing.pool.* multiprocessing.managers.* multiprocessing.process.*",
            "multiprocessing.get_context().* concurrent.futures.ProcessPoolExecutor",
        ),
        "starts processes that no supervisor knows",
        "run them from a server with a terminate callback that ends them, and allow that in the policy",
        only_called=True,
    ),
    Danger(
        NameSet(
            "threading.Thread threading.Timer concurrent.futures.ThreadPoolExecutor multiprocessing.dummy.*",
            "multiprocessing.pool.ThreadPool",
        ),
        "starts a thread that no supervisor knows and no upgrade can suspend",
        _SUPERVISE,
        only_called=True,
    ),
    Danger(
        NameSet("_thread.start_new_thread _thread.start_new _thread.start_joinable_thread"),
        "starts a thread that no supervisor knows and no upgrade can suspend",
        _SUPERVISE,
    ),
    Danger(
        NameSet(
            "asyncio.run asyncio.new_event_loop asyncio.Runner asyncio.SelectorEventLoop uvloop.new_event_loop",
            "asyncio.get_event_loop().run_until_complete asyncio.get_event_loop().run_forever",
            "anyio.run trio.run uvloop.run",
        ),
        "runs an event loop that no supervisor knows",
        "write a GenServer with runs_on = 'asyncio': its callbacks may be `async def`",
    ),
    Danger(NameSet("greenlet.greenlet gevent.*"), "switches stacks behind the scheduler", _SUPERVISE, only_called=True),
)

SOCKETS: Final = Table(
    Danger(
        NameSet(
            "socket.socket socket.create_connection socket.create_server socket.socketpair socket.fromfd",
            "socket.fromshare ssl.SSLSocket",
            "http.client.HTTPConnection http.client.HTTPSConnection urllib.request.urlopen urllib.request.urlretrieve",
            "urllib.request.build_opener ftplib.FTP ftplib.FTP_TLS smtplib.SMTP smtplib.SMTP_SSL poplib.POP3",
            "imaplib.IMAP4 imaplib.IMAP4_SSL telnetlib.Telnet nntplib.NNTP xmlrpc.client.ServerProxy",
            "asyncio.open_connection asyncio.open_unix_connection",
            "requests.get requests.post requests.put requests.patch requests.delete requests.head requests.options",
            "requests.request requests.Session requests.session",
            "httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options httpx.request",
            "httpx.stream httpx.Client httpx.AsyncClient aiohttp.ClientSession urllib3.PoolManager urllib3.request",
            "websockets.connect websocket.create_connection paramiko.SSHClient",
        ),
        "opens a connection",
        "do it in a server with runs_on = 'thread' or 'asyncio', or hand it to otpy.blocking(fn, …)",
        only_called=True,
    ),
    Danger(
        NameSet(
            "socketserver.TCPServer socketserver.UDPServer socketserver.ThreadingTCPServer",
            "socketserver.ThreadingUDPServer socketserver.UnixStreamServer",
            "http.server.HTTPServer http.server.ThreadingHTTPServer xmlrpc.server.SimpleXMLRPCServer",
            "wsgiref.simple_server.make_server asyncio.start_server asyncio.start_unix_server",
        ),
        "listens on a port",
        "do it in a server with runs_on = 'thread' or 'asyncio', which closes it in terminate",
        only_called=True,
    ),
)

FILES: Final = Table(
    Danger(
        NameSet(
            "os.remove os.unlink os.rmdir os.removedirs os.rename os.renames os.replace os.mkdir os.makedirs os.link",
            "os.symlink os.truncate os.ftruncate os.chmod os.lchmod os.fchmod os.chown os.lchown os.fchown os.utime",
            "os.mkfifo os.mknod os.setxattr os.removexattr os.copy_file_range os.sendfile",
            "shutil.rmtree shutil.move shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.copymode",
            "shutil.copystat shutil.chown shutil.make_archive shutil.unpack_archive",
        ),
        "changes files",
        WORLD,
    ),
)

DYNAMIC: Final = Table(
    Danger(
        NameSet("builtins.eval builtins.exec"),
        "runs text as code, which no plan can show and no upgrade can follow",
        "write the code out; ast.literal_eval reads data",
    ),
    Danger(
        NameSet("builtins.compile types.CodeType types.FunctionType code.InteractiveInterpreter code.interact"),
        "makes code that belongs to no module",
        "put it into a module and load that: otpy.code.load(source, name=…)",
        only_called=True,
    ),
    Danger(
        NameSet("runpy.run_path runpy.run_module imp.load_source importlib._bootstrap_external.SourceFileLoader"),
        "runs a file as code, and otpy keeps no version of it",
        "load it as a module: otpy.code.load(source, name=…)",
    ),
    Danger(
        NameSet(
            "pickle.load pickle.loads pickle.Unpickler marshal.load marshal.loads shelve.open shelve.Shelf",
            "dill.load dill.loads cloudpickle.load cloudpickle.loads joblib.load pandas.read_pickle copyreg.pickle",
            "yaml.unsafe_load yaml.full_load",
        ),
        "runs what it reads",
        "use json, msgspec or msgpack, which read data",
    ),
    Danger(
        NameSet("pickle.dump pickle.dumps pickle.Pickler marshal.dump marshal.dumps dill.dump dill.dumps"),
        "writes objects by the place of their class, which an upgrade may move",
        "use json, msgspec or msgpack",
    ),
    Danger(
        NameSet("builtins.__import__"),
        "imports behind the back of the dependency graph",
        "write `import name`, or importlib.import_module(name)",
    ),
)

PATCHING: Final = Table(
    Danger(
        NameSet(
            "sys.modules.pop sys.modules.update sys.modules.setdefault sys.modules.clear sys.modules.__setitem__",
            "sys.modules.__delitem__ sys.modules.popitem",
            "sys.meta_path.insert sys.meta_path.append sys.path_hooks.insert sys.path_hooks.append",
            "importlib.reload",
        ),
        "changes which modules there are, behind otpy's back",
        "load a new version: otpy.upgrade.reload_module(name, source)",
    ),
    Danger(
        NameSet("sys.path.insert sys.path.append sys.path.extend sys.path.remove sys.path.clear site.addsitedir"),
        "changes where the whole node imports from",
        "set PYTHONPATH, or install the package",
    ),
    Danger(
        NameSet(
            "os.environ.update os.environ.setdefault os.environ.pop os.environ.clear os.putenv os.unsetenv os.chdir",
            "os.fchdir os.umask locale.setlocale time.tzset socket.setdefaulttimeout resource.setrlimit",
        ),
        "changes something that the whole node shares",
        "keep it in the state of a process, or set it before the node starts",
    ),
    Danger(
        NameSet(
            "sys.settrace sys.setprofile sys.setrecursionlimit sys.setswitchinterval sys.addaudithook",
            "threading.settrace threading.setprofile threading.setprofile_all_threads threading.stack_size",
            "gc.disable gc.set_threshold gc.freeze faulthandler.enable builtins.__build_class__",
        ),
        "changes how the whole interpreter runs",
        "set it where the node starts, not in a module that is upgraded",
    ),
)

INSIDES: Final = Table(
    Danger(
        NameSet(
            "sys._getframe sys._current_frames sys._current_exceptions inspect.currentframe inspect.stack",
            "gc.get_objects gc.get_referrers gc.get_referents",
        ),
        "looks into running code and objects of others",
        "ask otpy: process_info(pid), tree(), sys.get_state(pid)",
    ),
)

INSIDE_ATTRIBUTES: Final = frozenset(
    (
        *("__subclasses__", "__globals__", "__builtins__", "__code__", "__closure__", "__bases__"),
        *("f_globals", "f_locals", "f_builtins", "f_back", "tb_frame", "gi_frame", "cr_frame", "ag_frame"),
        *("gi_code", "cr_code", "ag_code", "gi_yieldfrom", "cr_origin"),
    )
)

OTPY_EFFECTS: Final = NameSet(
    "otpy.send otpy.send_after otpy.cancel_timer otpy.call otpy.cast otpy.acall otpy.reply otpy.stop otpy.send_request",
    "otpy.spawn otpy.spawn_link otpy.spawn_monitor otpy.start_monitor otpy.register otpy.unregister otpy.link",
    "otpy.unlink otpy.monitor otpy.demonitor otpy.exit otpy.trap_exit otpy.receive otpy.flush otpy.sleep otpy.blocking",
    "otpy.run otpy.runtime otpy.Table otpy.Registry otpy.set_label",
    "otpy.Task.async_ otpy.Task.start otpy.Task.completed otpy.Task.await_many otpy.Task.yield_many",
    "otpy.TaskSupervisor.async_ otpy.TaskSupervisor.async_nolink otpy.TaskSupervisor.start_child",
    "otpy.TaskSupervisor.terminate_child otpy.PartitionSupervisor.stop",
    "otpy.Agent.start otpy.Agent.get otpy.Agent.update otpy.Agent.get_and_update otpy.Agent.cast otpy.Agent.stop",
    "otpy.supervisor.start_link otpy.supervisor.start_child",
    "otpy.supervisor.restart_child otpy.supervisor.terminate_child otpy.supervisor.delete_child",
    "otpy.dynamic_supervisor.start_child otpy.dynamic_supervisor.terminate_child otpy.dynamic_supervisor.start_link",
    "otpy.sys.* otpy.upgrade.reload_module otpy.upgrade.reload_modules otpy.code.load",
    "otpy.gen_event.start otpy.gen_event.notify otpy.gen_event.sync_notify otpy.gen_event.call otpy.gen_event.acall",
    "otpy.gen_event.send_request otpy.gen_event.add_handler otpy.gen_event.add_sup_handler otpy.gen_event.stop",
    "otpy.gen_event.delete_handler otpy.gen_event.swap_handler otpy.gen_event.swap_sup_handler",
    "otpy.gen_event.which_handlers otpy.pg.join otpy.pg.leave otpy.pg.monitor otpy.pg.monitor_scope otpy.pg.demonitor",
    "otpy.pg.start otpy.proc_lib.start otpy.events.attach",
)

STARTS: Final = frozenset(("start_link", "start_monitor"))
"""Methods that start a process, whoever has them."""

IMPORT_EFFECTS: Final = NameSet(
    "sys.exit builtins.exit builtins.quit builtins.input time.sleep atexit.register atexit.unregister",
    "select.select select.poll getpass.getpass code.interact pdb.set_trace builtins.breakpoint",
)

BLOCKING: Final = NameSet(
    "time.sleep builtins.input select.select os.wait os.waitpid os.system subprocess.run subprocess.call",
    "subprocess.check_call subprocess.check_output subprocess.getoutput subprocess.getstatusoutput",
    "subprocess.Popen().wait subprocess.Popen().communicate socket.create_connection socket.getaddrinfo",
    "socket.gethostbyname urllib.request.urlopen urllib.request.urlretrieve",
    "requests.get requests.post requests.put requests.patch requests.delete requests.head requests.options",
    "requests.request requests.Session().get requests.Session().post requests.Session().put requests.Session().request",
    "httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options httpx.request",
    "httpx.Client().get httpx.Client().post",
    "queue.Queue().get queue.SimpleQueue().get threading.Event().wait threading.Condition().wait",
    "threading.Thread().join asyncio.run concurrent.futures.wait socket.socket().recv socket.socket().accept",
    "socket.socket().connect signal.pause signal.sigwait",
)
