"""Alarms of CloudWatch that evaluate, which moto's never do: they read the metrics that were put, and notify.

`tick(now)` evaluates all alarms once; `ticking` does so every few seconds in a thread, for `aws-sandbox`. A change of
state, also one by `SetAlarmState`, is written into the alarm's history, told to its topics, and put on the event bus.
A topic that is gone is left out, as CloudWatch does.
Alarms on several metrics and composite ones are not evaluated; `SetAlarmState` works for them all the same.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from recoverops.clock import SystemClock
from recoverops.testing.aws.evaluation import MORE_PERIODS, Demand, State, state_of, statistic_of

_LOG = logging.getLogger("recoverops.testing.aws")
ALARM_EVENT = "CloudWatch Alarm State Change"


class Alarms:
    """Those of every account and region of the double. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._clock = SystemClock()
        self._evaluated: set[str] = set()

    def tick(self, now: datetime | None = None) -> tuple[str, ...]:
        """The names of the alarms that changed their state, of the metrics as they are at `now`."""
        from moto.cloudwatch.models import cloudwatch_backends

        at = now or self._clock.now()
        with self._lock:
            return tuple(
                alarm.name
                for regions in list(cloudwatch_backends.values())
                for backend in list(regions.values())
                for alarm in list(backend.alarms.values())
                if alarm.metric_name and self._evaluate(backend, alarm, at)
            )

    @contextmanager
    def ticking(self, every: timedelta = timedelta(seconds=10)) -> Iterator[None]:
        """In a thread of its own for the time of the context."""
        ending = threading.Event()

        def work() -> None:
            while not ending.wait(every.total_seconds()):
                self.tick()

        thread = threading.Thread(target=work, name="cloudwatch-alarms", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join(10)

    def _evaluate(self, backend: Any, alarm: Any, now: datetime) -> bool:
        before = State(alarm.state_value) if alarm.alarm_arn in self._evaluated else State.INSUFFICIENT_DATA
        self._evaluated.add(alarm.alarm_arn)
        demand = Demand(
            comparison=alarm.comparison_operator,
            threshold=float(alarm.threshold),
            periods=int(alarm.evaluation_periods),
            to_alarm=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            missing=alarm.treat_missing_data or "missing",
        )
        values = _values(backend, alarm, now, count=demand.periods + MORE_PERIODS)
        after = state_of(demand, values, before)
        if after is before:
            alarm.state_value = after.value
            return False
        self.change(backend, alarm, after, reason=_reason(alarm, values, after), now=now, before=before)
        return True

    def change(
        self, backend: Any, alarm: Any, state: State, *, reason: str, now: datetime, before: State, data: str = "{}"
    ) -> None:
        """Moves the alarm on and tells everybody whom it names."""
        self._evaluated.add(alarm.alarm_arn)
        alarm.update_state(reason, data, state.value)
        alarm.state_updated_timestamp = now.astimezone(UTC).replace(tzinfo=None)
        if alarm.actions_enabled:
            topics = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}.get(state, alarm.insufficient_data_actions)
            _tell(backend, [one for one in topics if ":sns:" in one], notification(backend, alarm, before, now))
        _put_event(backend, alarm, before, now)


@contextmanager
def telling(alarms: Alarms) -> Iterator[None]:
    """`SetAlarmState` notifies for the time of the context, as it does in AWS."""
    from moto.cloudwatch.models import CloudWatchBackend

    usual = CloudWatchBackend.set_alarm_state

    def setting(backend: Any, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        alarm = backend.alarms.get(alarm_name)
        before = None if alarm is None else State(alarm.state_value)
        if before is None or state_value == before or state_value not in set(State):
            usual(backend, alarm_name, reason, reason_data, state_value)
            return
        now = SystemClock().now()
        alarms.change(backend, alarm, State(state_value), reason=reason, now=now, before=before, data=reason_data)

    CloudWatchBackend.set_alarm_state = setting
    try:
        yield
    finally:
        CloudWatchBackend.set_alarm_state = usual


def notification(backend: Any, alarm: Any, before: State, now: datetime) -> dict[str, Any]:
    """The message as AWS sends it over SNS."""
    watched: dict[str, Any] = {"AlarmRule": alarm.rule} if alarm.rule else {"Trigger": _trigger(alarm)}
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": backend.account_id,
        "AlarmConfigurationUpdatedTimestamp": _stamp(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _stamp(now),
        "Region": f"the double ({backend.region_name})",
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before.value,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        **watched,
    }


def _trigger(alarm: Any) -> dict[str, Any]:
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "ExtendedStatistic" if alarm.extended_statistic else "Statistic",
        "Statistic": (alarm.statistic or "").upper(),
        "Unit": alarm.unit,
        "Dimensions": [{"value": one.value, "name": one.name} for one in alarm.dimensions],
        "Period": int(alarm.period or 0),
        "EvaluationPeriods": int(alarm.evaluation_periods or 0),
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": float(alarm.threshold or 0),
        "TreatMissingData": alarm.treat_missing_data or "",
        "EvaluateLowSampleCountPercentile": "",
    }


