"""Alertmanager's webhook version 4, as alerts or as a refusal that names the value."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverops.api.telemetry import Metrics
from recoverops.model import Alert, AlertStatus, PermanentError
from recoverops.plugins.prometheus import PrometheusSettings, plugin
from recoverops.plugins.prometheus.alertmanager import AlertmanagerSource
from recoverops.ports import PluginContext
from recoverops.testing import ManualClock, check_push_source

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCE = AlertmanagerSource(max_alerts=10_000, clock=ManualClock(NOON))

REAL_BODY: dict[str, Any] = {
    "receiver": "recoverops",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "InstanceDown",
                "instance": "localhost:9100",
                "job": "node",
                "severity": "critical",
            },
            "annotations": {"summary": "Instance localhost:9100 down"},
            "startsAt": "2026-01-31T13:00:26.739266876+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "fingerprint": "b4a72f9a0ee2b3c5",
        },
        {
            "status": "resolved",
            "labels": {
                "alertname": "InstanceDown",
                "instance": "localhost:9101",
                "job": "node",
                "severity": "critical",
            },
            "annotations": {},
            "startsAt": "2026-01-31T11:00:00Z",
            "endsAt": "2026-01-31T12:05:00.5Z",
            "generatorURL": "",
            "fingerprint": "0011223344556677",
        },
    ],
    "groupLabels": {"alertname": "InstanceDown"},
    "commonLabels": {"alertname": "InstanceDown", "job": "node", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{alertname="InstanceDown"}',
    "truncatedAlerts": 0,
}


def entry(**changes: Any) -> dict[str, Any]:
    return dict(REAL_BODY["alerts"][0], **changes)


def decode(body: object) -> tuple[Alert, ...]:
    return SOURCE.decode({}, json.dumps(body).encode())


def with_alert(**changes: Any) -> dict[str, Any]:
    return REAL_BODY | {"alerts": [entry(**changes)]}


def test_a_real_delivery_gives_its_alerts_in_order() -> None:
    firing, resolved = decode(REAL_BODY)
    assert firing == Alert(
        source="alertmanager",
        fingerprint="b4a72f9a0ee2b3c5",
        status=AlertStatus.FIRING,
        starts_at=datetime(2026, 1, 31, 12, 0, 26, 739266, tzinfo=UTC),
        ends_at=None,
        labels=REAL_BODY["alerts"][0]["labels"],
        annotations={"summary": "Instance localhost:9100 down"},
    )
    assert (resolved.status, resolved.ends_at) == (
        AlertStatus.RESOLVED,
        datetime(2026, 1, 31, 12, 5, 0, 500000, tzinfo=UTC),
    )


def test_the_push_source_passes_its_kit() -> None:
    assert len(check_push_source(SOURCE, json.dumps(REAL_BODY).encode())) == 2


def test_both_members_of_a_pair_send_the_same_fact_and_it_has_one_key() -> None:
    from_a = decode(REAL_BODY)
    from_b = decode(REAL_BODY | {"externalURL": "http://other:9093"})
    assert [alert.dedup_key for alert in from_a] == [alert.dedup_key for alert in from_b]


def test_a_missing_fingerprint_is_made_of_the_labels_in_any_order() -> None:
    labels = {"alertname": "A", "job": "b"}
    (first,) = decode(with_alert(fingerprint="", labels=labels))
    (second,) = decode(with_alert(fingerprint="", labels=dict(reversed(labels.items()))))
    (other,) = decode(with_alert(fingerprint="", labels=labels | {"job": "c"}))
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 16


def test_no_alerts_are_no_alerts() -> None:
    assert decode(REAL_BODY | {"alerts": []}) == ()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (REAL_BODY | {"version": "3"}, "'3'"),
        (REAL_BODY | {"version": 4}, "found 4"),
        ({key: value for key, value in REAL_BODY.items() if key != "version"}, "version"),
        (REAL_BODY | {"alerts": "none"}, "found 'none'"),
        (with_alert(status="pending"), "'pending'"),
        (with_alert(labels={"alertname": "A", "count": 12}), "found 12"),
        (with_alert(labels=None), "found None"),
        (with_alert(startsAt=1769860826), "found 1769860826"),
        (with_alert(startsAt="2026-01-31T12:00:00"), "'2026-01-31T12:00:00'"),
        (with_alert(startsAt="yesterday"), "'yesterday'"),
        (with_alert(startsAt="2026-02-30T12:00:00Z"), "'2026-02-30T12:00:00Z'"),
        (with_alert(startsAt="2026-01-31T12:00:60Z"), "'2026-01-31T12:00:60Z'"),
        (with_alert(startsAt="9999-12-31T23:59:59-01:00"), "'9999-12-31T23:59:59-01:00'"),
        (with_alert(startsAt="٢٠٢٦-01-31T12:00:00Z"), "٢٠٢٦"),
        (with_alert(startsAt="0001-01-01T00:00:00Z"), "has to start"),
        (with_alert(endsAt="soon"), "'soon'"),
        (with_alert(fingerprint=7), "found 7"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_offending_value(body: dict[str, Any], named: str) -> None:
    with pytest.raises(PermanentError, match="not an Alertmanager webhook delivery") as refusal:
        decode(body)
    assert named in str(refusal.value)


def test_a_start_far_ahead_is_refused_and_an_end_ahead_is_as_usual() -> None:
    now = NOON
    ahead = [(now + timedelta(hours=hours)).isoformat() for hours in (23, 25)]
    (taken,) = decode(with_alert(startsAt=ahead[0], endsAt=ahead[1]))
    assert taken.ends_at is not None
    with pytest.raises(PermanentError, match="more than a day ahead of this host's clock") as refusal:
        decode(with_alert(startsAt=ahead[1]))
    assert repr(ahead[1]) in str(refusal.value)


def test_too_many_alerts_are_refused_as_a_whole_with_both_numbers() -> None:
    source = AlertmanagerSource(max_alerts=2, clock=ManualClock(NOON))
    body = json.dumps(REAL_BODY | {"alerts": [entry()] * 3}).encode()
    with pytest.raises(PermanentError, match="3 alerts, at most 2") as refusal:
        source.decode({}, body)
    assert "group by more labels" in str(refusal.value)
    assert "leaves alerts out" in str(refusal.value), "it must not advise what loses alerts"


@pytest.mark.parametrize(("said", "told"), [(7, [7]), (0, []), (None, [])])
def test_alerts_that_alertmanager_left_out_are_told_and_counted(
    said: int | None, told: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    context = PluginContext(clock=ManualClock(NOON), services={}, secret=str, telemetry=metrics)
    (source, _) = plugin.build(PrometheusSettings(), context).push_sources
    body = {**REAL_BODY, "truncatedAlerts": said}
    assert source.decode({}, json.dumps(body).encode()) == decode(REAL_BODY)
    lines = [one for one in caplog.records if one.message == "alerts_left_out"]
    assert [getattr(one, "count", 0) for one in lines] == told
    counted = b'recoverops_deliveries_truncated_total{source="alertmanager"} 1.0' in metrics.page()
    assert counted is bool(told)


def test_ten_thousand_alerts_are_taken() -> None:
    assert len(decode(REAL_BODY | {"alerts": [entry()] * 10_000})) == 10_000


def test_a_huge_offending_value_is_not_repeated_as_a_whole() -> None:
    with pytest.raises(PermanentError) as refusal:
        decode(with_alert(startsAt="x" * 100_000))
    assert len(str(refusal.value)) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
times = st.one_of(
    st.sampled_from(
        ["0001-01-01T00:00:00Z", "2026-01-31T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"]
    ),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})"),
    json_values,
)
entries = st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved"]) | json_values, "startsAt": times},
    optional={
        "endsAt": times,
        "labels": st.dictionaries(st.text(max_size=8), st.text(max_size=8)) | json_values,
        "annotations": json_values,
        "fingerprint": st.text(max_size=20) | json_values,
    },
)
envelopes = st.fixed_dictionaries({"version": st.just("4") | json_values, "alerts": st.lists(entries) | json_values})


@settings(max_examples=100, deadline=None)
@given(body=envelopes)
def test_whatever_comes_in_this_shape_gives_alerts_or_a_refusal(body: dict[str, Any]) -> None:
    assert_alerts_or_refusal(json.dumps(body).encode())


@settings(max_examples=80, deadline=None)
@given(body=st.binary(max_size=200))
def test_whatever_bytes_come_in_give_alerts_or_a_refusal(body: bytes) -> None:
    assert_alerts_or_refusal(body)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_real_delivery_with_damaged_bytes_gives_alerts_or_a_refusal(data: st.DataObject) -> None:
    body = bytearray(json.dumps(REAL_BODY).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert_alerts_or_refusal(bytes(body))


def assert_alerts_or_refusal(body: bytes) -> None:
    try:
        alerts = SOURCE.decode({}, body)
    except PermanentError:
        return
    for alert in alerts:
        assert alert.starts_at.utcoffset() is not None
        assert alert.dedup_key


def test_secrets_in_annotations_are_hidden_before_anything_is_stored() -> None:
    entry = {
        "status": "firing",
        "startsAt": "2026-01-31T12:00:00Z",
        "labels": {"alertname": "DbDown"},
        "annotations": {"summary": "login failed, password=hunter2xyz"},
    }
    body = json.dumps({"version": "4", "alerts": [entry]}).encode()
    (alert,) = SOURCE.decode({}, body)
    assert alert.annotations == {"summary": "login failed, password=[redacted]"}
