"""CloudWatch alarms as alerts, and the service that they are about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.plugins.aws.samples import ACCOUNT, ALARM_ARN, REGION, alarm, alarm_event

from recoverops.model import Alert, AlertStatus, PermanentError, Service
from recoverops.plugins.aws import AccountSettings
from recoverops.plugins.aws.intake.alarms import alarm_of_event, alarm_of_notification, alert_of
from recoverops.plugins.aws.intake.event import event_of
from recoverops.plugins.aws.owners import Owners

ACCOUNTS = (AccountSettings(name="shop", id=ACCOUNT, regions=(REGION, "eu-west-1")),)


def service(name: str, address: str) -> Service:
    return Service(name=name, group=name, address={"aws": address} if address else {}, match={"service": name})


SERVICES = {
    name: service(name, address)
    for name, address in {
        "checkout": f"ec2 id=i-0123456789abcdef0 region={REGION}",
        "web": f"asg id=web-group region={REGION}",
        "cart": f"ecs id=shop/cart-service region={REGION}",
        "mail": f"lambda id=send-mail region={REGION}",
        "orders": f"rds id=orders-db region={REGION}",
        "front": f"elb-target id=front-group/i-0123456789abcdef0 region={REGION}",
        "twin-a": f"asg id=twins region={REGION}",
        "twin-b": f"asg id=twins region={REGION}",
        "other-region": "ec2 id=i-0fffffffffffffff0 region=eu-west-1",
        "by-tags": f"ec2 tag:service=by-tags region={REGION}",
        "plain": "",
    }.items()
}
OWNERS = Owners(SERVICES, ACCOUNTS)


def told(state: str, **changes: Any) -> Alert | None:
    found = alarm_of_notification(json.dumps(alarm(state, **changes)), region=REGION)
    owner = OWNERS.of_dimensions(found.dimensions, account=found.account, region=found.region)
    return alert_of(found, source="aws-sns", service=owner)


def test_an_alarm_fires_and_ok_resolves_at_the_time_of_the_change() -> None:
    fired, over = told("ALARM"), told("OK", at="2026-01-31T12:10:00.000+0000")

    assert fired is not None
    assert over is not None
    assert (fired.status, over.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert fired.fingerprint == over.fingerprint
    assert fired.starts_at == datetime(2026, 1, 31, 11, 59, 30, 250_000, tzinfo=UTC)
    assert over.ends_at == datetime(2026, 1, 31, 12, 10, tzinfo=UTC)
    assert fired.labels["service"] == "checkout"
    assert fired.annotations["alarm"] == ALARM_ARN


def test_insufficient_data_is_neither_a_failure_nor_a_recovery() -> None:
    assert told("INSUFFICIENT_DATA") is None


def test_the_same_change_has_one_key_however_often_and_by_whatever_way_it_comes() -> None:
    over_events = alarm_of_event(event_of(json.dumps(alarm_event(InstanceId="i-0123456789abcdef0"))))
    again = alert_of(over_events, source="aws-sns", service=SERVICES["checkout"])
    assert again is not None
    first, later = told("ALARM"), told("ALARM", at="2026-01-31T12:30:00.000+0000")
    assert first is not None
    assert later is not None
    assert again.dedup_key == first.dedup_key
    assert later.dedup_key != first.dedup_key


DIMENSIONS = {
    "instance": ({"InstanceId": "i-0123456789abcdef0"}, "checkout"),
    "group": ({"AutoScalingGroupName": "web-group"}, "web"),
    "ecs service": ({"ClusterName": "shop", "ServiceName": "cart-service"}, "cart"),
    "function": ({"FunctionName": "send-mail", "Resource": "send-mail:live"}, "mail"),
    "database": ({"DBInstanceIdentifier": "orders-db"}, "orders"),
    "target group": ({"TargetGroup": "targetgroup/front-group/6d0ecf831eec9f09", "LoadBalancer": "app/x/1"}, "front"),
    "by name": ({"Service": "plain"}, "plain"),
    "load balancer by name": ({"LoadBalancer": "app/plain/50dc6c495c0c9188"}, "plain"),
    "two services of one id": ({"AutoScalingGroupName": "twins"}, None),
    "an instance of nobody": ({"InstanceId": "i-0aaaaaaaaaaaaaaa0"}, None),
    "an instance of another region": ({"InstanceId": "i-0fffffffffffffff0"}, None),
    "an id of the wrong kind": ({"FunctionName": "web-group"}, None),
    "a function called as a service that lives elsewhere": ({"LoadBalancer": "checkout"}, None),
    "a service of another cluster with the same name": ({"ClusterName": "other", "ServiceName": "checkout"}, None),
    "a service of ECS by name alone": ({"ClusterName": "other", "ServiceName": "plain"}, "plain"),
    "by name beside an instance of its group": ({"Service": "web", "InstanceId": "i-0aaaaaaaaaaaaaaa0"}, "web"),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("case", DIMENSIONS.values(), ids=DIMENSIONS.keys())
def test_dimensions_choose_among_the_services_by_id_or_by_name(case: tuple[dict[str, str], str | None]) -> None:
    dimensions, expected = case
    found = OWNERS.of_dimensions([dimensions], account=ACCOUNT, region=REGION)
    assert (found.name if found else None) == expected


def test_metrics_of_two_services_mean_neither() -> None:
    sets = [{"AutoScalingGroupName": "web-group"}, {"FunctionName": "send-mail"}]
    assert OWNERS.of_dimensions(sets, account=ACCOUNT, region=REGION) is None
    assert OWNERS.of_dimensions(sets[:1], account=ACCOUNT, region=REGION) is not None


def test_a_foreign_account_means_nobody() -> None:
    dimensions = [{"InstanceId": "i-0123456789abcdef0"}, {"Service": "plain"}]
    assert OWNERS.of_dimensions(dimensions, account="999999999999", region=REGION) is None
    assert OWNERS.of_dimensions(dimensions, account=ACCOUNT, region="us-east-1") is None


def test_what_an_alarm_says_of_itself_cannot_stand_in_the_place_of_a_label() -> None:
    dimensions = [{"name": "service", "value": "web"}, {"name": "alertname", "value": "Other"}]
    found = told("ALARM", AWSAccountId="999999999999", Trigger={"Dimensions": dimensions})
    assert found is not None
    assert found.labels["alertname"] == "ServiceDown"
    assert "service" not in found.labels
    assert found.labels["dimension.service"] == "web"


def test_a_composite_alarm_and_one_on_several_metrics_are_read() -> None:
    composite = alarm(AlarmRule="ALARM(a) OR ALARM(b)")
    del composite["Trigger"]
    assert alarm_of_notification(json.dumps(composite), region=REGION).dimensions == ()
    metric = {"MetricName": "x", "Namespace": "y", "Dimensions": [{"name": "FunctionName", "value": "send-mail"}]}
    queries = [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "p99"}}, {"Id": "e1"}]
    found = told("ALARM", Trigger={"Metrics": queries})
    assert found is not None
    assert found.labels["service"] == "mail"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"NewStateValue": "BROKEN"}, "NewStateValue is 'BROKEN', expected one of OK, ALARM, INSUFFICIENT_DATA"),
        ({"StateChangeTime": "yesterday"}, "StateChangeTime is 'yesterday', which is no time"),
        ({"StateChangeTime": "2026-01-31T11:59:30"}, "a time without a zone"),
        ({"AlarmName": 7}, "Expected `str`, got `int` - at `"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        alarm_of_notification(json.dumps({**alarm(), **changes}), region=REGION)
