"""What a message of a queue is: an alarm, an event, a record of CloudTrail, or the news of objects. Pure.

As SNS, EventBridge or S3 put it there, also one within the other. Nothing of it is signed: who may send to the queue is
the business of its policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from recoverops.model import Alert, Event, PermanentError
from recoverops.plugins.aws.inbox.changes import change_in, change_of
from recoverops.plugins.aws.inbox.trail import TrailRecord, record_of
from recoverops.plugins.aws.intake.alarms import alarm_of_notification, alert_of
from recoverops.plugins.aws.intake.event import AwsEvent, event_of
from recoverops.plugins.aws.intake.event_alerts import alerts_of
from recoverops.plugins.aws.intake.reading import decoded
from recoverops.plugins.aws.owners import Owners

_WHAT = "a message of SNS, EventBridge or S3"
_JSON = msgspec.json.Decoder(dict[str, Any])
_BY_TRAIL = " via CloudTrail"


@dataclass(slots=True, kw_only=True)
class Told:
    """What one message says."""

    alerts: list[Alert] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    records: list[TrailRecord] = field(default_factory=list)
    objects: list[tuple[str, str]] = field(default_factory=list)
    """Bucket and key of objects that are new."""


def told_by(body: str, owners: Owners, *, region: str, source: str) -> Told:
    """`region`: of the queue. Raises PermanentError for what is none of these."""
    plain = decoded(_JSON, body, _WHAT)
    if plain.get("Type") == "Notification" and isinstance(plain.get("Message"), str):
        topic = str(plain.get("TopicArn", "")).split(":")
        return told_by(plain["Message"], owners, region=topic[3] if len(topic) == 6 else region, source=source)
    if "detail-type" in plain:
        return _of_event(event_of(body), owners, source)
    if "AlarmName" in plain:
        return _of_alarm(body, owners, region, source)
    if plain.get("Event") == "s3:TestEvent":
        return Told()
    if isinstance(plain.get("Records"), list):
        return Told(objects=list(_objects(plain["Records"])))
    raise PermanentError(f"this is not {_WHAT}: it has the fields {', '.join(sorted(plain)[:10]) or 'none'}")


def _of_alarm(body: str, owners: Owners, region: str, source: str) -> Told:
    alarm = alarm_of_notification(body, region=region)
    service = owners.of_dimensions(alarm.dimensions, account=alarm.account, region=alarm.region)
    alert = alert_of(alarm, source=source, service=service)
    return Told(alerts=[] if alert is None else [alert])


def _of_event(event: AwsEvent, owners: Owners, source: str) -> Told:
    if event.detail_type.endswith(_BY_TRAIL):
        record = record_of(event.detail)
        change = change_of(record, owners, source=source)
        return Told(records=[record], events=[] if change is None else [change])
    if event.source == "aws.s3" and event.detail_type == "Object Created":
        return Told(objects=[(event.text("bucket", "name"), event.text("object", "key"))])
    change = change_in(event, owners, source=source)
    return Told(alerts=list(alerts_of(event, owners, source=source)), events=[] if change is None else [change])


def _objects(records: list[Any]) -> Iterator[tuple[str, str]]:
    for one in records:
        found = one.get("s3") if isinstance(one, Mapping) else None
        if not isinstance(found, Mapping) or not str(one.get("eventName", "")).startswith("ObjectCreated"):
            continue
        try:
            yield str(found["bucket"]["name"]), unquote_plus(str(found["object"]["key"]))
        except (KeyError, TypeError) as error:
            raise PermanentError(f"this is not {_WHAT}: a record has no bucket and key") from error
