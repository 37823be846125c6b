"""What an upgrade may do: a value that can be printed, compared, stored and read from a TOML table.

A policy answers to each rule for sources (rules.py): refuse, warn or off. It names what is allowed all the same, and
puts limits on plans (limits.py) and on effects in a rehearsal (effects.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from otpy.analysis.risk import RISK_LEVELS, RiskLevel
from otpy.code.verdicts import Verdict
from otpy.safety.finding import Finding

Answer: TypeAlias = Literal["refuse", "warn", "off"]
Preset: TypeAlias = Literal["advice", "standard", "strict"]

_DANGEROUS: Final = (
    "system",
    "files",
    "unsupervised",
    "sockets",
    "dynamic-code",
    "patching",
    "import-effects",
    "supervisor-init",
)
_DOUBTFUL: Final = ("import-calls", "blocking", "insides")

VERDICTS: Final[tuple[Verdict, ...]] = (
    "unchanged",
    "documented",
    "kept",
    "body",
    "added",
    "attribute",
    "signature",
    "decorator",
    "property",
    "value",
    "derived",
    "removed",
    "shape",
    "behaviour",
    "cannot",
)
"""What can become of a definition, from the harmless to the risky."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """Something that is allowed although a rule finds it.

    *rule* is the name of a rule; *what* a glob for the code that is found, `subprocess.run*`; *modules* a glob for the
    module in which it stands. *why* is for readers.
    """

    rule: str
    what: str = "*"
    modules: str = "*"
    why: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether *finding* is what is allowed."""
        return (
            self.rule == finding.rule
            and fnmatchcase(finding.code, self.what)
            and fnmatchcase(finding.module, self.modules)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an upgrade may do. The default refuses what is dangerous, and warns of what may be.

    *refuse* and *warn* are names of rules (`otpy.safety.RULES`); rules in neither are off. *known* is the answer to
    what would be refused if the running version did not do it already. *allow_dangerous* turns every refusal of a
    source into a warning. *allow* names exceptions.

    Limits on what an upgrade would do, which *allow_dangerous* leaves alone, and which do not bind the way back:
    *protected_modules* are globs of modules that no upgrade may change; *max_pause_s* is the longest expected pause of
    a process in seconds; *riskiest_verdict* the riskiest change of a definition that is allowed
    (`otpy.safety.VERDICTS` has them in order); *max_risk* the highest risk of a plan. None: no limit.

    *effects* are the kinds of effects on the world that a rehearsal may have: "file", "socket", "process", "thread",
    "system"; *otpy_effects* the functions of otpy that a rehearsal may call: "send", "start_link".
    """

    refuse: tuple[str, ...] = _DANGEROUS
    warn: tuple[str, ...] = _DOUBTFUL
    known: Answer = "warn"
    allow_dangerous: bool = False
    allow: tuple[Allow, ...] = ()
    protected_modules: tuple[str, ...] = ()
    max_pause_s: float | None = None
    riskiest_verdict: Verdict | None = None
    max_risk: RiskLevel | None = None
    effects: tuple[str, ...] = ()
    otpy_effects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        both = sorted(set(self.refuse) & set(self.warn))
        if both:
            msg = f"a policy answers a rule once, and {', '.join(both)} is both in refuse and in warn"
            raise ValueError(msg)
        if self.max_pause_s is not None and not self.max_pause_s >= 0:
            msg = f"max_pause_s is seconds, 0 or more, or None for no limit; not {self.max_pause_s!r}"
            raise ValueError(msg)
        orders: tuple[tuple[str, tuple[str, ...]], ...] = (("riskiest_verdict", VERDICTS), ("max_risk", RISK_LEVELS))
        for name, order in orders:
            if getattr(self, name) not in (None, *order):
                msg = f"{name} is one of {', '.join(order)}, or None for no limit; not {getattr(self, name)!r}"
                raise ValueError(msg)

    @property
    def has_limits(self) -> bool:
        """Whether it limits what an upgrade may do; else nobody needs to find out beforehand what it would do."""
        limits = (self.max_pause_s, self.riskiest_verdict, self.max_risk)
        return bool(self.protected_modules) or any(limit is not None for limit in limits)

    def answer(self, rule: str) -> Answer:
        """What becomes of findings of *rule*."""
        if rule in self.refuse:
            return "warn" if self.allow_dangerous else "refuse"
        return "warn" if rule in self.warn else "off"

    def answer_to(self, finding: Finding, *, known: bool = False) -> Answer:
        """What becomes of *finding*; *known* says that the running version has it too."""
        if any(each.covers(finding) for each in self.allow):
            return "off"
        answer = self.answer(finding.rule)
        return self.known if known and answer == "refuse" else answer

    def check_names(self, rules: Collection[str]) -> None:
        """Raise ValueError if the policy names a rule that is not among *rules*."""
        named = (*self.refuse, *self.warn, *(each.rule for each in self.allow))
        unknown = sorted(set(named) - set(rules))
        if unknown:
            msg = f"no rule is called {', '.join(map(repr, unknown))}; there are {', '.join(sorted(rules))}"
            raise ValueError(msg)

    def __str__(self) -> str:
        lines = [f"refuses: {', '.join(self.refuse) or 'nothing'}", f"warns of: {', '.join(self.warn) or 'nothing'}"]
        if self.allow_dangerous:
            lines.append("allow_dangerous: what it refuses, it only warns of")
        lines.append(f"what the running version does already: {self.known}")
        lines += [f"allows: {a.rule}: {a.what} in {a.modules}{f' ({a.why})' if a.why else ''}" for a in self.allow]
        if self.protected_modules:
            lines.append(f"protects: {', '.join(self.protected_modules)}")
        if self.max_pause_s is not None:
            lines.append(f"longest pause: {self.max_pause_s} s")
        if self.riskiest_verdict is not None:
            lines.append(f"riskiest verdict: {self.riskiest_verdict}")
        if self.max_risk is not None:
            lines.append(f"highest risk: {self.max_risk}")
        if self.effects:
            lines.append(f"effects allowed in a rehearsal: {', '.join(self.effects)}")
        if self.otpy_effects:
            lines.append(f"calls of otpy allowed in a rehearsal: {', '.join(self.otpy_effects)}")
        return "\n".join(lines)


PRESETS: Final[dict[str, Policy]] = {
    "advice": Policy(
        refuse=("import-effects", "supervisor-init"),
        warn=("system", "files", "unsupervised", "sockets", "dynamic-code", "patching", "import-calls", "blocking"),
    ),
    "standard": Policy(),
    "strict": Policy(refuse=(*_DANGEROUS, *_DOUBTFUL), warn=(), known="refuse"),
}
"""Policies to begin with: "advice" refuses only effects at import and in a supervisor's init; "standard" is the
default; "strict" refuses whatever any rule finds, also in what runs already."""
