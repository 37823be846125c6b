"""Whether a plan fits together: what msgspec cannot see when it reads one that was edited by hand. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from otpy.errors import BadPlan
from otpy.planning.options import is_plain

if TYPE_CHECKING:
    from otpy.planning.plan import BehaviourPlan, ModulePlan, Plan

T = TypeVar("T")


def read(convert: Callable[[], T]) -> T:
    """Return what *convert* reads with msgspec. Raises: BadPlan, naming the place in the JSON."""
    try:
        return convert()
    except msgspec.ValidationError as error:
        cause = error.__cause__
        problems = cause.problems if isinstance(cause, BadPlan) else (place_of(error),)
        raise BadPlan([f"the plan cannot be read: {problem}" for problem in problems]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPlan([f"the plan is no JSON: {error}"]) from None


def place_of(error: msgspec.ValidationError) -> str:
    """Return what msgspec says (`Expected …, got … - at `$.modules[0]``) with the place first."""
    message = str(error)
    what, at, place = message.partition(" - at `$")
    return f"{place.rstrip('`').lstrip('.') or 'top'}: {what}" if at else what


def digest(source: str) -> str:
    """Return the sha256 of a text, as plans and versions have it."""
    return sha256(source.encode(errors="surrogatepass")).hexdigest()


def problems_of(plan: Plan) -> Iterator[str]:
    """Yield everything in *plan* that does not fit together, each with its place and what to do."""
    yield from _twice("modules", [module.name for module in plan.modules])
    yield from _twice("behaviours", [each.behaviour for each in plan.behaviours])
    for number, module in enumerate(plan.modules):
        yield from _of_module(f"modules[{number}]", module)
    names = {module.name for module in plan.modules}
    for number, change in enumerate(plan.definitions):
        if change.module not in names:
            yield (
                f"definitions[{number}] is about {change.module}, which is not among the modules; take it out too "
                "(plan.without does both)"
            )
    for number, behaviour in enumerate(plan.behaviours):
        yield from _of_behaviour(f"behaviours[{number}]", behaviour, names)
    if plan.expected_pause_s < 0:
        yield f"expected_pause_s is {plan.expected_pause_s}; give seconds, 0 or more"
    if plan.fingerprint not in ("", plan.made_for.fingerprint):
        yield "made_for was edited: it says what ran when the plan was made; make the plan anew instead"


def _twice(what: str, names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{what} has {name} {count} times; keep one of them"


def _of_module(place: str, module: ModulePlan) -> Iterator[str]:
    if not all(part.isidentifier() for part in module.name.split(".")):
        yield f"{place}.name is {module.name!r}; give it as in `import`, such as 'shop.cart'"
    if module.new_sha256 != digest(module.source):
        yield (
            f"{place}.source of {module.name} is not the text that the plan was made for; make the plan anew from the "
            "edited text, as its verdicts may be others"
        )


def _of_behaviour(place: str, behaviour: BehaviourPlan, modules: set[str]) -> Iterator[str]:
    if behaviour.processes < 0:
        yield f"{place}.processes is {behaviour.processes}; give how many there are, 0 or more"
    for name in behaviour.because:
        if name not in modules:
            yield f"{place}.because names {name}, which is not among the modules"
    if not is_plain(behaviour.extra):
        yield f"{place}.extra is {behaviour.extra!r}; a plan keeps only what JSON has"
    timeout = behaviour.suspend_timeout
    if timeout is not None and not 0 < timeout < float("inf"):
        yield f"{place}.suspend_timeout is {timeout!r}; give seconds, more than 0"
