"""Chooses the rule. Pure: rules and facts in, the rule and every rule's verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recoverops.decision.condition import ConditionFacts, RuleCondition, Truth
from recoverops.decision.settings import Rule
from recoverops.model import RuleVerdict, digest

_WORDS = {Truth.TRUE: "matched", Truth.FALSE: "not_matched", Truth.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    rule: Rule | None
    verdicts: tuple[RuleVerdict, ...]

    @property
    def is_unknown(self) -> bool:
        """No rule matched, and at least one could not be judged."""
        return self.rule is None and any(verdict.answer == "unknown" for verdict in self.verdicts)


class RuleBook:
    """The rules with their compiled conditions, in the order they are asked."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises MisconfiguredError when a condition does not compile."""
        self._rules: Mapping[str, tuple[Rule, RuleCondition]] = {
            rule.name: (rule, RuleCondition.compile(rule.when)) for rule in rules
        }
        self.digest = digest(*(rule.model_dump_json() for rule, _ in self._rules.values()))

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule, _ in self._rules.values())

    @property
    def conditions(self) -> Mapping[str, RuleCondition]:
        """By the name of the rule."""
        return {name: condition for name, (_, condition) in self._rules.items()}

    def rule(self, name: str) -> Rule | None:
        found = self._rules.get(name)
        return found[0] if found else None

    def choose(self, facts: ConditionFacts) -> Choice:
        """The first rule whose condition is true. Later rules are not asked."""
        verdicts: list[RuleVerdict] = []
        for rule, condition in self._rules.values():
            answer = condition.evaluate(facts)
            verdicts.append(RuleVerdict(rule=rule.name, answer=_WORDS[answer.truth], statement=answer.statement))
            if answer.truth is Truth.TRUE:
                return Choice(rule=rule, verdicts=tuple(verdicts))
        return Choice(rule=None, verdicts=tuple(verdicts))
