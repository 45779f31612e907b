"""Which events of EventBridge are alerts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.plugins.aws.samples import ACCOUNT, REGION, alarm_event, event
from tests.unit.plugins.aws.test_alarms import OWNERS
from tests.unit.plugins.conftest import NOON

from recoverops.model import ForbiddenError, PermanentError
from recoverops.plugins.aws.intake.event import event_of
from recoverops.plugins.aws.intake.event_alerts import alerts_of
from recoverops.plugins.aws.intake.eventbridge import EventBridgeIntake
from recoverops.testing import ManualClock, check_push_source

CART = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/cart-service"


def ecs(kind: str, name: str) -> dict[str, Any]:
    return event(kind, {"eventName": name, "reason": "ECS deployment circuit breaker: task failed"}, resources=[CART])


def scaling(outcome: str) -> dict[str, Any]:
    detail = {"AutoScalingGroupName": "web-group", "StatusMessage": "no capacity", "EC2InstanceId": "i-1"}
    return event(f"EC2 Instance {outcome}", detail)


def ec2(ident: str, state: str) -> dict[str, Any]:
    return event("EC2 Instance State-change Notification", {"instance-id": ident, "state": state})


def code_deploy(state: str, application: str = "plain") -> dict[str, Any]:
    detail = {"state": state, "application": application, "deploymentGroup": "prod", "deploymentId": "d-1"}
    return event("CodeDeploy Deployment State-change Notification", detail)


PAIRS = {
    "an alarm": (
        alarm_event("ALARM", InstanceId="i-0123456789abcdef0"),
        alarm_event("OK", InstanceId="i-0123456789abcdef0"),
        "ServiceDown",
        "checkout",
    ),
    "a deployment of ECS": (
        ecs("ECS Deployment State Change", "SERVICE_DEPLOYMENT_FAILED"),
        ecs("ECS Deployment State Change", "SERVICE_DEPLOYMENT_COMPLETED"),
        "EcsDeploymentFailed",
        "cart",
    ),
    "tasks of ECS": (
        ecs("ECS Service Action", "SERVICE_TASK_PLACEMENT_FAILURE"),
        ecs("ECS Service Action", "SERVICE_STEADY_STATE"),
        "EcsTaskPlacementFailed",
        "cart",
    ),
    "an instance": (
        ec2("i-0123456789abcdef0", "stopped"),
        ec2("i-0123456789abcdef0", "running"),
        "Ec2InstanceDown",
        "checkout",
    ),
    "a launch": (scaling("Launch Unsuccessful"), scaling("Launch Successful"), "AutoScalingLaunchFailed", "web"),
    "an end": (scaling("Terminate Unsuccessful"), scaling("Terminate Successful"), "AutoScalingTerminateFailed", "web"),
    "a deployment of CodeDeploy": (code_deploy("FAILURE"), code_deploy("SUCCESS"), "CodeDeployFailed", "plain"),
}


@pytest.mark.parametrize("case", PAIRS.values(), ids=PAIRS.keys())
def test_trouble_and_its_end_are_one_alert_of_the_service(
    case: tuple[dict[str, Any], dict[str, Any], str, str],
) -> None:
    trouble, end, name, service = case
    (fired,) = alerts_of(event_of(json.dumps(trouble)), OWNERS, source="aws-eventbridge")
    (over,) = alerts_of(event_of(json.dumps(end)), OWNERS, source="aws-eventbridge")
    assert (fired.status, over.status, fired.name) == ("firing", "resolved", name)
    assert fired.fingerprint == over.fingerprint
    assert fired.labels["service"] == over.labels["service"] == service
    assert fired.annotations["summary"]


@pytest.mark.parametrize(
    "quiet",
    [
        event("Scheduled Event", {}),
        ecs("ECS Deployment State Change", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ec2("i-0123456789abcdef0", "pending"),
        ec2("i-0aaaaaaaaaaaaaaa0", "terminated"),
        code_deploy("START"),
        alarm_event("INSUFFICIENT_DATA", InstanceId="i-0123456789abcdef0"),
    ],
)
def test_what_tells_of_no_trouble_that_ends_is_no_alert(quiet: dict[str, Any]) -> None:
    assert alerts_of(event_of(json.dumps(quiet)), OWNERS, source="aws-eventbridge") == ()


def test_two_deployment_groups_are_two_alerts() -> None:
    (one,) = alerts_of(event_of(json.dumps(code_deploy("FAILURE"))), OWNERS, source="x")
    (two,) = alerts_of(event_of(json.dumps(code_deploy("FAILURE", "shop"))), OWNERS, source="x")
    assert one.fingerprint != two.fingerprint
    assert "service" not in two.labels


def intake(counted: list[str]) -> EventBridgeIntake:
    from datetime import timedelta

    return EventBridgeIntake(OWNERS, window=timedelta(hours=24), clock=ManualClock(NOON), count=counted.append)


def test_the_intake_keeps_the_contract_of_push_sources() -> None:
    body = json.dumps(alarm_event(InstanceId="i-0123456789abcdef0")).encode()
    (found,) = check_push_source(intake([]), body)
    assert found.source == "aws-eventbridge"


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"account": "999999999999"}, "account", "account 999999999999 in eu-central-1, which is not in `accounts`"),
        ({"region": "us-east-1"}, "account", "in us-east-1"),
        ({"time": "2026-01-30T11:59:00Z"}, "stale", "older than 1 day"),
        ({"time": "2026-01-31T12:06:00Z"}, "early", "in the future"),
    ],
)
def test_events_of_others_and_of_other_times_are_refused_and_counted(
    changes: dict[str, str], reason: str, words: str
) -> None:
    counted: list[str] = []
    body = json.dumps({**alarm_event(), **changes}).encode()
    with pytest.raises(ForbiddenError, match=words):
        intake(counted).decode({}, body)
    assert counted == [reason]


def test_an_alarm_event_without_an_alarm_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"detail\.alarmName is missing"):
        alerts_of(event_of(json.dumps(event("CloudWatch Alarm State Change", {}))), OWNERS, source="x")
