"""The JSON forms of values and exit reasons, both ways.

The recordings write Erlang's terms as JSON: a tuple is an array, a list an array that begins with `"$list"`, an atom a
string. Reading gives a tuple, a list and a string. Reasons that mean something are values of their own in otpy
(`Normal()`, `Shutdown(detail)`, …), and what Erlang puts into a reason as a stack trace is the exception here; a
`Writer` brings both back to the recorded words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

import otpy

Form: TypeAlias = Any
Milliseconds: TypeAlias = float
NameOf: TypeAlias = Callable[[otpy.Pid], str]

STACK = "$stack"
CALL = "$call"
LIST = "$list"

_ATOMS: dict[Form, Callable[[], Any]] = {
    "normal": otpy.Normal,
    "shutdown": otpy.Shutdown,
    "kill": otpy.Kill,
    "killed": otpy.Killed,
    "noproc": otpy.NoProc,
}
_PAIR = 2


class Raised(Exception):
    """An error raised by a script: it carries a term, as every error does in Erlang."""

    def __init__(self, payload: Any, kind: str = "error") -> None:
        super().__init__(payload)
        self.payload = payload
        self.kind = kind


# -- reading ---------------------------------------------------------------------------------------


def to_value(form: Form) -> Any:
    """Return the value that *form* stands for."""
    if isinstance(form, list):
        items: list[Any] = [to_value(item) for item in form]
        return items[1:] if items[:1] == [LIST] else tuple(items)
    if isinstance(form, dict):
        return {key: to_value(item) for key, item in form.items()}
    return form


def to_reason(form: Form) -> Any:
    """Return the exit reason that *form* stands for."""
    if isinstance(form, str):
        return _ATOMS[form]() if form in _ATOMS else form
    if isinstance(form, list) and len(form) == _PAIR and form[0] == "shutdown":
        return otpy.Shutdown(to_value(form[1]))
    return to_value(form)


def to_seconds(form: Form) -> float | None:
    """Return the time that *form*, in milliseconds or "infinity", stands for."""
    return None if form == "infinity" else form / 1000


# -- writing ---------------------------------------------------------------------------------------


class Writer:
    """Writes values and exit reasons in their JSON forms; *name_of* names the pids in them."""

    def __init__(self, name_of: NameOf = repr) -> None:
        self.name_of = name_of

    def form(self, term: Any) -> Form:
        """Return the form of the value or exit reason *term*."""
        match term:
            case tuple():
                return self.items(term)
            case list():
                return [LIST, *self.items(term)]
            case dict():
                return {key: self.form(item) for key, item in term.items()}
            case otpy.Pid():
                return self.name_of(term)
            case None:
                return "undefined"
            case BaseException():
                return self._error_form(term)
            case msgspec.Struct():
                return self._struct_form(term)
            case _:
                return term

    def items(self, terms: Iterable[Any]) -> list[Form]:
        """Return the forms of *terms*."""
        return [self.form(term) for term in terms]

    def bad_return(self, error: otpy.BadReturn) -> Form:
        """Return the reason of what ended because a callback returned junk."""
        return ["bad_return_value", self.form(error.value)]

    def failed_call(self, error: otpy.CallError) -> Form:
        """Return the reason that a failed call gives its caller, without the part that names the call."""
        match error:
            case otpy.NoProcess():
                return "noproc"
            case otpy.CallTimeout():
                return "timeout"
            case otpy.ServerExited():
                return self.form(error.reason)
            case otpy.CallingSelf():
                return "calling_self"
            case _:
                return f"{type(error).__name__}: {error}"

    def _error_form(self, error: BaseException) -> Form:
        match error:
            case Raised():
                return [self.form(error.payload), STACK]
            case otpy.CallError():
                return [self.failed_call(error), CALL]
            case otpy.BadReturn():
                return self.bad_return(error)
            case otpy.BadChildSpec():
                return self._bad_specs(error)
            case otpy.BadSupFlags():
                return ["supervisor_data", self.form(error.reason)]
            case otpy.AlreadyStarted():
                return ["already_started", self.form(error.pid)]
            case otpy.StartTimeout():
                return "timeout"
            case _:  # nothing that a script raises: it shows up as a difference that reads well
                return [f"{type(error).__name__}: {error}", STACK]

    def _bad_specs(self, error: otpy.BadChildSpec) -> Form:
        """Return why a supervisor did not start. A whole list of specs that is junk is not recorded itself."""
        match error.reason:
            case ("bad_start_spec", _):
                return ["bad_start_spec", "$specs"]
            case _:
                return ["start_spec", self.refusal(error)]

    def refusal(self, error: otpy.BadChildSpec) -> Form:
        """Return why a child spec is refused: an atom, or a tuple with what was given."""
        match error.reason:
            case (str(atom),):
                return atom
            case reason:
                return self.form(reason)

    def _struct_form(self, term: msgspec.Struct) -> Form:
        match term:
            case otpy.Normal():
                return "normal"
            case otpy.Shutdown(None):
                return "shutdown"
            case otpy.Shutdown(otpy.CallError() as error):
                return self.form(error)
            case otpy.Shutdown(detail):
                return ["shutdown", self.form(detail)]
            case otpy.Kill():
                return "kill"
            case otpy.Killed():
                return "killed"
            case otpy.NoProc():
                return "noproc"
            case otpy.Crash(error):
                return self.form(error)
            case otpy.supervisor.FailedToStartChild(name, reason):
                return ["failed_to_start_child", self.form(name), self.form(reason)]
            case _:
                return self._result_form(term)

    def _result_form(self, term: msgspec.Struct) -> Form:
        """Return the tuple that Erlang has for a result of a callback."""
        match term:
            case otpy.Ignore():
                return "ignore"
            case otpy.Ok(state, then):
                return ["ok", self.form(state), *self._then(then)]
            case otpy.Reply(value, state, then):
                return ["reply", self.form(value), self.form(state), *self._then(then)]
            case otpy.NoReply(state, then):
                return ["noreply", self.form(state), *self._then(then)]
            case otpy.Stop(reason, state, reply):
                return ["stop", *self.items(part for part in (reason, reply, state) if part is not otpy.UNSET)]
            case _:
                return self.form(msgspec.to_builtins(term))

    def _then(self, then: Any) -> list[Form]:
        match then:
            case None:
                return []
            case otpy.Hibernate():
                return ["hibernate"]
            case otpy.After(seconds):
                return [round(seconds * 1000)]
            case otpy.Continue(arg):
                return [["continue", self.form(arg)]]
            case _:
                return [self.form(then)]
