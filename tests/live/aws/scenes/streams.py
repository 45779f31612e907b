"""Scenes of streams and messages: each is read or sent with the generated policy on a role of its own."""

from __future__ import annotations

import gzip
import json
from typing import Literal

from tests.live.aws.acting import claim, sooner_or_later
from tests.live.aws.prices import Use
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

from recoverops.model import Batch, Notification, NotificationId, Severity
from recoverops.ports import PluginParts, StreamSource

_REQUESTS = (Use(what="requests"),)
_HERE = {"subject": {"aws": "asg id=nobody"}}


def _logs(stage: Stage) -> None:
    logs, group = stage.client("logs"), stage.called()
    logs.create_log_group(logGroupName=group, tags=stage.tags)
    stage.kept("log group", group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    at = int(stage.ground.clock.now().timestamp() * 1000)
    logs.put_log_events(
        logGroupName=group, logStreamName="one", logEvents=[{"timestamp": at, "message": "ERROR live and well"}]
    )
    parts = stage.able({"subject": {"aws-logs": group}}, logs={"start": "oldest"})
    reading = _Reading(parts, "cloudwatch-logs")
    batch = sooner_or_later(stage.ground, "the event of the log group", lambda: reading.next("logs"))
    claim([one.body for one in batch.logs] == ["ERROR live and well"], f"what was read is {batch.logs}")


def _kinesis(stage: Stage) -> None:
    kinesis, name = stage.client("kinesis"), stage.called()
    kinesis.create_stream(StreamName=name, ShardCount=1, Tags=stage.tags)
    stage.kept("stream", name)

    def is_active() -> bool:
        return bool(
            kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
        )

    stage.ground.until("that the stream is there", is_active)
    kinesis.add_tags_to_stream(StreamName=name, Tags=stage.tags)
    line = json.dumps({"message": "live and well", "level": "error"}).encode()
    kinesis.put_record(StreamName=name, Data=line, PartitionKey="one")
    arn = f"arn:aws:kinesis:{stage.ground.region}:{stage.ground.account}:stream/{name}"
    parts = stage.able(_HERE, kinesis=[{"arn": arn, "start": "oldest", "service": "subject"}])
    reading = _Reading(parts, f"kinesis-{name}")
    batch = sooner_or_later(stage.ground, "the record of the stream", lambda: reading.next("logs"))
    claim([str(one.resource) for one in batch.logs] == ["service:subject"], f"what was read is {batch.logs}")


def _queues(stage: Stage) -> None:
    """An alarm that is set off by hand, through a topic, into the queue."""
    topic, arn, url = _subscribed(stage)
    alarm = stage.called()
    stage.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="recoverops-live",
        MetricName=alarm,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
        Tags=stage.listed,
    )
    stage.kept("alarm", alarm)
    stage.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a live test")
    parts = stage.able(_HERE, inbox={"queues": {"arns": [arn], "wait": "0s"}})
    reading = _Reading(parts, "aws-queues")
    batch = sooner_or_later(stage.ground, "the alarm in the queue", lambda: reading.next("alerts"))
    claim(alarm in str(batch.alerts), f"the alerts are {batch.alerts}")
    stage.ground.until("that the message is deleted", lambda: _is_empty(stage, url))


def _notifier(stage: Stage) -> None:
    topic, _, url = _subscribed(stage)
    parts = stage.able(_HERE, publish_to={"pages": topic})
    (notifier,) = parts.notifiers
    told = Notification(
        id=NotificationId("live"),
        incident_id=None,
        event="incident.opened",
        severity=Severity.HIGH,
        title="a live test of RecoverOps",
        body="nothing is wrong",
        at=stage.ground.clock.now(),
    )

    def sent() -> bool:
        notifier.send(told, idempotency_key=stage.ground.run)
        return True

    sooner_or_later(stage.ground, "that the notification is sent", sent)

    def arrived() -> list[str]:
        found = stage.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ())
        return [one["Body"] for one in found]

    bodies = stage.ground.until("the notification in the queue", arrived)
    claim("nothing is wrong" in bodies[0], f"what arrived is {bodies[0]}")


def _subscribed(stage: Stage) -> tuple[str, str, str]:
    """A topic, and a queue that gets what is published there: its ARN and its address."""
    sns, sqs, name = stage.client("sns"), stage.client("sqs"), stage.called()
    topic = stage.kept("topic", sns.create_topic(Name=name, Tags=stage.listed)["TopicArn"])
    arn = f"arn:aws:sqs:{stage.ground.region}:{stage.ground.account}:{name}"
    may = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy}, tags=stage.tags)["QueueUrl"]
    stage.kept("queue", url)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, arn, url


def _is_empty(stage: Stage, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = stage.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return not sum(int(one) for one in found.values())


def _objects(stage: Stage) -> None:
    """A file of CloudTrail, as CloudTrail would write it."""
    s3, bucket = stage.client("s3"), stage.called()
    where = {} if stage.ground.region == "us-east-1" else {"LocationConstraint": stage.ground.region}
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
    stage.kept("bucket", bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": stage.listed})
    prefix = f"AWSLogs/{stage.ground.account}/CloudTrail/{stage.ground.region}/"
    objects = [{"bucket": bucket, "prefix": prefix, "kind": "cloudtrail"}]
    now = stage.ground.clock.now()
    record = {
        "eventVersion": "1.08",
        "eventID": "00000000-0000-0000-0000-000000000000",
        "eventTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "autoscaling.amazonaws.com",
        "eventName": "SetDesiredCapacity",
        "awsRegion": stage.ground.region,
        "sourceIPAddress": "198.51.100.7",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{stage.ground.account}:user/ada", "userName": "ada"},
        "requestParameters": {"autoScalingGroupName": "nobody", "desiredCapacity": 2},
        "responseElements": None,
        "recipientAccountId": stage.ground.account,
        "readOnly": False,
    }
    body = gzip.compress(json.dumps({"Records": [record]}).encode())
    s3.put_object(Bucket=bucket, Key=f"{prefix}{now:%Y/%m/%d}/live.json.gz", Body=body)
    reading = _Reading(stage.able(_HERE, inbox={"objects": objects}), "aws-objects")
    batch = sooner_or_later(stage.ground, "the record of the file", lambda: reading.next("events"))
    claim([one.resources[0].name for one in batch.events] == ["subject"], f"what was read is {batch.events}")


class _Reading:
    """A stream, read on from where it was."""

    def __init__(self, parts: PluginParts, name: str) -> None:
        self._source: StreamSource = next(one for one in parts.streams if one.name == name)
        self._positions: dict[str, str] = {}

    def next(self, what: Literal["logs", "alerts", "events"]) -> Batch | None:
        """The next batch that has some of this."""
        for part in self._source.parts(()).ready:
            batch = self._source.poll(part, self._positions.get(part, ""))
            self._source.committed(batch)
            self._positions[part] = batch.position
            if getattr(batch, what):
                return batch
        return None


STREAMS = (
    Scene(name="logs", shows="cloudwatch-logs", uses=_REQUESTS, play=_logs),
    Scene(name="kinesis", uses=(*_REQUESTS, Use(what="Kinesis shard")), play=_kinesis),
    Scene(name="queues", shows="aws-queues", uses=(*_REQUESTS, Use(what="alarm")), play=_queues),
    Scene(name="objects", shows="aws-objects", uses=_REQUESTS, play=_objects),
    Scene(name="notifier", shows="sns", uses=_REQUESTS, play=_notifier),
)
