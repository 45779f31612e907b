"""What a look changes about an incident: its kind, and since when a rule matches."""

from __future__ import annotations

from datetime import timedelta

from tests.conftest import NOON, Records

from recoverops.model import Hypothesis, IncidentKind, Reason
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


def test_a_look_that_found_nothing_changes_nothing(a: Records) -> None:
    first = as_seen(a.incident(), look(a, kind=IncidentKind.HIGH_CPU, rule="restart"), now=NOON)
    assert as_seen(first, look(a), now=LATER) == first
