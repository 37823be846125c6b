"""May this source be loaded? The rules find, the policy answers; both are pure, and nothing of the source is run.

The policy judges the *edit*: what the running version does already, the new one may go on doing (`Policy.known` says
what is made of it). So a module that has always written files can be upgraded, and one that begins to has to say so.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from otpy.errors import CompilationFailed
from otpy.safety.edits import edit_of, entries, outline
from otpy.safety.finding import Finding
from otpy.safety.policy import Policy
from otpy.safety.reach import leads_on
from otpy.safety.rules import RULES, Rule
from otpy.safety.source import Source, read

_KEPT: Final = 32

FOLLOWING: Final = frozenset(("import-effects", "blocking", "supervisor-init"))
"""The rules that follow calls: an edit may make them find something where it has changed nothing."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of sources: findings that forbid them, and findings to be told of."""

    refused: tuple[Finding, ...] = ()
    warned: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        lines = [f"refused  {f}" for f in self.refused] + [f"warning  {f}" for f in self.warned]
        return "\n".join(lines) or "nothing found"


def check_sources(
    sources: Mapping[str, str],
    policy: Policy,
    *,
    running: Mapping[str, str] | None = None,
    paths: Mapping[str, str | None] | None = None,
    trees: Mapping[str, ast.Module] | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> Judgement:
    """Judge the new *sources*, by module name, all findings at once.

    *running*: the sources that run now, as far as they are known; of those only what the edit touches is looked at,
    unless the policy refuses what is known. *paths*: the files that new sources are from; *trees*: their syntax
    trees, where somebody has them. *rules* (those of otpy, if none are given) are
    asked as far as *policy* does not turn them off.

    Raises: CompilationFailed, if a new source is no Python; ValueError, if the policy names a rule that there is not.
    """
    rules = RULES if rules is None else rules
    policy.check_names(rules)
    asked = tuple(rule for name, rule in rules.items() if policy.answer(name) != "off")
    refused: list[Finding] = []
    warned: list[Finding] = []
    for module, text in sources.items():
        path = (paths or {}).get(module)
        before = (running or {}).get(module)
        outline(text, path or module, (trees or {}).get(module))
        if before is None or policy.known == "refuse":
            found = tuple((finding, False) for finding in find(module, text, asked, path=path))
        else:
            found = find_in_edit(module, text, before, asked, path=path)
        for finding, known in found:
            match policy.answer_to(finding, known=known):
                case "refuse":
                    refused.append(finding)
                case "warn":
                    warned.append(finding)
                case "off":
                    pass
    return Judgement(tuple(refused), tuple(warned))


def find(module: str, text: str, rules: Iterable[Rule], *, path: str | None = None) -> tuple[Finding, ...]:
    """Return what *rules* find in the source *text* of *module*, from top to bottom; one for each rule and place.

    Raises: CompilationFailed.
    """
    return _ask(rules, read(module, outline(text, path or module), path=path))


@lru_cache(maxsize=_KEPT)
def find_in_edit(
    module: str, text: str, running: str, rules: tuple[Rule, ...], *, path: str | None = None
) -> tuple[tuple[Finding, bool], ...]:
    """Return what *rules* find in what *text* has otherwise than *running*; each with whether that had it too.

    What the edit leaves alone is passed over, unless it is found only now: a call that was there leads to new code.

    Raises: CompilationFailed.
    """
    new = outline(text, path or module)
    try:
        edit = edit_of(new, outline(running, path or module))
    except CompilationFailed:  # another Python than this one has made it run: everything is new
        return tuple((finding, False) for finding in find(module, text, rules, path=path))
    source = read(module, new, path=path, only=entries(*edit.edited))
    found = _ask(rules, source)
    if not found and not leads_on(source, edit, new):
        return ()
    found = _ask(rules, read(module, new, path=path, only=entries(*edit.edited, *edit.leading, *edit.led_to)))
    found = tuple(f for f in found if f.line in edit.lines or f.rule in FOLLOWING)
    if not found:
        return ()
    before = Counter(finding.likeness for finding in find(module, running, rules, path=path))
    judged: list[tuple[Finding, bool]] = []
    for finding in found:  # of equal ones, as many as were there before are known
        known = before[finding.likeness] > 0
        before[finding.likeness] -= 1
        if not known or finding.line in edit.lines:
            judged.append((finding, known))
    return tuple(judged)


def _ask(rules: Iterable[Rule], source: Source) -> tuple[Finding, ...]:
    found = {(f.line, f.column, f.rule): f for rule in rules for f in rule.check(source)}
    return tuple(sorted(found.values()))
