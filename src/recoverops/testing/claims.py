"""How a conformance kit says that an implementation breaks its contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta


class ConformanceError(AssertionError):
    """The implementation breaks its contract; the message says which sentence of it, and how."""


def claim(holds: bool, sentence: str) -> None:
    """Raises `ConformanceError` with the sentence unless it holds. Unlike `assert`, `python -O` does not remove it."""
    if not holds:
        raise ConformanceError(sentence)


def claim_no_secret(text: str, secrets: Iterable[str], *, where: str) -> None:
    """No secret stands in the text. The message names the place, not the secret."""
    for secret in secrets:
        claim(secret not in text, f"{where} shows a secret")


def is_aware_utc(at: datetime) -> bool:
    return at.utcoffset() == timedelta(0)
