"""Alertmanager's webhook, version 4, as alerts. Pure: the door owns route, limits and authentication.

The format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown fields are accepted, so a
newer Alertmanager of the same version is understood; whatever does not fit is refused with the value that does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from recoverops.model import Alert, AlertStatus, PermanentError, digest

NAME = "alertmanager"
VERSION = "4"

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_STEP = re.compile(r"\.(\w+)|\[([0-9]+)\]|(\[\.\.\.\])")
_SHOWN = 80
"""Characters of an offending value that an error repeats."""


class _Entry(msgspec.Struct, frozen=True):
    status: str
    startsAt: str  # noqa: N815 - the sender's spelling
    endsAt: str = ""  # noqa: N815
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    fingerprint: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    version: str
    alerts: list[_Entry]


class AlertmanagerSource:
    """Implements `ports.PushSource`."""

    name = NAME

    def __init__(self, *, max_alerts: int) -> None:
        self._max_alerts = max_alerts
        self._decoder = msgspec.json.Decoder(_Envelope)

    def decode(self, headers: Mapping[str, str], body: bytes) -> tuple[Alert, ...]:
        envelope = self._envelope(body)
        if envelope.version != VERSION:
            raise _refused(f"version is {_short(envelope.version)}, this release reads {VERSION!r}")
        if len(envelope.alerts) > self._max_alerts:
            raise _refused(
                f"it carries {len(envelope.alerts)} alerts, at most {self._max_alerts} are taken; "
                "set `max_alerts` in Alertmanager's webhook_config, or group by more labels"
            )
        return tuple(_alert(entry, f"alerts[{index}]") for index, entry in enumerate(envelope.alerts))

    def _envelope(self, body: bytes) -> _Envelope:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise _refused(f"{error}, found {_offender(body, str(error))}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refused(f"{error}; it begins with {_short(body[:_SHOWN])}") from error
        except RecursionError as error:
            raise _refused(f"it is nested too deeply; it begins with {_short(body[:_SHOWN])}") from error


def _alert(entry: _Entry, where: str) -> Alert:
    starts_at = _time(entry.startsAt, f"{where}.startsAt")
    if starts_at is None:
        raise _refused(f"{where}.startsAt is {entry.startsAt!r}, which means no time; an alert has to start")
    if entry.status not in set(AlertStatus):
        raise _refused(f"{where}.status is {_short(entry.status)}, expected 'firing' or 'resolved'")
    return Alert(
        source=NAME,
        fingerprint=entry.fingerprint or _fingerprint(entry.labels),
        status=AlertStatus(entry.status),
        starts_at=starts_at,
        ends_at=_time(entry.endsAt, f"{where}.endsAt") if entry.endsAt else None,
        labels=entry.labels,
        annotations=entry.annotations,
    )


def _fingerprint(labels: Mapping[str, str]) -> str:
    """The same for the same labels in any order, as long as Alertmanager's own."""
    return digest(*(part for key in sorted(labels) for part in (key, labels[key])))[:16]


def _time(text: str, where: str) -> datetime | None:
    """Aware UTC; None for Go's zero time, which Alertmanager sends for "not yet"."""
    if not _RFC3339.fullmatch(text):
        raise _refused(f"{where} is {_short(text)}, expected a time with zone like '2026-01-31T12:00:00Z'")
    if text.startswith("0001-01-01T00:00:00"):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _refused(f"{where} is {_short(text)}, which is no time that exists: {error}") from error


def _offender(body: bytes, message: str) -> str:
    """The value that the decoder's message points at, e.g. with "... - at `$.alerts[0].labels[...]`"."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"a body that is broken further on, beginning with {_short(body[:_SHOWN])}"
    path = message.rpartition("`$")[2] if "`$" in message else ""
    for name, index, any_key in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif index and isinstance(value, list):
            value = value[int(index)]
        elif any_key and isinstance(value, dict):
            value = next((item for item in value.values() if not isinstance(item, str)), value)
    return _short(value)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"


def _refused(why: str) -> PermanentError:
    return PermanentError(f"this is not an Alertmanager webhook delivery: {why}")