def _tell(backend: Any, topics: Sequence[str], message: Mapping[str, Any]) -> None:
    from moto.core.exceptions import ServiceException
    from moto.sns.models import sns_backends

    subject = f'{message["NewStateValue"]}: "{message["AlarmName"]}" in {backend.region_name}'[:99]
    for topic in topics:
        _, _, _, region, account, _ = topic.split(":")
        try:
            sns_backends[account][region].publish(json.dumps(message), arn=topic, subject=subject)
        except ServiceException as error:
            _LOG.warning("alarm_not_told", extra={"topic": topic, "alarm": message["AlarmName"], "error": str(error)})


def _put_event(backend: Any, alarm: Any, before: State, now: datetime) -> None:
    from moto.events.models import events_backends

    metric = {
        "namespace": alarm.namespace,
        "name": alarm.metric_name,
        "dimensions": {one.name: one.value for one in alarm.dimensions},
    }
    stat = {"metric": metric, "period": int(alarm.period or 0), "stat": alarm.extended_statistic or alarm.statistic}
    metrics = [{"id": "m1", "metricStat": stat, "returnData": True}] if alarm.metric_name else []
    detail = {
        "alarmName": alarm.name,
        "configuration": {"description": alarm.description, "metrics": metrics},
        "previousState": {"value": before.value},
        "state": {"reason": alarm.state_reason, "timestamp": _stamp(now), "value": alarm.state_value},
    }
    events_backends[backend.account_id][backend.region_name].put_events(
        [
            {
                "Source": "aws.cloudwatch",
                "DetailType": ALARM_EVENT,
                "Detail": json.dumps(detail),
                "Resources": [alarm.alarm_arn],
                "Time": now.timestamp(),
            }
        ]
    )


def _values(backend: Any, alarm: Any, now: datetime, *, count: int) -> list[float | None]:
    """One for each whole period up to now, the newest first."""
    period_s = int(alarm.period)
    last = int(now.timestamp()) // period_s
    wanted = {(one.name, one.value) for one in alarm.dimensions}
    found: dict[int, list[float]] = {}
    for datum in list(backend.metric_data):
        if datum.namespace != alarm.namespace or datum.name != alarm.metric_name:
            continue
        if {(one.name, one.value) for one in datum.dimensions} == wanted and hasattr(datum, "value"):
            found.setdefault(int(_at(datum.timestamp).timestamp()) // period_s, []).append(datum.value)
    statistic = alarm.extended_statistic or alarm.statistic
    periods = (found.get(last - back) for back in range(1, count + 1))
    return [statistic_of(statistic, values) if values else None for values in periods]


def _reason(alarm: Any, values: Sequence[float | None], state: State) -> str:
    told = ", ".join("none" if one is None else f"{one:g}" for one in values)
    word = "crossed" if state is State.ALARM else "did not cross"
    return f"Threshold {word}: {alarm.comparison_operator} {float(alarm.threshold):g}, newest first: [{told}]"


def _at(given: Any) -> datetime:
    at = datetime.fromisoformat(given) if isinstance(given, str) else given
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _stamp(at: datetime) -> str:
    """`2017-01-12T16:30:42.236+0000`"""
    return _at(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
