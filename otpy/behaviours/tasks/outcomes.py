"""What comes of a task: the message to its owner, and the values that say whether it gave a result.

Source: Elixir task.ex: `{ref, result}`, `{:ok, result}`, `{:exit, reason}`.
"""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from otpy.kernel.pid import Ref

T = TypeVar("T")


class TaskReply(NamedTuple):
    """The message that brings its owner the result *value* of the task whose `ref` this is.

    Only who does not wait for the task sees it, such as a server in its `handle_info`; a Down message with the same
    ref follows, or comes alone if there is no result.
    """

    ref: Ref
    value: Any


class Done(msgspec.Struct, Generic[T], frozen=True):
    """The task has ended, with this result."""

    value: T


class Exited(msgspec.Struct, frozen=True):
    """The task has ended without a result, with this exit reason."""

    reason: Any


Outcome: TypeAlias = Done[T] | Exited
