"""How bad a joint score is. A convention, not a measurement: nobody has labelled how bad anomalies are."""

from __future__ import annotations

from recoverops.model import Severity

_BOUNDS = ((0.95, Severity.CRITICAL), (0.85, Severity.HIGH), (0.7, Severity.MEDIUM), (0.5, Severity.LOW))


def severity_of(score: float) -> Severity:
    """Normal below 0.5; low, medium from 0.7, high from 0.85, critical from 0.95."""
    return next((severity for bound, severity in _BOUNDS if score >= bound), Severity.NORMAL)
