"""What stands in one Kinesis record: a CloudWatch Logs subscription record, or lines of JSON or text. Pure.

A subscription record is gzipped JSON with many log events, sometimes once more in base64; control messages say that the
subscription is alive and hold nothing. Everything is bounded: a record that unpacks to more than `MOST_BYTES` is not
read. A record that cannot be read is counted, and the stream goes on.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from recoverops.model import LogRecord, Record, Resource, body_of
from recoverops.plugins.aws.formats import PARSERS, Format
from recoverops.plugins.aws.formats.structured import decoded
from recoverops.plugins.aws.log_groups import LogGroups

MOST_BYTES = 32 * 1024 * 1024
"""A subscription record unpacks to some megabytes at most."""
_GZIP, _GZIP_IN_BASE64 = b"\x1f\x8b", b"H4sI"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("timestamp", "time", "@timestamp", "ts")
_IDS = ("id", "eventId", "event_id", "log_id")


class _Event(msgspec.Struct):
    id: str
    timestamp: int
    message: str


class _Subscription(msgspec.Struct, rename="camel"):
    message_type: str
    owner: str = ""
    log_group: str = ""
    log_stream: str = ""
    log_events: list[_Event] = []


_SUBSCRIPTION = msgspec.json.Decoder(_Subscription)


class Payload(Record, frozen=True, kw_only=True):
    records: tuple[LogRecord, ...] = ()
    is_readable: bool = True


class PayloadReader:
    """Of one stream: who writes into which log group, and what else its records are about."""

    def __init__(self, groups: LogGroups, *, region: str, account_id: str, resource: Resource | None = None) -> None:
        """`resource`: what records of no log group are about that name no service."""
        self._groups = groups
        self._region = region
        self._account_id = account_id
        self._resource = resource

    def read(self, data: bytes, *, arrived: datetime) -> Payload:
        """The records in their order. `arrived` is the time of those that say none."""
        try:
            text = unpacked(data)
        except ValueError:
            return Payload(is_readable=False)
        if text.startswith(b"{") and b'"messageType"' in text[:200] + text[-200:]:
            try:
                return Payload(records=tuple(self._subscribed(_SUBSCRIPTION.decode(text))))
            except msgspec.DecodeError:
                pass  # an object of somebody else's with a field of that name
        return Payload(records=tuple(self._lines(text, arrived)))

    def _subscribed(self, found: _Subscription) -> Iterator[LogRecord]:
        if found.message_type != "DATA_MESSAGE":
            return
        resource, format_ = self._groups.find(found.owner, self._region, found.log_group)
        shared = {
            "aws.log.group.names": found.log_group,
            "aws.log.stream.names": found.log_stream,
            "cloud.account.id": found.owner,
            "cloud.region": self._region,
        }
        for event in found.log_events:
            yield log_record(
                event.message,
                format_,
                id=event.id,
                at=_EPOCH + timedelta(milliseconds=event.timestamp),
                resource=resource,
                shared=shared,
            )

    def _lines(self, text: bytes, arrived: datetime) -> Iterator[LogRecord]:
        shared = {"cloud.account.id": self._account_id, "cloud.region": self._region}
        for line in text.decode(errors="replace").splitlines():
            if not line.strip():
                continue
            found = decoded(line)
            record = log_record(
                line,
                Format.ANY,
                id=_text_of(found, _IDS) if found is not None else "",
                at=_time_of(found, arrived) if found is not None else arrived,
                shared=shared,
            )
            is_named = "service.name" in record.attributes or self._resource is None
            yield record if is_named else msgspec.structs.replace(record, resource=self._resource)


def log_record(
    message: str,
    format_: Format,
    *,
    id: str,
    at: datetime,
    shared: Mapping[str, str],
    resource: Resource | None = None,
) -> LogRecord:
    """One event of a log group as a record: parsed, bounded, redacted."""
    line = PARSERS[format_](message)
    return LogRecord(
        id=id,
        at=at,
        body=body_of(line.body),
        severity=line.severity,
        resource=resource,
        attributes={**shared, **line.attributes} if line.attributes else shared,
    )


def unpacked(data: bytes) -> bytes:
    """Without gzip, and without base64 around it. Raises ValueError for what is damaged or too large."""
    if data.startswith(_GZIP_IN_BASE64):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"it begins like base64 and is none: {error}") from error
    if not data.startswith(_GZIP):
        if len(data) > MOST_BYTES:
            raise ValueError("it is too large")
        return data
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from error
    if not unpacking.eof:
        raise ValueError("it is cut off, or unpacks to more than is read")
    return text


def _text_of(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := found.get(name), str) and value), "")


def _time_of(found: Mapping[str, Any], arrived: datetime) -> datetime:
    """The time that the object says, as text of ISO 8601 with a zone, or in seconds or milliseconds since 1970."""
    for name in _TIMES:
        value = found.get(name)
        try:
            if isinstance(value, str):
                at = datetime.fromisoformat(value)
                if at.tzinfo is not None:
                    return at.astimezone(UTC)
            elif isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
                return _EPOCH + timedelta(seconds=value / 1000 if value > 1e11 else value)
        except (ValueError, OverflowError):
            continue
    return arrived
