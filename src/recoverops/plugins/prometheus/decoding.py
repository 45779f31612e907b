"""What both of Alertmanager's formats share: times, fingerprints, and refusals that name the value. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from recoverops.model import PermanentError
from recoverops.redact import redact

T = TypeVar("T")

SHOWN = 80
"""Characters of an offending value that an error repeats."""

MOST_AHEAD = timedelta(days=1)
"""How far the clocks of a sender may go before ours."""

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_STEP = re.compile(r"\.(\w+)|\[([0-9]+)\]|(\[\.\.\.\])")
_FNV_OFFSET, _FNV_PRIME, _FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


class Format:
    """The name of a format, for the sentence that refuses a body which is not in it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refused(self, why: str) -> PermanentError:
        return PermanentError(f"this is not {self._name}: {why}")

    def decoded(self, decoder: msgspec.json.Decoder[T], body: bytes) -> T:
        """Raises PermanentError naming the value that does not fit."""
        try:
            return decoder.decode(body)
        except msgspec.ValidationError as error:
            raise self.refused(f"{error}, found {_offender(body, str(error))}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.refused(f"{error}; it begins with {short(body[:SHOWN])}") from error
        except RecursionError as error:
            raise self.refused(f"it is nested too deeply; it begins with {short(body[:SHOWN])}") from error

    def time(self, text: str, where: str) -> datetime | None:
        """Aware UTC; None for Go's zero time, which Go programs send for "none"."""
        if not _RFC3339.fullmatch(text):
            raise self.refused(f"{where} is {short(text)}, expected a time with zone like '2026-01-31T12:00:00Z'")
        if text.startswith("0001-01-01T00:00:00"):
            return None
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise self.refused(f"{where} is {short(text)}, which is no time that exists: {error}") from error

    def start(self, text: str, where: str, *, now: datetime) -> datetime | None:
        """As `time`, of something that has begun already: an end may lie ahead, a start may not."""
        read = self.time(text, where)
        if read is not None and read > now + MOST_AHEAD:
            raise self.refused(
                f"{where} is {short(text)}, more than a day ahead of this host's clock "
                f"({now.isoformat(timespec='seconds')}); correct the clock that is wrong"
            )
        return read


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's own: 64-bit FNV-1a over the sorted labels, 16 hex digits.

    https://github.com/prometheus/common/blob/main/model/signature.go (labelSetToFingerprint)
    """
    sum_ = _FNV_OFFSET
    for key in sorted(labels, key=str.encode):
        for byte in b"\xff".join((key.encode(), labels[key].encode(), b"")):
            sum_ = ((sum_ ^ byte) * _FNV_PRIME) & _FNV_MASK
    return f"{sum_:016x}"


def annotated(annotations: Mapping[str, str]) -> dict[str, str]:
    """Redacted: they are kept for people, and identify nothing."""
    return {key: redact(value) for key, value in annotations.items()}


def short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"


def _offender(body: bytes, message: str) -> str:
    """The value that the decoder's message points at, e.g. with "... - at `$.alerts[0].labels[...]`"."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"a body that is broken further on, beginning with {short(body[:SHOWN])}"
    path = message.rpartition("`$")[2] if "`$" in message else ""
    for name, index, any_key in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif index and isinstance(value, list):
            value = value[int(index)]
        elif any_key and isinstance(value, dict):
            value = next((item for item in value.values() if not isinstance(item, str)), value)
    return short(value)
