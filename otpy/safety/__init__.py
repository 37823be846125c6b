"""The public module `otpy.safety`: may this upgrade be done?

Policies as values, rules for sources, limits on plans, and effects on the world while code is only tried out. What is
found is advice for friends, told before anything runs; it is no fence for strangers, who can hide anything from it.
"""

from __future__ import annotations

from otpy.safety.checks import Judgement, check_sources
from otpy.safety.effects import KINDS, Effect, watched
from otpy.safety.finding import Finding
from otpy.safety.limits import Limit, check_plan
from otpy.safety.policy import PRESETS, VERDICTS, Allow, Policy
from otpy.safety.rules import RULES, Rule
from otpy.safety.source import Source
from otpy.safety.tables import policy_from, read_policy

__all__ = [
    "KINDS",
    "PRESETS",
    "RULES",
    "VERDICTS",
    "Allow",
    "Effect",
    "Finding",
    "Judgement",
    "Limit",
    "Policy",
    "Rule",
    "Source",
    "check_plan",
    "check_sources",
    "policy_from",
    "read_policy",
    "watched",
]
