"""The trouble is somewhere else: a service that this one needs is in trouble itself."""

from __future__ import annotations

from recoverops.diagnosis.causes.logs import HURTS
from recoverops.diagnosis.facts import Facts
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind


def dependency_down(facts: Facts) -> Hypothesis | None:
    """Aims at the dependency with the most trouble. A service that does not run itself has trouble of its own."""
    running = facts.get("service.running")
    hurts = [one for metric in HURTS if (one := facts.get(metric)) is not None and one.is_bad]
    if (running is not None and running.is_bad) or not hurts:
        return None
    resource = max(facts.dependencies, key=lambda one: len(facts.dependencies[one]), default=None)
    if resource is None or not facts.dependencies[resource]:
        return None
    said = facts.get("log.dependency")
    return hypothesis(
        IncidentKind.DEPENDENCY_DOWN,
        facts,
        supporting=[*hurts, *facts.dependencies[resource], said if said is not None and said.value else None],
        resource=resource,
    )
