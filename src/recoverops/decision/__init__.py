"""Rules and safety gates: what may be done, and why not. Pure."""

from __future__ import annotations

from recoverops.decision.condition import ConditionFacts, RuleCondition
from recoverops.decision.decide import Conclusion, decide
from recoverops.decision.facts import Facts
from recoverops.decision.gates import GATES
from recoverops.decision.rules import Choice, RuleBook
from recoverops.decision.settings import OWN_PARTS, REQUESTED, DecisionSettings, Rule, RuleFile, requested_rule

__all__ = [
    "GATES",
    "OWN_PARTS",
    "REQUESTED",
    "Choice",
    "Conclusion",
    "ConditionFacts",
    "DecisionSettings",
    "Facts",
    "Rule",
    "RuleBook",
    "RuleCondition",
    "RuleFile",
    "decide",
    "requested_rule",
]
