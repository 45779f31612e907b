"""What the formats of AWS share: decoding with a sentence about what does not fit, times, bounded texts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from recoverops.model import PermanentError

T = TypeVar("T")
_SHOWN = 80
LONGEST = 1000
"""Characters that are kept of a text that somebody else wrote."""


def decoded(decoder: msgspec.json.Decoder[T], body: bytes | str, what: str) -> T:
    """Raises PermanentError naming what does not fit."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = str(error) or "it is nested too deeply"
        raise PermanentError(f"this is not {what}: {why}; it begins with {short(body[:_SHOWN])}") from error


def time_of(text: str, what: str) -> datetime:
    """Aware UTC, of any form of ISO 8601 with a zone. Raises PermanentError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise PermanentError(f"{what} is {short(text)}, which is no time: {error}") from error
    if at.tzinfo is None:
        raise PermanentError(f"{what} is {short(text)}, a time without a zone")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise PermanentError(f"{what} is {short(text)}, which is no time: {error}") from error


def short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"


def bounded(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
