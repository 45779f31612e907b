"""What Prometheus and amtool post to /api/v2/alerts, as alerts or as a refusal that names the value."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import Alert, AlertStatus, PermanentError
from recoverops.plugins.prometheus.api_alerts import AlertmanagerApiSource
from recoverops.plugins.prometheus.decoding import fingerprint
from recoverops.testing import ManualClock

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ZERO = "0001-01-01T00:00:00.000Z"

FROM_PROMETHEUS: dict[str, Any] = {
    "annotations": {"summary": "down 127.0.0.1:9100"},
    "startsAt": "2026-01-31T11:59:18.632Z",
    "endsAt": "2026-01-31T12:03:18.632Z",
    "generatorURL": "http://host:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    "labels": {"alertname": "InstanceDown", "instance": "127.0.0.1:9100", "job": "x", "severity": "critical"},
}
FROM_AMTOOL: dict[str, Any] = {
    "endsAt": ZERO,
    "startsAt": ZERO,
    "labels": {"alertname": "Foo", "service": "checkout"},
}


@pytest.fixture
def source(clock: ManualClock) -> AlertmanagerApiSource:
    return AlertmanagerApiSource(max_alerts=100, same_alert_within=timedelta(minutes=5), clock=clock)


def decode(source: AlertmanagerApiSource, *alerts: object) -> tuple[Alert, ...]:
    return source.decode({}, json.dumps(alerts).encode())


def test_a_firing_alert_of_prometheus_keeps_its_start_and_loses_its_moving_end(source: AlertmanagerApiSource) -> None:
    (alert,) = decode(source, FROM_PROMETHEUS)
    assert alert == Alert(
        source="alertmanager-api",
        fingerprint=fingerprint(FROM_PROMETHEUS["labels"]),
        status=AlertStatus.FIRING,
        starts_at=datetime(2026, 1, 31, 11, 59, 18, 632000, tzinfo=UTC),
        ends_at=None,
        labels=FROM_PROMETHEUS["labels"],
        annotations=FROM_PROMETHEUS["annotations"],
    )


def test_a_repetition_a_minute_later_with_a_later_end_is_the_same_fact(
    source: AlertmanagerApiSource, clock: ManualClock
) -> None:
    (first,) = decode(source, FROM_PROMETHEUS)
    clock.advance(timedelta(seconds=60))
    (second,) = decode(source, FROM_PROMETHEUS | {"endsAt": "2026-01-31T12:04:18.632Z"})
    assert second == first


@pytest.mark.parametrize(
    ("ends_at", "status"),
    [
        ("2026-01-31T11:59:59.999Z", AlertStatus.RESOLVED),
        ("2026-01-31T12:00:00Z", AlertStatus.RESOLVED),
        ("2026-01-31T13:00:00+01:00", AlertStatus.RESOLVED),
        ("2026-01-31T12:00:00.001Z", AlertStatus.FIRING),
        (ZERO, AlertStatus.FIRING),
    ],
)
def test_an_alert_is_resolved_when_its_end_has_passed_at_its_receipt(
    source: AlertmanagerApiSource, ends_at: str, status: AlertStatus
) -> None:
    (alert,) = decode(source, FROM_PROMETHEUS | {"endsAt": ends_at})
    assert alert.status is status
    assert (alert.ends_at is None) == (status is AlertStatus.FIRING)


def test_the_repeated_resolution_is_the_same_fact_and_another_than_the_firing(
    source: AlertmanagerApiSource, clock: ManualClock
) -> None:
    (firing,) = decode(source, FROM_PROMETHEUS)
    ended = FROM_PROMETHEUS | {"endsAt": "2026-01-31T12:00:00Z"}
    (first,) = decode(source, ended)
    clock.advance(timedelta(seconds=900))
    (second,) = decode(source, ended)
    assert first.dedup_key == second.dedup_key != firing.dedup_key


def test_an_alert_without_a_start_began_at_its_first_delivery_as_long_as_it_keeps_coming(
    source: AlertmanagerApiSource, clock: ManualClock
) -> None:
    began = []
    for _ in range(4):
        (alert,) = decode(source, FROM_AMTOOL)
        began.append(alert.starts_at)
        clock.advance(timedelta(seconds=299))
    assert began == [NOON] * 4


@pytest.mark.parametrize("without", [{}, {"startsAt": ZERO}, {"startsAt": ""}])
def test_an_alert_without_a_start_is_a_new_one_after_a_silence(
    source: AlertmanagerApiSource, clock: ManualClock, without: dict[str, str]
) -> None:
    alert = {"labels": {"alertname": "Foo"}, **without}
    (first,) = decode(source, alert)
    clock.advance(timedelta(seconds=301))
    (second,) = decode(source, alert)
    assert (first.starts_at, second.starts_at) == (NOON, NOON + timedelta(seconds=301))


def test_an_alert_without_a_start_is_a_new_one_after_its_end(source: AlertmanagerApiSource, clock: ManualClock) -> None:
    decode(source, FROM_AMTOOL)
    clock.advance(timedelta(seconds=10))
    (ended,) = decode(source, FROM_AMTOOL | {"endsAt": "2026-01-31T12:00:05Z"})
    (again,) = decode(source, FROM_AMTOOL)
    assert (ended.status, ended.starts_at) == (AlertStatus.RESOLVED, NOON + timedelta(seconds=5))
    assert again.starts_at == NOON + timedelta(seconds=10)


def test_a_refused_delivery_leaves_no_trace(source: AlertmanagerApiSource, clock: ManualClock) -> None:
    with pytest.raises(PermanentError):
        decode(source, FROM_AMTOOL, {"labels": {}})
    clock.advance(timedelta(seconds=10))
    (alert,) = decode(source, FROM_AMTOOL)
    assert alert.starts_at == NOON + timedelta(seconds=10)


def test_only_so_many_alerts_without_a_start_are_remembered(clock: ManualClock) -> None:
    small = AlertmanagerApiSource(max_alerts=2, same_alert_within=timedelta(minutes=5), clock=clock)
    for name in ("A", "B", "C"):
        decode(small, {"labels": {"alertname": name}})
    clock.advance(timedelta(seconds=1))
    (forgotten,) = decode(small, {"labels": {"alertname": "A"}})
    (known,) = decode(small, {"labels": {"alertname": "C"}})
    assert (forgotten.starts_at, known.starts_at) == (NOON + timedelta(seconds=1), NOON)


def test_unknown_fields_are_accepted(source: AlertmanagerApiSource) -> None:
    assert decode(source, FROM_PROMETHEUS | {"later": {"a": [1]}, "fingerprint": 7}) == decode(source, FROM_PROMETHEUS)


def test_no_alerts_are_no_alerts(source: AlertmanagerApiSource) -> None:
    assert decode(source) == ()


def test_a_label_without_a_value_is_no_label(source: AlertmanagerApiSource) -> None:
    (plain,) = decode(source, {"labels": {"alertname": "A"}, "startsAt": "2026-01-31T11:00:00Z"})
    (padded,) = decode(source, {"labels": {"alertname": "A", "team": ""}, "startsAt": "2026-01-31T11:00:00Z"})
    assert padded == plain


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "begins with b''"),
        (b"{}", "found {}"),
        (b"null", "found None"),
        (b'"text"', "'text'"),
        (b"[1]", "found"),
        (b"[{}]", "labels"),
        (b"[" * 5000, "["),
        (b"\xff\xfe", "begins with"),
        (b'[{"labels": {"a": 1}}]', "found 1"),
        (b'[{"labels": {}}]', "[0].labels"),
        (b'[{"labels": {"a": ""}}]', "[0].labels"),
        (b'[{"labels": {"a": "b"}, "startsAt": "yesterday"}]', "'yesterday'"),
        (b'[{"labels": {"a": "b"}, "endsAt": "2026-02-30T00:00:00Z"}]', "2026-02-30"),
        (
            b'[{"labels": {"a": "b"}, "startsAt": "2026-01-31T12:00:00Z", "endsAt": "2026-01-31T11:00:00Z"}]',
            "before its startsAt",
        ),
    ],
)
def test_what_is_not_a_list_of_alerts_is_refused_with_the_value(
    source: AlertmanagerApiSource, body: bytes, named: str
) -> None:
    with pytest.raises(PermanentError, match="not a list of alerts for Alertmanager's API v2") as refused:
        source.decode({}, body)
    assert named in str(refused.value)


def test_too_many_alerts_are_refused_as_a_whole(source: AlertmanagerApiSource) -> None:
    with pytest.raises(PermanentError, match="101 alerts, at most 100"):
        decode(source, *[FROM_AMTOOL] * 101)


def test_the_fingerprint_is_alertmanagers_own() -> None:
    # from a real Alertmanager 0.25
    assert fingerprint({"alertname": "Foo", "b": "c", "service": "checkout", "x": "ü{}"}) == "1aff2ccd4fd1a583"


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1, max_size=5))
def test_a_fingerprint_does_not_depend_on_the_order_of_labels(labels: dict[str, str]) -> None:
    assert fingerprint(labels) == fingerprint(dict(reversed(labels.items())))
    assert fingerprint(labels) != fingerprint(labels | {"one more": "x"}) or "one more" in labels


def test_a_start_far_ahead_is_refused_with_its_value(source: AlertmanagerApiSource, clock: ManualClock) -> None:
    ahead = (clock.now() + timedelta(days=400)).isoformat()
    with pytest.raises(PermanentError, match="more than a day ahead") as refusal:
        decode(source, FROM_PROMETHEUS | {"startsAt": ahead, "endsAt": ahead})
    assert ahead in str(refusal.value)
