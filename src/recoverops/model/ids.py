"""Ids: short, unique, sortable by time, and safe in a URL, a shell and a chat message."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import NewType

IncidentId = NewType("IncidentId", str)
DecisionId = NewType("DecisionId", str)
RunId = NewType("RunId", str)
ApprovalId = NewType("ApprovalId", str)
NotificationId = NewType("NotificationId", str)
SilenceId = NewType("SilenceId", str)
Fingerprint = NewType("Fingerprint", str)
"""Names one trouble of one resource: the same trouble seen twice has the same fingerprint."""

LARGEST_NUMBER = 2**63 - 1
"""Of what is numbered instead: a store counts no further."""


def _new(prefix: str, at: datetime) -> str:
    return f"{prefix}-{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def new_incident_id(at: datetime) -> IncidentId:
    return IncidentId(_new("inc", at))


def new_approval_id(at: datetime) -> ApprovalId:
    return ApprovalId(_new("apr", at))


def new_notification_id(at: datetime) -> NotificationId:
    return NotificationId(_new("ntf", at))


def new_silence_id(at: datetime) -> SilenceId:
    return SilenceId(_new("sil", at))


def new_training_id(at: datetime) -> str:
    return _new("trn", at)


def new_engine_id() -> str:
    """Names one running engine to the others on its store."""
    return f"engine-{secrets.token_hex(8)}"


def digest(*parts: str) -> str:
    """SHA-256 over the parts with their lengths, so that ("ab","c") and ("a","bc") differ. 64 hex digits."""
    encoded = [part.encode() for part in parts]
    return hashlib.sha256(b"".join([len(data).to_bytes(8, "big") + data for data in encoded])).hexdigest()


def new_key() -> str:
    """A fresh secret for an API key: 48 hex digits from the system's random source."""
    return secrets.token_hex(24)
