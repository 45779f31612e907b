"""Runbooks, effects and verification, decided purely; the pipeline does what is decided here."""

from __future__ import annotations

from recoverops.remediation.effect import (
    HAS_ACTED,
    NextMove,
    after_execution,
    after_probe,
    expired,
    first_move,
    half_done,
)
from recoverops.remediation.runbook import Runbook, VerifySettings
from recoverops.remediation.verification import judge, next_look

__all__ = [
    "HAS_ACTED",
    "NextMove",
    "Runbook",
    "VerifySettings",
    "after_execution",
    "after_probe",
    "expired",
    "first_move",
    "half_done",
    "judge",
    "next_look",
]
