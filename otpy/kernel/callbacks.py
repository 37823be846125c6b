"""The functions of otpy that run the callbacks of a process, and take whatever these raise as the end of it.

Code of users that has none but these under it can be ended by an exception: what then happens is what happens when it
raises by itself (see interrupts.py). Whatever else of otpy is in between may hold something half done.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any, Final, TypeVar

FunctionT = TypeVar("FunctionT")

_running: Final[set[CodeType]] = set()
_trying: Final[set[CodeType]] = set()


def runs_callbacks(function: FunctionT) -> FunctionT:
    """Note *function*, and what is defined in it, as such a function; of a class, all that it defines."""
    for each in vars(function).values() if isinstance(function, type) else (function,):
        if isinstance(each, FunctionType):
            _running.update(_codes(each.__code__))
    return function


def runs_trials(function: Any) -> Any:
    """Note *function* as one that throws the outcome of what it runs away if that raises, through whatever of otpy."""
    _trying.update(_codes(function.__code__))
    return runs_callbacks(function)


def is_running(code: CodeType) -> bool:
    """Whether *code* is that of a function that runs callbacks."""
    return code in _running


def is_trying(code: CodeType) -> bool:
    """Whether *code* is that of a function that runs trials."""
    return code in _trying


def _codes(code: CodeType) -> set[CodeType]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return {code}.union(*map(_codes, inner))
