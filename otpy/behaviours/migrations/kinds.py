"""Which values need no copy, and which must not have one.

*Atomic* values are immutable and hold nothing that could be old. Objects that are *kept* have a life outside the state:
a copy of a lock, a socket or a process would be another lock, or none at all.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import re
import sys
import types
import uuid
import weakref
from typing import Any, Final

import msgspec

from otpy.kernel.pid import Pid, Ref

ATOMIC: Final[frozenset[type]] = frozenset({
    *(int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented), range),
    *(types.CodeType, types.ModuleType, types.GenericAlias, types.UnionType, types.GetSetDescriptorType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType),
    *(types.MemberDescriptorType, types.ClassMethodDescriptorType),
    *(property, re.Pattern, re.Match, decimal.Decimal, decimal.Context, fractions.Fraction, uuid.UUID),
    *(datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone),
    *(pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath),
    types.TracebackType,
})  # fmt: skip

KEPT_TYPES: Final = (
    *(Pid, Ref, types.FrameType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
    *(memoryview, weakref.ref, weakref.ProxyType, weakref.CallableProxyType),
)  # fmt: skip

KEPT_MODULES: Final = frozenset(
    [
        "_asyncio",
        "_contextvars",
        "_ctypes",
        "_io",
        "_queue",
        "_socket",
        "_sqlite3",
        "_ssl",
        "_thread",
        "asyncio",
        "concurrent",
        "contextvars",
        "ctypes",
        "ftplib",
        "greenlet",
        "http",
        "imaplib",
        "io",
        "itertools",
        "logging",
        "mmap",
        "multiprocessing",
        "pykka",
        "queue",
        "sched",
        "select",
        "selectors",
        "shelve",
        "smtplib",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tarfile",
        "tempfile",
        "threading",
        "typing",
        "urllib",
        "zipfile",
        "zipimport",
        "zoneinfo",
    ]
)
"""Top-level modules whose objects are resources of the interpreter or the system, or parts of a machinery."""

HEAPTYPE: Final = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made at run time."""

NOT_MADE_BY_CALL: Final = 1 << 7
"""Py_TPFLAGS_DISALLOW_INSTANTIATION: instances come from elsewhere."""


def is_kept(cls: type) -> bool:
    """Whether instances of *cls* are the same object in original and copy."""
    if issubclass(cls, KEPT_TYPES):
        return True
    return any(_is_kept_base(base) for base in cls.__mro__ if base is not object)


def _is_kept_base(base: type) -> bool:
    module = base.__module__
    if module.startswith("otpy.kernel.") and not issubclass(base, msgspec.Struct):
        return True
    # A base without state (Generic, Protocol, typing's own) says nothing about its subclasses.
    return module.partition(".")[0] in KEPT_MODULES and not _is_stateless(base)


def _is_stateless(base: type) -> bool:
    return base.__module__ == "typing" or not (
        vars(base).keys() - {"__module__", "__doc__", "__slots__", "__dict__", "__weakref__"}
    )


def loaded(module: str, name: str) -> Any:
    """An object of a library, None if the program has not imported that. It is never imported for it."""
    return getattr(sys.modules.get(module), name, None)
