"""Correlates anomalies into incidents, and knows when one is over. Pure."""

from __future__ import annotations

from recoverops.incidents.ending import CLOSABLE, CLOSED, finished
from recoverops.incidents.life import fingerprint, is_clear, is_firing, joined, may_reopen_at, opened, reopened
from recoverops.incidents.patience import waited
from recoverops.incidents.settings import IncidentSettings

__all__ = [
    "CLOSABLE",
    "CLOSED",
    "IncidentSettings",
    "fingerprint",
    "finished",
    "is_clear",
    "is_firing",
    "joined",
    "may_reopen_at",
    "opened",
    "reopened",
    "waited",
]
