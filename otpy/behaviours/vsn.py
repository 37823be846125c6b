"""The version a process runs, and its `code_change`, called with as many arguments as it takes."""

from __future__ import annotations

import inspect
import sys
from typing import Any, Final

PRESERVE: Final = "preserve"
"""For `state=` of an upgrade: every state stays the object that it is; nothing converts it."""

RESET: Final = "reset"
"""For `state=` of an upgrade: `init` makes states anew, from what processes were started with; the old are lost."""


def vsn_of(behaviour: type) -> Any:
    """Return the explicit version of *behaviour*: its `__vsn__`, else its module's; None if there is neither."""
    own = getattr(behaviour, "__vsn__", None)
    if own is not None:
        return own
    module = sys.modules.get(behaviour.__module__)
    return module.__dict__.get("__vsn__") if module is not None else None


def code_change(actor: Any, old_vsn: Any, state: Any, extra: Any) -> Any:
    """Call the actor's code_change. One without the argument `extra` is accepted."""
    method = actor.code_change
    if takes_extra(method):
        return method(old_vsn, state, extra)
    return method(old_vsn, state)


def takes_extra(method: Any, *, given: int = 2) -> bool:
    """Whether *method* takes more than the *given* arguments: old_vsn and state, or old_vsn, state and data."""
    code = getattr(getattr(method, "__func__", None), "__code__", None)
    if code is not None and not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return bool(code.co_argcount != 1 + given)  # self comes first
    return len(inspect.signature(method).parameters) != given
