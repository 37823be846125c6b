"""Random plans, for what must hold of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from hypothesis import strategies as st

from otpy.analysis.risk import RISK_LEVELS
from otpy.analysis.state_shape import FieldFacts, ShapeChange
from otpy.code.verdicts import DefinitionChange, Verdict
from otpy.planning.checks import digest
from otpy.planning.options import PlanOptions
from otpy.planning.plan import (
    ApplyPlan,
    BehaviourPlan,
    ChildAction,
    ChildPlan,
    Migration,
    ModulePlan,
    Plan,
    PlanFacts,
    Refusal,
    SupervisorPlan,
)

NAMES = ("shop", "shop.cart", "prices", "api")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
few_texts = st.lists(texts, max_size=2).map(tuple)
seconds = st.floats(0.001, 1e6)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
options = st.builds(
    PlanOptions,
    strategy=st.sampled_from(["atomic", "rolling", "canary"]),
    state=st.sampled_from(["auto", "preserve", "reset", "shop.steps:convert"]),
    extra=plain,
    suspend_timeout=seconds,
    code_change_timeout=seconds,
    timeout=seconds,
    rehearse=st.booleans(),
    allow_dangerous=st.booleans(),
)
fields = st.builds(FieldFacts, texts, texts, texts)
shapes = st.builds(
    ShapeChange,
    type=texts,
    added=st.lists(fields, max_size=2).map(tuple),
    removed=few_texts,
    renamed=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    retyped=st.lists(st.tuples(texts, texts, texts), max_size=2).map(tuple),
    always=st.booleans(),
)
children = st.builds(
    ChildPlan,
    id=texts,
    action=st.sampled_from(get_args(ChildAction)),
    fields=few_texts,
    start=texts,
    irreversible=texts,
)
supervisors = st.builds(
    SupervisorPlan,
    supervisor=texts,
    number=st.integers(0, 99),
    behaviour=st.sampled_from(["", *NAMES]),
    children=st.lists(children, max_size=2).map(tuple),
    flags=st.lists(st.tuples(texts, texts, texts), max_size=1).map(tuple),
    reordered=st.booleans(),
)
applies = st.builds(
    ApplyPlan, function=texts, args=st.lists(plain, max_size=2), when=st.sampled_from(["before", "after"])
)


def _module(name: str) -> st.SearchStrategy[ModulePlan]:
    return texts.flatmap(
        lambda source: st.builds(
            ModulePlan,
            name=st.just(name),
            source=st.just(source),
            new_sha256=st.just(digest(source)),
            old_sha256=st.sampled_from(["", digest("old")]),
            new_vsn=texts,
            old_vsn=texts,
            path=texts,
            purge=st.sampled_from(["soft", "brutal"]),
        )
    )


def _behaviour(name: str, modules: Sequence[str]) -> st.SearchStrategy[BehaviourPlan]:
    return st.builds(
        BehaviourPlan,
        behaviour=st.just(name),
        module=texts,
        processes=st.integers(0, 2**40),
        because=st.lists(st.sampled_from(modules), max_size=2, unique=True).map(tuple),
        pauses=st.booleans(),
        migration=st.sampled_from(get_args(Migration)),
        path=few_texts,
        shapes=st.lists(shapes, max_size=2).map(tuple),
        extra=plain,
        suspend_timeout=st.none() | seconds,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any plan that fits together."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    definitions = st.builds(
        DefinitionChange,
        module=st.sampled_from(names),
        name=texts,
        verdict=st.sampled_from(get_args(Verdict)),
        line=st.integers(1, 9999),
        detail=texts,
        advice=texts,
    )
    behaviours = draw(st.lists(st.sampled_from(["a.A", "b.B", "c.C"]), unique=True))
    refusals = st.builds(
        Refusal,
        where=texts,
        reason=texts,
        advice=texts,
        modules=st.lists(st.sampled_from(names), max_size=2).map(tuple),
    )
    facts = PlanFacts(
        modules=draw(st.dictionaries(st.sampled_from(NAMES), texts)),
        dependents=draw(few_texts),
        behaviours=tuple(behaviours),
        children=draw(st.dictionaries(texts, texts, max_size=2)),
    )
    return Plan(
        modules=tuple(draw(_module(name)) for name in names),
        definitions=tuple(draw(st.lists(definitions, max_size=4))),
        dependents=draw(few_texts),
        behaviours=tuple(draw(_behaviour(name, names)) for name in behaviours),
        supervisors=tuple(draw(st.lists(supervisors, max_size=2))),
        applies=tuple(draw(st.lists(applies, max_size=1))),
        warnings=draw(few_texts),
        refusals=tuple(draw(st.lists(refusals, max_size=2))),
        options=draw(options),
        pause_kind=draw(st.sampled_from(["nobody", "edit", "migrate"])),
        expected_pause_s=draw(st.floats(0, 1e6)),
        risk=draw(st.sampled_from(RISK_LEVELS)),
        risk_reasons=draw(few_texts),
        created_at=draw(texts),
        made_for=facts,
        fingerprint=facts.fingerprint,
    )
