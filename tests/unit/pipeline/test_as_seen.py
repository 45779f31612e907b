"""What a look changes about an incident: its kind, and since when a rule matches."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from tests.conftest import NOON, Records

from recoverops.model import Hypothesis, IncidentKind, Reason, RuleVerdict
from recoverops.pipeline.assess import Assessment
from recoverops.pipeline.deciding import as_seen

LATER = NOON + timedelta(seconds=30)


def look(a: Records, *, kind: IncidentKind | None = None, rule: str | None = None) -> Assessment:
    found = (Hypothesis(cause=kind, resource=a.service(), confidence=0.7, evidence=()),) if kind else ()
    return Assessment(hypotheses=found, rules=(), reason=Reason.OK, statement="", rule=rule)


def test_the_hold_counts_from_the_first_match_of_a_rule_whatever_the_kind_becomes(a: Records) -> None:
    first = as_seen(a.incident(), look(a, kind=IncidentKind.HIGH_CPU, rule="restart"), now=NOON)
    assert (first.kind, first.rule, first.rule_since) == (IncidentKind.HIGH_CPU, "restart", NOON)
    other_kind = as_seen(first, look(a, kind=IncidentKind.MEMORY_LEAK, rule="restart"), now=LATER)
    assert (other_kind.kind, other_kind.rule_since) == (IncidentKind.MEMORY_LEAK, NOON)
    other_rule = as_seen(other_kind, look(a, kind=IncidentKind.MEMORY_LEAK, rule="free-disk"), now=LATER)
    assert (other_rule.rule, other_rule.rule_since) == ("free-disk", LATER)


def test_a_rule_that_no_longer_matches_holds_anew_when_it_does_again(a: Records) -> None:
    first = as_seen(a.incident(), look(a, rule="restart"), now=NOON)
    refused = (RuleVerdict(rule="restart", answer="not_matched", statement="age_seconds > 60.0 is false"),)
    none = as_seen(first, msgspec.structs.replace(look(a), rules=refused, reason=Reason.NO_RULE_MATCHED), now=LATER)
    assert (none.rule, none.rule_since) == ("", None)
    unknown = as_seen(first, msgspec.structs.replace(look(a), rules=refused, reason=Reason.RULE_UNKNOWN), now=LATER)
    assert (unknown.rule, unknown.rule_since) == ("restart", NOON)
    assert as_seen(none, look(a, rule="restart"), now=LATER).rule_since == LATER


def test_a_look_that_found_nothing_changes_nothing(a: Records) -> None:
    first = as_seen(a.incident(), look(a, kind=IncidentKind.HIGH_CPU, rule="restart"), now=NOON)
    assert as_seen(first, look(a), now=LATER) == first
