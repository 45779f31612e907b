"""What other people left in the account keeps nobody from hearing an alarm: a topic or a target that is gone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoverops.clock import SystemClock
from recoverops.testing.aws import ACCOUNT, REGION, Aws

PATTERN = {
    "source": ["aws.cloudwatch"],
    "detail-type": ["CloudWatch Alarm State Change"],
    "detail": {"alarmName": ["of-others"]},
}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:of-nobody"


def test_a_topic_and_a_target_that_are_gone_are_left_out_and_the_next_one_hears(
    aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    # given an alarm that is about to fire, told to a topic that is gone, with one rule to a function and one to a queue
    cloudwatch, events, sqs = aws.admin("cloudwatch"), aws.admin("events"), aws.admin("sqs")
    queue = sqs.create_queue(QueueName="of-others")["QueueUrl"]
    targets = {"others-function": FUNCTION, "others-queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:of-others"}
    for rule, arn in targets.items():
        events.put_rule(Name=rule, EventPattern=json.dumps(PATTERN))
        events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
    cloudwatch.put_metric_alarm(
        AlarmName="of-others",
        Namespace="Others",
        MetricName="m",
        Statistic="Sum",
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Period=60,
        EvaluationPeriods=1,
        AlarmActions=[f"arn:aws:sns:{REGION}:{ACCOUNT}:gone"],
    )
    at = SystemClock().now() - timedelta(minutes=1)
    cloudwatch.put_metric_data(Namespace="Others", MetricData=[{"MetricName": "m", "Value": 9.0, "Timestamp": at}])
    # when it evaluates
    changed = aws.alarms.tick()
    for rule in targets:
        events.remove_targets(Rule=rule, Ids=["1"])
    # then the change is where it can be heard, and what could not be told is known
    assert "of-others" in changed
    (message,) = sqs.receive_message(QueueUrl=queue).get("Messages", [])
    assert json.loads(message["Body"])["detail"]["alarmName"] == "of-others"
    assert FUNCTION in [arn for arn, _ in aws.destinations.undelivered]
    assert {"event_not_delivered", "alarm_not_told"} <= {one.message for one in caplog.records}
