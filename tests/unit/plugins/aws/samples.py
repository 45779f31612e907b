"""Messages in the forms that AWS documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recoverops.testing.aws.signing import Signer
from recoverops.testing.aws.sns import canonical

ACCOUNT, REGION = "123456789012", "eu-central-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
ALARM_ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:ServiceDown"


def alarm(state: str = "ALARM", *, at: str = "2026-01-31T11:59:30.250+0000", **changes: Any) -> dict[str, Any]:
    return {
        "AlarmName": "ServiceDown",
        "AlarmDescription": "checkout does not answer",
        "AWSAccountId": ACCOUNT,
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 1 datapoint (0.0) was less than the threshold (1.0).",
        "StateChangeTime": at,
        "Region": "EU (Frankfurt)",
        "AlarmArn": ALARM_ARN,
        "OldStateValue": "OK",
        "Trigger": {
            "MetricName": "HealthyHostCount",
            "Namespace": "AWS/EC2",
            "Dimensions": [{"value": "i-0123456789abcdef0", "name": "InstanceId"}],
        },
        **changes,
    }


def event(detail_type: str, detail: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": detail_type,
        "source": "aws.test",
        "account": ACCOUNT,
        "time": "2026-01-31T11:59:00Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
        **changes,
    }


def alarm_event(state: str = "ALARM", **dimensions: str) -> dict[str, Any]:
    stat = {"metric": {"namespace": "AWS/EC2", "name": "x", "dimensions": dimensions}, "period": 60, "stat": "Average"}
    detail = {
        "alarmName": "ServiceDown",
        "configuration": {
            "description": "checkout does not answer",
            "metrics": [{"id": "m1", "metricStat": stat, "returnData": True}, {"id": "e1", "expression": "m1*2"}],
        },
        "state": {"value": state, "reason": "it crossed", "timestamp": "2026-01-31T11:59:30.250+0000"},
        "previousState": {"value": "OK"},
    }
    return event("CloudWatch Alarm State Change", detail, resources=[ALARM_ARN], source="aws.cloudwatch")


def envelope(signer: Signer, base: str, *, version: str = "1", **changes: str) -> dict[str, str]:
    """A notification of SNS, signed as it stands."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": 'ALARM: "ServiceDown" in EU (Frankfurt)',
        "Message": json.dumps(alarm()),
        "Timestamp": "2026-01-31T11:59:31.000Z",
        **changes,
    }
    return {
        **message,
        "SignatureVersion": version,
        "Signature": signer.sign(canonical(message), version=version),
        "SigningCertURL": f"{base}/{signer.name}",
        "UnsubscribeURL": f"{base}/?Action=Unsubscribe",
    }


def confirmation(signer: Signer, base: str, *, visit: str | None = None, **changes: str) -> dict[str, str]:
    asked = f"{base}/?Action=ConfirmSubscription&TopicArn={changes.get('TopicArn', TOPIC)}&Token=2336412f37"
    message = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe",
        "SubscribeURL": visit or asked,
        "Timestamp": "2026-01-31T11:59:31.000Z",
        **changes,
    }
    return {
        **message,
        "SignatureVersion": "1",
        "Signature": signer.sign(canonical(message), version="1"),
        "SigningCertURL": f"{base}/{signer.name}",
    }
