"""Whether it helped. Absence of evidence is `unknown`, never `recovered`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from recoverops.model.record import Record


class VerdictStatus(StrEnum):
    RECOVERED = "recovered"
    NO_EFFECT = "no_effect"
    WORSE = "worse"
    UNKNOWN = "unknown"


class Verdict(Record, frozen=True, kw_only=True):
    status: VerdictStatus
    statement: str
    at: datetime
    evidence: tuple[str, ...] = ()
