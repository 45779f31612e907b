"""CloudWatch alarms as alerts, in the two forms that AWS sends them. Pure.

ALARM fires, OK resolves. INSUFFICIENT_DATA is neither: nothing is known then, so what was known before stays.
Over SNS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
On EventBridge: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from recoverops.model import Alert, AlertStatus, PermanentError, Record, Service, digest
from recoverops.plugins.aws.intake.event import AwsEvent
from recoverops.plugins.aws.intake.reading import bounded, decoded, short, time_of
from recoverops.redact import redact

EVENT = "CloudWatch Alarm State Change"
_WHAT = "a notification of a CloudWatch alarm"


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Alarm(Record, frozen=True, kw_only=True):
    """One change of an alarm's state."""

    arn: str
    name: str
    account: str
    region: str
    state: AlarmState
    at: datetime
    reason: str
    description: str = ""
    dimensions: tuple[Mapping[str, str], ...] = ()
    """Those of each metric that it watches; none for a composite alarm."""


class _Dimension(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Metric(msgspec.Struct, frozen=True, rename="pascal"):
    dimensions: list[_Dimension] | None = None


class _Stat(msgspec.Struct, frozen=True, rename="pascal"):
    metric: _Metric


class _Query(msgspec.Struct, frozen=True, rename="pascal"):
    metric_stat: _Stat | None = None


class _Trigger(msgspec.Struct, frozen=True, rename="pascal"):
    dimensions: list[_Dimension] | None = None
    metrics: list[_Query] | None = None


class _Notification(msgspec.Struct, frozen=True, rename="pascal"):
    alarm_name: str
    new_state_value: str
    state_change_time: str
    account: str = msgspec.field(name="AWSAccountId")
    new_state_reason: str = ""
    alarm_description: str | None = None
    alarm_arn: str | None = None
    trigger: _Trigger | None = None


_DECODER = msgspec.json.Decoder(_Notification)


def alarm_of_notification(message: str, *, region: str) -> Alarm:
    """The message of a notification; `region` is the topic's, because the message has a name for people there.

    Raises PermanentError.
    """
    found = decoded(_DECODER, message, _WHAT)
    trigger = found.trigger or _Trigger()
    queried = [one.metric_stat.metric for one in trigger.metrics or () if one.metric_stat is not None]
    sets = [_plain(one.dimensions) for one in (*queried, _Metric(trigger.dimensions))]
    return Alarm(
        arn=found.alarm_arn or f"arn:aws:cloudwatch:{region}:{found.account}:alarm:{found.alarm_name}",
        name=found.alarm_name,
        account=found.account,
        region=region,
        state=_state(found.new_state_value, "NewStateValue"),
        at=time_of(found.state_change_time, "StateChangeTime"),
        reason=found.new_state_reason,
        description=found.alarm_description or "",
        dimensions=tuple(one for one in sets if one),
    )


def alarm_of_event(event: AwsEvent) -> Alarm:
    """Raises PermanentError for an event that has not what it needs."""
    name = event.text("alarmName")
    if not name:
        raise PermanentError(f"this is not {_WHAT}: detail.alarmName is missing")
    arns = [one for one in event.resources if ":alarm:" in one]
    return Alarm(
        arn=arns[0] if arns else f"arn:aws:cloudwatch:{event.region}:{event.account}:alarm:{name}",
        name=name,
        account=event.account,
        region=event.region,
        state=_state(event.text("state", "value"), "detail.state.value"),
        at=time_of(event.text("state", "timestamp") or event.time, "detail.state.timestamp"),
        reason=event.text("state", "reason"),
        description=event.text("configuration", "description"),
        dimensions=tuple(_dimensions_of(event)),
    )


def alert_of(alarm: Alarm, *, source: str, service: Service | None) -> Alert | None:
    """None for INSUFFICIENT_DATA. The alarm, its state and the time of its change make it: each is one alert.

    The labels that the service's `match` asks for are set here alone: a dimension never stands in the place of one.
    """
    if alarm.state is AlarmState.INSUFFICIENT_DATA:
        return None
    fires = alarm.state is AlarmState.ALARM
    told = {f"dimension.{key}": bounded(value) for one in alarm.dimensions for key, value in sorted(one.items())}
    own = {"alertname": alarm.name, "cloud.account.id": alarm.account, "cloud.region": alarm.region}
    return Alert(
        source=source,
        fingerprint=digest(alarm.arn),
        status=AlertStatus.FIRING if fires else AlertStatus.RESOLVED,
        starts_at=alarm.at,
        ends_at=None if fires else alarm.at,
        labels={**told, **own, **({} if service is None else service.match)},
        annotations={
            "summary": bounded(redact(alarm.reason)),
            "description": bounded(redact(alarm.description)),
            "alarm": alarm.arn,
        },
    )


def _plain(given: Iterable[_Dimension] | None) -> dict[str, str]:
    return {one.name: one.value for one in given or ()}


def _dimensions_of(event: AwsEvent) -> Iterable[Mapping[str, str]]:
    configuration = event.detail.get("configuration")
    metrics: Any = configuration.get("metrics", ()) if isinstance(configuration, Mapping) else ()
    for one in metrics if isinstance(metrics, list) else ():
        try:
            found = msgspec.convert(one, _EventMetric)
        except msgspec.ValidationError as error:
            raise PermanentError(f"this is not {_WHAT}: detail.configuration.metrics: {error}") from error
        if found.metric_stat is not None and found.metric_stat.metric.dimensions:
            yield found.metric_stat.metric.dimensions


class _EventMetricName(msgspec.Struct, frozen=True):
    dimensions: dict[str, str] = {}


class _EventStat(msgspec.Struct, frozen=True):
    metric: _EventMetricName


class _EventMetric(msgspec.Struct, frozen=True, rename="camel"):
    metric_stat: _EventStat | None = None


def _state(text: str, where: str) -> AlarmState:
    if text not in set(AlarmState):
        raise PermanentError(f"this is not {_WHAT}: {where} is {short(text)}, expected one of {', '.join(AlarmState)}")
    return AlarmState(text)
