"""What runs when a module is imported, and so again in an upgrade, in a scratch namespace and in the rehearsal.

A definition may run as often as one likes. A file written, a socket opened or a message sent is there for everybody
before the upgrade is decided. So effects do not belong at the top level; also not in a function of the module that is
called from there, however deep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from otpy.safety import catalogue
from otpy.safety.catalogue import NameSet
from otpy.safety.finding import Finding
from otpy.safety.opening import writes
from otpy.safety.source import Source, Use

_ADVICE: Final = "do it in the init of a process, which a supervisor starts"

_TABLES: Final = (catalogue.SYSTEM, catalogue.FILES, catalogue.UNSUPERVISED, catalogue.SOCKETS)

PURE: Final = NameSet(
    "builtins.*",
    "typing.* typing_extensions.* dataclasses.* enum.* abc.* collections.* functools.* itertools.* operator.* types.*",
    "re.* string.* math.* cmath.* decimal.* fractions.* datetime.* zoneinfo.* numbers.* statistics.* uuid.* hashlib.*",
    "struct.* array.* bisect.* heapq.* copy.* json.loads json.dumps textwrap.* base64.* binascii.* unicodedata.*",
    "pathlib.* os.path.* os.getenv os.environ.* os.getcwd os.fspath os.cpu_count os.getpid os.urandom",
    "logging.* warnings.* contextvars.* contextlib.* weakref.* threading.local threading.Lock threading.RLock",
    "threading.Event threading.Condition threading.Semaphore threading.BoundedSemaphore threading.Barrier queue.*",
    "time.time time.monotonic time.perf_counter time.monotonic_ns time.time_ns random.Random secrets.*",
    "inspect.* importlib.import_module importlib.metadata.* importlib.resources.* importlib.util.* platform.* sys.*",
    "gettext.* shlex.* argparse.* configparser.* tomllib.* csv.* ast.* io.StringIO io.BytesIO ipaddress.*",
    "urllib.parse.* mimetypes.* pprint.* reprlib.* locale.getlocale signal.Signals socket.gethostname",
    "attr.* attrs.* pydantic.* msgspec.* numpy.* otpy.*",
)
"""What has no effect that an upgrade would have to take back."""


def import_effects(source: Source, rule: str) -> Iterator[Finding]:
    """Yield the places at the top level that change the world, directly or through functions of the module."""
    for use in source.uses:
        if use.place.at_import and use.how != "write":
            effect = _effect(use)
            if effect is not None:
                yield source.finding(use, rule, f"{effect} runs when the module is imported", _ADVICE)
                continue
            reached = _reached(source, use)
            if reached is not None:
                what, line = reached
                message = f"this runs when the module is imported, and reaches {what} on line {line}"
                yield source.finding(use, rule, message, _ADVICE)


def import_calls(source: Source, rule: str) -> Iterator[Finding]:
    """Yield the calls at the top level that are neither known to be harmless nor definitions."""
    for use in source.uses:
        if not use.place.at_import or use.how != "call" or _effect(use) is not None:
            continue
        if not _is_harmless(source, use):
            message = f"nobody can tell what {_called(use)} does when the module is imported"
            yield source.finding(use, rule, message, "call it from the init of a process, or allow it in the policy")


def _effect(use: Use) -> str | None:
    """What *use* does to the world, as one names it; None if nothing is known."""
    if use.how in ("call", "decorate"):
        name = catalogue.IMPORT_EFFECTS.first(use.names) or catalogue.OTPY_EFFECTS.first(use.names)
        if name is not None:
            return name.removeprefix("builtins.")
        if use.attribute in catalogue.STARTS and use.call is not None:
            return f"{use.attribute}(…)"
        opened = writes(use)
        if opened is not None:
            return f"{opened} for writing"
        found = next((hit for table in _TABLES if (hit := table.find(use.names)) is not None), None)
        return found[0] if found is not None else None
    return None


def _reached(source: Source, use: Use) -> tuple[str, int] | None:
    """The first effect that a call at import reaches through functions of the module, with its line."""
    left = list(use.names) if use.how in ("call", "decorate") else []
    seen: set[str] = set()
    while left:
        function = left.pop()
        if function in seen or not function.startswith(f"{source.module}."):
            continue
        seen.add(function)
        for inner in source.within(function):
            effect = _effect(inner)
            if effect is not None:
                return effect, inner.node.lineno
            if inner.how == "call":
                left += inner.names
    return None


def _is_harmless(source: Source, use: Use) -> bool:
    """Whether it is on the list, defined in the module, or makes an instance (a class is written in CapWords)."""
    if not use.names:
        return use.kept or use.attribute not in (None, "setup", "configure", "init", "run", "start", "main", "connect")
    for name in use.names:
        root = name.partition("(")[0]
        last = root.rpartition(".")[2]
        own = root.startswith(f"{source.module}.")
        if not (own or root in PURE or last.lstrip("_")[:1].isupper()):
            return False
    return True


def _called(use: Use) -> str:
    return use.names[0].removeprefix("builtins.") if use.names else f"{use.attribute}(…)"
