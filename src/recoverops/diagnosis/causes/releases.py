"""A release that broke it."""

from __future__ import annotations

from recoverops.diagnosis.causes.logs import HURTS, recent_releases
from recoverops.diagnosis.facts import Facts
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind


def bad_deployment(facts: Facts) -> Hypothesis | None:
    """It was switched to another release shortly before, and since then it fails: by its answers, or altogether.

    That it was switched may be seen on the host, or be told by an event of the cloud; both together are surer.
    """
    releases = recent_releases(facts)
    hurts = [one for metric in HURTS if (one := facts.get(metric)) is not None and one.is_bad]
    if not releases or not hurts:
        return None
    errors = facts.get("log.errors")
    return hypothesis(
        IncidentKind.BAD_DEPLOYMENT,
        facts,
        supporting=[*releases, *hurts, errors if errors is not None and errors.value else None],
    )
