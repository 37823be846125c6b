"""Hooks that cost nothing until somebody listens.

`attach(name, fn)` calls `fn(**facts)` at each event of that name, in the thread where it happens. A hook should be
quick; one that raises is logged and stays attached. Events: `process.exit` (pid, reason: after the death is decided,
before links and monitors are told), `process.crash` (pid, reason, report), `handler.crash` (pid of the event manager,
handler, reason, report), `supervisor.*`, `application.start`, `application.stop`, `application.exit` and
`application.start_failed` (application, type, …), `runtime.blocked`, `runtime.promoted`, `loop.blocked` (pid,
behaviour, where, seconds so far), `upgrade.*`. Source: the manner of BEAM's `telemetry`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["attach", "emit", "listened"]

Hook: TypeAlias = Callable[..., object]

_log = logging.getLogger("otpy.events")
_hooks: dict[str, tuple[Hook, ...]] = {}
_changing = threading.Lock()  # for who changes them; who emits takes the tuple that there is


def attach(name: str, hook: Hook) -> Callable[[], None]:
    """Call *hook* with the facts of each event *name*; the returned function takes it away again."""
    with _changing:
        _hooks[name] = (*_hooks.get(name, ()), hook)

    def detach() -> None:
        with _changing:
            left = tuple(h for h in _hooks.get(name, ()) if h is not hook)
            if left:
                _hooks[name] = left
            else:
                _hooks.pop(name, None)

    return detach


def listened(name: str) -> bool:
    """Whether anybody listens to *name*; ask before gathering facts that cost something."""
    return name in _hooks


def emit(name: str, **facts: Any) -> None:
    """Tell the hooks of *name*."""
    for hook in _hooks.get(name, ()):
        try:
            hook(**facts)
        except Exception:  # noqa: BLE001 - a hook is somebody else's code, and must not hurt who it looks at
            _log.exception("the hook %r of event %r failed", hook, name)
