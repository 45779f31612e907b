"""Records of CloudTrail as changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.plugins.aws.samples import ACCOUNT, REGION, event
from tests.unit.plugins.aws.test_alarms import OWNERS

from recoverops.model import PermanentError
from recoverops.plugins.aws.inbox.changes import change_in, change_of
from recoverops.plugins.aws.inbox.trail import record_of, records_of
from recoverops.plugins.aws.intake.event import event_of

ADA = {
    "type": "IAMUser",
    "arn": f"arn:aws:iam::{ACCOUNT}:user/ada",
    "accountId": ACCOUNT,
    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "userName": "ada",
}


def trail(service: str, name: str, request: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.08",
        "eventID": "4e8c3a52-6cb0-4f0f-9a0b-8f1a7d2d6d2e",
        "eventTime": "2026-01-31T11:59:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "198.51.100.7",
        "userIdentity": ADA,
        "requestParameters": request,
        "responseElements": None,
        "recipientAccountId": ACCOUNT,
        "readOnly": False,
        **changes,
    }


WEB = {"autoScalingGroupName": "web-group"}
CHANGES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a new image of an ECS service": (
        trail("ecs", "UpdateService", {"cluster": "shop", "service": "cart-service", "taskDefinition": "cart:7"}),
        "deployment",
        "cart",
    ),
    "by ARNs": (
        trail(
            "ecs",
            "UpdateService",
            {
                "cluster": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop",
                "service": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/cart-service",
            },
        ),
        "deployment",
        "cart",
    ),
    "a task definition": (trail("ecs", "RegisterTaskDefinition", {"family": "cart"}), "deployment", None),
    "code of a function": (
        trail("lambda", "UpdateFunctionCode20150331v2", {"functionName": "send-mail"}),
        "deployment",
        "mail",
    ),
    "an alias by ARN": (
        trail(
            "lambda", "UpdateAlias20150331", {"functionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:send-mail"}
        ),
        "deployment",
        "mail",
    ),
    "a deployment of CodeDeploy": (
        trail("codedeploy", "CreateDeployment", {"applicationName": "x"}),
        "deployment",
        None,
    ),
    "capacity": (trail("autoscaling", "SetDesiredCapacity", WEB), "scaling", "web"),
    "an instance refresh": (trail("autoscaling", "StartInstanceRefresh", WEB), "deployment", "web"),
    "an instance stopped": (
        trail("ec2", "StopInstances", {"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}]}}),
        "lifecycle",
        "checkout",
    ),
    "a database": (trail("rds", "ModifyDBInstance", {"dBInstanceIdentifier": "orders-db"}), "configuration", "orders"),
    "a firewall": (trail("ec2", "AuthorizeSecurityGroupIngress", {"groupId": "sg-1"}), "network", None),
    "targets": (
        trail(
            "elasticloadbalancing",
            "DeregisterTargets",
            {"targetGroupArn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/front-group/6d0ecf"},
        ),
        "network",
        "front",
    ),
    "a right": (trail("iam", "AttachUserPolicy", {"userName": "eve", "policyArn": "arn:x"}), "identity", None),
    "the trail": (trail("cloudtrail", "StopLogging", {"name": "all"}), "security", None),
}


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_a_call_that_changes_something_is_a_change_of_its_kind(case: tuple[dict[str, Any], str, str | None]) -> None:
    given, kind, service = case
    found = change_of(record_of(given), OWNERS, source="aws-queues")
    assert found is not None
    assert (found.kind, [one.name for one in found.resources]) == (kind, [service] if service else [])
    assert found.actor == ADA["arn"]
    assert found.summary.startswith(f"{ADA['arn']} called ")
    assert found.id == given["eventID"]


@pytest.mark.parametrize(
    "given",
    [
        trail("autoscaling", "SetDesiredCapacity", WEB, errorCode="AccessDenied"),
        trail("autoscaling", "SetDesiredCapacity", WEB, readOnly=True),
        trail("ec2", "DescribeInstances", {}),
        trail("iam", "ListUsers", {}),
        trail("sts", "AssumeRole", {}),
    ],
)
def test_what_failed_or_only_read_is_no_change(given: dict[str, Any]) -> None:
    assert change_of(record_of(given), OWNERS, source="x") is None


def test_a_call_on_several_instances_or_in_another_account_is_a_change_of_no_service() -> None:
    both = {"instancesSet": {"items": [{"instanceId": "i-0123456789abcdef0"}, {"instanceId": "i-0fffffffffffffff0"}]}}
    several = change_of(record_of(trail("ec2", "StopInstances", both)), OWNERS, source="x")
    assert several is not None
    assert several.resources == ()
    assert several.attributes["cloud.resource_id"] == "i-0123456789abcdef0, i-0fffffffffffffff0"
    foreign = trail("autoscaling", "SetDesiredCapacity", WEB, recipientAccountId="999999999999")
    elsewhere = change_of(record_of(foreign), OWNERS, source="x")
    assert elsewhere is not None
    assert elsewhere.resources == ()


def test_secrets_in_a_request_do_not_get_into_the_summary() -> None:
    given = trail("iam", "CreateUser", {"userName": "password=hunter2hunter2"})
    found = change_of(record_of(given), OWNERS, source="x")
    assert found is not None
    assert "hunter2" not in found.summary
    assert "hunter2" not in str(found.attributes)


STATES = {
    "a deployment": (
        event(
            "ECS Deployment State Change",
            {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS", "reason": "new deployment"},
            resources=[f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/cart-service"],
        ),
        ("deployment", "cart"),
    ),
    "a task that ended": (
        event(
            "ECS Task State Change",
            {
                "lastStatus": "STOPPED",
                "group": "service:cart-service",
                "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shop",
                "stoppedReason": "Essential container in task exited",
            },
        ),
        ("lifecycle", "cart"),
    ),
    "a task that runs": (event("ECS Task State Change", {"lastStatus": "RUNNING"}), None),
    "an instance": (
        event("EC2 Instance State-change Notification", {"instance-id": "i-0123456789abcdef0", "state": "pending"}),
        ("lifecycle", "checkout"),
    ),
    "a launch": (
        event("EC2 Instance Launch Successful", {"AutoScalingGroupName": "web-group", "EC2InstanceId": "i-1"}),
        ("scaling", "web"),
    ),
    "a database": (
        event("RDS DB Instance Event", {"SourceIdentifier": "orders-db", "Message": "failover"}),
        ("lifecycle", "orders"),
    ),
    "something else": (event("Trusted Advisor Check Item Refresh Notification", {}), None),
}


@pytest.mark.parametrize("case", STATES.values(), ids=STATES.keys())
def test_changes_of_state_are_changes(case: tuple[dict[str, Any], tuple[str, str] | None]) -> None:
    given, expected = case
    found = change_in(event_of(json.dumps(given)), OWNERS, source="x")
    assert (found and (found.kind, found.resources[0].name)) == expected


def test_a_file_is_read_record_by_record_and_a_broken_record_is_counted() -> None:
    good = trail("ec2", "StopInstances", {})
    body = json.dumps({"Records": [good, {"eventID": 7}, {**good, "eventTime": "noon"}, good]}).encode()
    records, lost = records_of(body, most=10)
    assert (len(records), lost) == (2, 2)
    records, lost = records_of(body, most=1)
    assert (len(records), lost) == (1, 3)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"Records": 1}', b"[" * 5000])
def test_what_is_no_file_of_cloudtrail_is_refused(body: bytes) -> None:
    with pytest.raises(PermanentError, match="this is not a file of CloudTrail"):
        records_of(body, most=10)
