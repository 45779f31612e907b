"""Which rule is chosen, and what is kept of the others."""

from __future__ import annotations

import pytest
from tests.unit.decision.builders import rule

from recoverops.decision import ConditionFacts, RuleBook, RuleFile
from recoverops.model import MisconfiguredError, Mode

FACTS = ConditionFacts(
    kind="service_down",
    severity="critical",
    confidence=0.75,
    resource={"name": "checkout"},
    symptom="availability",
    age_seconds=1.0,
    metrics={},
)
YES, NO, WHO_KNOWS = 'kind == "service_down"', 'kind == "unknown"', "metrics.gone > 1.0"


def book(*conditions: str) -> RuleBook:
    return RuleBook(rule(name=f"rule-{number}", when=when) for number, when in enumerate(conditions))


@pytest.mark.parametrize(
    ("conditions", "chosen", "answers", "is_unknown"),
    [
        ((), None, [], False),
        ((NO,), None, ["not_matched"], False),
        ((NO, YES, YES), "rule-1", ["not_matched", "matched"], False),
        ((WHO_KNOWS, YES), "rule-1", ["unknown", "matched"], False),
        ((NO, WHO_KNOWS), None, ["not_matched", "unknown"], True),
    ],
)
def test_the_first_rule_that_is_true_decides_and_every_asked_one_has_a_verdict(
    conditions: tuple[str, ...], chosen: str | None, answers: list[str], is_unknown: bool
) -> None:
    choice = book(*conditions).choose(FACTS)

    assert (choice.rule.name if choice.rule else None) == chosen
    assert [verdict.answer for verdict in choice.verdicts] == answers
    assert all(verdict.statement for verdict in choice.verdicts)
    assert choice.is_unknown is is_unknown


def test_a_book_with_a_condition_that_does_not_compile_is_refused() -> None:
    with pytest.raises(MisconfiguredError, match="knd"):
        book(YES, "knd == 1")


def test_the_digest_changes_with_a_rule_and_with_the_order() -> None:
    digests = {book(YES, NO).digest, book(NO, YES).digest, book(YES).digest}
    bolder = RuleBook([rule(name="rule-0", when=YES, mode=Mode.ASK)]).digest

    assert len({*digests, bolder}) == 4
    assert book(YES, NO).digest == book(YES, NO).digest


def test_a_rule_without_a_mode_asks() -> None:
    file = RuleFile.model_validate({"version": 1, "rules": [{"name": "a", "when": "true", "runbook": "b"}]})

    assert file.rules[0].mode is Mode.ASK


def test_a_rule_is_found_by_its_name() -> None:
    found = book(YES, NO)

    assert found.rule("rule-1") == found.rules[1]
    assert found.rule("rule-9") is None
