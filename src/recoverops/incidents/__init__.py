"""Correlates anomalies into incidents, and knows when one is over. Pure."""

from __future__ import annotations

from recoverops.incidents.ending import CLOSABLE, CLOSED, finished
from recoverops.incidents.flapping import FLAPPING, in_words, is_onset, quiet_needed, with_onset
from recoverops.incidents.life import (
    GONE_AFTER,
    fingerprint,
    fresh,
    gone,
    is_clear,
    is_firing,
    joined,
    may_reopen_at,
    opened,
    reopened,
)
from recoverops.incidents.patience import pause_between_looks, waited
from recoverops.incidents.settings import IncidentSettings

__all__ = [
    "CLOSABLE",
    "CLOSED",
    "FLAPPING",
    "GONE_AFTER",
    "IncidentSettings",
    "fingerprint",
    "finished",
    "fresh",
    "gone",
    "in_words",
    "is_clear",
    "is_firing",
    "is_onset",
    "joined",
    "may_reopen_at",
    "opened",
    "pause_between_looks",
    "quiet_needed",
    "reopened",
    "waited",
    "with_onset",
]
