"""What a foreign alert is about: a service of the inventory, or nothing that could be acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import Alert, AlertStatus, Severity
from recoverops.sources import IntakeSettings, Resolved, resolve
from recoverops.topology import Inventory, ServiceSettings

INVENTORY = Inventory.of(
    [
        ServiceSettings(name="checkout"),
        ServiceSettings(name="payment", match={"app": "payment"}),
        ServiceSettings(name="left", match={"instance": "10.0.0.1"}),
        ServiceSettings(name="right", match={"instance": "10.0.0.1"}),
    ]
)


def about(labels: Mapping[str, str]) -> Resolved:
    alert = Alert(
        source="alertmanager",
        fingerprint="f1",
        status=AlertStatus.FIRING,
        starts_at=datetime(2026, 3, 1, tzinfo=UTC),
        labels=labels,
    )
    return resolve(alert, INVENTORY, IntakeSettings())


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"service": "checkout"}, "checkout"),
        ({"app": "payment"}, "payment"),
        ({"app": "payment", "service": "unheard-of"}, "payment"),
        ({"service": "payment"}, "unlisted/payment"),
        ({"job": "node"}, "unlisted/node"),
        ({"instance": "10.0.0.9:9100"}, "unlisted/10.0.0.9:9100"),
        ({"alertname": "Watchdog"}, "unlisted/Watchdog"),
        ({}, "unlisted/unnamed"),
        ({"instance": "10.0.0.1"}, "ambiguous/10.0.0.1"),
        ({"service": "checkout", "app": "payment"}, "ambiguous/checkout"),
        ({"service": "../checkout"}, "unlisted/.._checkout"),
        ({"service": "a b;rm -rf /"}, "unlisted/a_b_rm_-rf__"),
        ({"service": "x" * 500}, "unlisted/" + "x" * 100),
        ({"alertname": "DbDown password=hunter2xyz"}, "unlisted/DbDown_password__redacted_"),
    ],
)
def test_labels_choose_among_the_services_and_name_no_other(labels: dict[str, str], name: str) -> None:
    assert str(about(labels).resource) == f"service:{name}"


@pytest.mark.parametrize(
    ("written", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("page", Severity.CRITICAL),
        ("CRITICAL", Severity.CRITICAL),
        ("error", Severity.HIGH),
        ("warning", Severity.MEDIUM),
        ("info", Severity.LOW),
        ("none", Severity.NORMAL),
        ("p1", Severity.HIGH),
        ("", Severity.HIGH),
    ],
)
def test_a_severity_that_nobody_knows_is_high(written: str, severity: Severity) -> None:
    assert about({"severity": written}).severity is severity
    assert about({}).severity is Severity.HIGH


@pytest.mark.parametrize(
    ("name", "symptom"),
    [("ServiceDown", "availability"), ("TargetDown", "availability"), ("DiskFull", "alert:DiskFull")],
)
def test_only_the_named_alerts_mean_that_a_service_is_down(name: str, symptom: str) -> None:
    assert about({"alertname": name, "service": "checkout"}).symptom == symptom


words = st.text(max_size=30) | st.sampled_from(["checkout", "payment", "10.0.0.1", "unlisted/checkout"])


@given(st.dictionaries(st.sampled_from(["service", "app", "job", "instance", "alertname"]), words))
def test_an_alert_never_aims_at_a_service_that_does_not_match_it(labels: dict[str, str]) -> None:
    found = INVENTORY.find(about(labels).resource)

    if found is not None:
        assert all(labels.get(key) == value for key, value in found.match.items())
