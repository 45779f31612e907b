"""From observations for and against a cause to a hypothesis.

Confidence is the rule of succession (Laplace): with `n` observations, `k` of them for the cause, it is
(k + 1) / (n + 2). Two of two give 0.75, one of one 0.67, one of two 0.5. It is not calibrated against outcomes yet; it
says how far the observers agree and how many there were. A more specific cause asks more observers, so where they all
agree it comes out ahead of the general one.
"""

from __future__ import annotations

from collections.abc import Iterable

from recoverops.diagnosis.facts import Facts, Observation
from recoverops.model import Evidence, Hypothesis, IncidentKind, Resource


def hypothesis(
    cause: IncidentKind,
    facts: Facts,
    *,
    supporting: Iterable[Observation | None],
    against: Iterable[Observation | None] = (),
    resource: Resource | None = None,
) -> Hypothesis | None:
    """None when nothing supports it. Observations that nobody made (None) count neither way."""
    pro = {one.series: one for one in supporting if one is not None}
    contra = {one.series: one for one in against if one is not None and one.series not in pro}
    if not pro:
        return None
    evidence: tuple[Evidence, ...] = (
        *(one.evidence(supports=True) for one in pro.values()),
        *(one.evidence(supports=False) for one in contra.values()),
    )
    return Hypothesis(
        cause=cause,
        resource=resource or facts.incident.resource,
        confidence=round((len(pro) + 1) / (len(evidence) + 2), 3),
        evidence=evidence,
    )
