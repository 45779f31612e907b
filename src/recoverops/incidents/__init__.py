"""Correlates anomalies into incidents, and knows when one is over. Pure."""

from __future__ import annotations

from recoverops.incidents.life import fingerprint, is_clear, is_firing, joined, opened
from recoverops.incidents.settings import IncidentSettings

__all__ = ["IncidentSettings", "fingerprint", "is_clear", "is_firing", "joined", "opened"]
