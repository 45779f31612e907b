"""What customers feel, when nothing more specific explains it: errors and slowness."""

from __future__ import annotations

from recoverops.diagnosis.facts import Facts
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind

ERRORS, LATENCY = "errors", "latency"


def error_burst(facts: Facts) -> Hypothesis | None:
    return _of_symptom(IncidentKind.ERROR_BURST, ERRORS, facts)


def slow_responses(facts: Facts) -> Hypothesis | None:
    return _of_symptom(IncidentKind.SLOW_RESPONSES, LATENCY, facts)


def _of_symptom(cause: IncidentKind, symptom: str, facts: Facts) -> Hypothesis | None:
    seen = facts.seen(symptom)
    return hypothesis(
        cause, facts, supporting=[one for one in seen if one.is_bad], against=[one for one in seen if not one.is_bad]
    )
