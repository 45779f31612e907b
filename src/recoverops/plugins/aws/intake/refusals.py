"""Why a delivery of AWS is not taken: the word in the metric, and the sentence for the sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum

from recoverops.model import ForbiddenError

METRIC = "recoverops_deliveries_refused_total"
_AHEAD = timedelta(minutes=5)
"""How far the clock of the sender may be ahead of ours."""

Count = Callable[[str], None]


class Refusal(StrEnum):
    RAW = "raw"
    """raw delivery: it has no signature"""
    TOPIC = "topic"
    """not on the list"""
    ACCOUNT = "account"
    """an account or region that the settings do not have"""
    STALE = "stale"
    EARLY = "early"
    """from the future"""
    VERSION = "signature_version"
    CERTIFICATE_HOST = "certificate_host"
    CERTIFICATE = "certificate"
    """expired, too weak, or none"""
    SIGNATURE = "signature"
    """forged, or changed on the way"""
    CONFIRMATION_HOST = "confirmation_host"


class RefusedError(ForbiddenError):
    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@contextmanager
def counted(count: Count) -> Iterator[None]:
    """Each refusal is counted by its reason on its way to the sender."""
    try:
        yield
    except RefusedError as error:
        count(error.reason)
        raise


def check_time(at: datetime, *, now: datetime, window: timedelta) -> None:
    """Raises `RefusedError`."""
    if now - at > window:
        raise RefusedError(
            Refusal.STALE, f"the delivery is of {at:%Y-%m-%d %H:%M:%S} UTC, older than {window}; it is not taken"
        )
    if at - now > _AHEAD:
        raise RefusedError(
            Refusal.EARLY, f"the delivery is of {at:%Y-%m-%d %H:%M:%S} UTC, which is in the future; check the clocks"
        )
