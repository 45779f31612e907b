"""A release that broke it."""

from __future__ import annotations

from recoverops.diagnosis.causes.logs import HURTS, recent_release
from recoverops.diagnosis.facts import Facts
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind


def bad_deployment(facts: Facts) -> Hypothesis | None:
    """It was switched to another release shortly before, and since then it fails: by its answers, or altogether."""
    release = recent_release(facts)
    hurts = [one for metric in HURTS if (one := facts.get(metric)) is not None and one.is_bad]
    if release is None or not hurts:
        return None
    errors = facts.get("log.errors")
    return hypothesis(
        IncidentKind.BAD_DEPLOYMENT,
        facts,
        supporting=[release, *hurts, errors if errors is not None and errors.value else None],
    )
