"""Correlates anomalies into incidents, and knows when one is over. Pure."""

from __future__ import annotations

from recoverops.incidents.ending import CLOSABLE, CLOSED, finished
from recoverops.incidents.flapping import FLAPPING, in_words, is_onset, quiet_needed, with_onset
from recoverops.incidents.life import (
    fingerprint,
    fresh,
    is_clear,
    is_firing,
    joined,
    may_reopen_at,
    opened,
    reopened,
    unheard,
)
from recoverops.incidents.patience import pause_between_looks, waited
from recoverops.incidents.settings import IncidentSettings

__all__ = [
    "CLOSABLE",
    "CLOSED",
    "FLAPPING",
    "IncidentSettings",
    "fingerprint",
    "finished",
    "fresh",
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
    "unheard",
    "waited",
    "with_onset",
]
