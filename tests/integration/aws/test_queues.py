"""The stream `aws-queues`, against the double of AWS with the rights of the generated policy."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop
from tests.unit.plugins.aws.samples import alarm, event
from tests.unit.plugins.aws.test_access_log import line
from tests.unit.plugins.aws.test_trail import trail

from recoverops.clock import SystemClock
from recoverops.model import Batch, ForbiddenError, RecoverOpsError, Service
from recoverops.pipeline import StreamIntake
from recoverops.ports import StreamSource
from recoverops.storage import StorageSettings, open_store
from recoverops.testing import check_stream_source
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.sns import stamp
from recoverops.topology import Inventory

_NUMBERS = itertools.count(1)

WEB = Service(name="web", group="web", address={"aws": "asg id=web-group"}, match={"service": "web"})


class World:
    """A queue of its own, and the stream that reads it."""

    def __init__(self, aws: Aws, root: Key, **settings: Any) -> None:
        self.aws = aws
        self.name = f"queue-{next(_NUMBERS)}"
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        self.sqs = aws.admin("sqs")
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        inbox = {"queues": {"arns": [self.arn], "wait": "0s", **settings.pop("queues", {})}, **settings}
        self.shop = Shop(
            aws=aws,
            services={"web": WEB},
            settings={"inbox": inbox, "actions": []},
        )
        (policy,) = self.shop.parts(root).policies
        self.policy = json.loads(policy.document)
        self.key = aws.user(self.policy)
        self.stream = self.built(self.key)

    def built(self, key: Key) -> StreamSource:
        return next(one for one in self.shop.parts(key).streams if one.name == "aws-queues")

    def send(self, *bodies: Any) -> None:
        for one in bodies:
            body = one if isinstance(one, str) else json.dumps(one)
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def read(self, position: str = "") -> Batch:
        """One batch, committed."""
        batch = self.stream.poll(self.arn, position)
        self.stream.committed(batch)
        return batch

    @property
    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(one) for one in found.values())


def on_web(state: str = "ALARM", **changes: Any) -> dict[str, Any]:
    trigger = {"Dimensions": [{"name": "AutoScalingGroupName", "value": "web-group"}]}
    return alarm(state, Trigger=trigger, **changes)


def wrapped(message: Any) -> dict[str, Any]:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
    return {"Type": "Notification", "TopicArn": topic, "MessageId": "m", "Message": json.dumps(message)}


def test_the_stream_keeps_the_contract_of_streams_with_the_generated_policy(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    failed = {"eventName": "SERVICE_DEPLOYMENT_FAILED", "reason": "circuit breaker"}
    world.send(on_web(), event("ECS Deployment State Change", failed))
    batches = check_stream_source(world.stream, cut_off=aws.faults.cut_off)
    assert [one.name for batch in batches for one in batch.alerts] == ["ServiceDown", "EcsDeploymentFailed"]
    assert [one.kind for batch in batches for one in batch.events] == ["deployment"]
    assert world.left == 0


def test_an_alarm_of_the_double_comes_over_sns_and_a_rule_over_eventbridge(aws: Aws, root: Key) -> None:
    # given a topic and a rule that both lead to the queue
    world = World(aws, root)
    sns, events, cloudwatch = aws.admin("sns"), aws.admin("events"), aws.admin("cloudwatch")
    topic = sns.create_topic(Name=f"to-{world.name}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=world.arn)
    events.put_rule(Name=world.name, EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    events.put_targets(Rule=world.name, Targets=[{"Id": "1", "Arn": world.arn}])
    cloudwatch.put_metric_alarm(
        AlarmName=f"of-{world.name}",
        Namespace="Shop",
        MetricName=f"m-{world.name}",
        Dimensions=[{"Name": "AutoScalingGroupName", "Value": "web-group"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    minute_ago = SystemClock().now() - timedelta(minutes=1)
    datum = {
        "MetricName": f"m-{world.name}",
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web-group"}],
        "Value": 9.0,
        "Timestamp": minute_ago,
    }
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])
    # when it evaluates
    assert f"of-{world.name}" in aws.alarms.tick()
    events.remove_targets(Rule=world.name, Ids=["1"])
    # then both ways say the same: one alert by its key
    batch = world.read()
    assert [one.labels["service"] for one in batch.alerts] == ["web", "web"]
    assert len({one.dedup_key for one in batch.alerts}) == 1, batch.alerts


def test_a_message_is_deleted_only_after_the_commit(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    world.send(wrapped(on_web()))
    batch = world.stream.poll(world.arn, "")
    assert len(batch.alerts) == 1
    assert world.left == 1
    again = world.stream.poll(world.arn, "")
    assert again.alerts == batch.alerts, "what is not committed comes again"
    world.stream.committed(again)
    assert world.left == 0


def test_a_message_that_nobody_can_read_is_reported_and_given_up_at_last(aws: Aws, root: Key) -> None:
    world = World(aws, root, queues={"give_up_after": 2, "wait": "0s"})
    world.send("hello", on_web())
    first = world.read()
    assert (first.unreadable, len(first.alerts), first.events) == (1, 1, ())
    assert world.left == 1, "it stays for a dead-letter queue"
    # when it is delivered for the second time
    found = world.sqs.receive_message(QueueUrl=world.url, VisibilityTimeout=0)
    assert "Messages" not in found, "it is hidden for a while"
    make_visible(world)
    second = world.read(first.position)
    # then it is reported, and gone
    assert second.unreadable == 1
    (told,) = second.events
    assert "at delivery 2, was given up: this is not a message of SNS, EventBridge or S3" in told.summary
    assert world.left == 0


def test_a_message_that_nobody_can_read_does_not_hold_up_those_after_it(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    world.send("hello")
    assert world.read().unreadable == 1
    world.send(on_web())
    batch = world.read()
    assert (len(batch.alerts), batch.unreadable) == (1, 0)


def make_visible(world: World) -> None:
    from moto.sqs.models import sqs_backends

    for message in sqs_backends[ACCOUNT][REGION].queues[world.name]._messages:
        message.visible_at = 0


def test_records_of_cloudtrail_are_changes_and_a_burst_of_refused_calls_is_an_alert(aws: Aws, root: Key) -> None:
    world = World(aws, root, suspicion={"denied_calls": 3})
    now = stamp(SystemClock().now())
    scaled = trail("autoscaling", "SetDesiredCapacity", {"autoScalingGroupName": "web-group"}, eventTime=now)
    denied = [
        trail(
            "ec2", "TerminateInstances", {}, eventTime=now, errorCode="Client.UnauthorizedOperation", eventID=f"d{one}"
        )
        for one in range(3)
    ]
    # given two of three refused calls, committed
    world.send(*(event("AWS API Call via CloudTrail", one) for one in (scaled, *denied[:2])))
    first = world.read()
    assert [(one.kind, one.resources[0].name) for one in first.events] == [("scaling", "web")]
    assert first.alerts == ()
    # when the third comes to a stream that was built anew, with the committed position
    world.stream = world.built(world.key)
    world.send(event("AWS API Call via CloudTrail", denied[2]))
    second = world.read(first.position)
    # then it is an alert
    assert [one.name for one in second.alerts] == ["AwsDeniedCalls"]


def test_objects_that_a_queue_tells_of_are_read_once(aws: Aws, root: Key) -> None:
    bucket, prefix = f"trail-{next(_NUMBERS)}", f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"
    aws.admin("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    objects = [{"bucket": bucket, "prefix": prefix, "kind": "cloudtrail", "listed": False}]
    world = World(aws, root, objects=objects)
    key = f"{prefix}2026/01/31/a b.json.gz"
    record = trail("autoscaling", "SetDesiredCapacity", {"autoScalingGroupName": "web-group"})
    aws.admin("s3").put_object(Bucket=bucket, Key=key, Body=gzip.compress(json.dumps({"Records": [record]}).encode()))
    told = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}}}
    told["s3"] = {"bucket": {"name": bucket}, "object": {"key": key.replace(" ", "+")}}
    world.send({"Records": [told]}, {"Service": "Amazon S3", "Event": "s3:TestEvent"})
    first = world.read()
    assert [one.attributes["aws.call"] for one in first.events] == ["autoscaling:SetDesiredCapacity"]
    # when the same news comes again, also as an event of EventBridge
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    world.send({"Records": [told]}, event("Object Created", detail, source="aws.s3"))
    second = world.read(first.position)
    assert (second.events, second.unreadable, world.left) == ((), 0, 0)


def test_the_news_of_an_object_that_is_gone_holds_up_nothing_and_is_given_up_in_the_end(aws: Aws, root: Key) -> None:
    # given the news of an object that nobody finds any more, and rights that do not include listing
    bucket, prefix = f"trail-{next(_NUMBERS)}", f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"
    aws.admin("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    objects = [{"bucket": bucket, "prefix": prefix, "kind": "cloudtrail", "listed": False}]
    world = World(aws, root, objects=objects, queues={"give_up_after": 3})
    gone = event("Object Created", {"bucket": {"name": bucket}, "object": {"key": f"{prefix}0.json"}}, source="aws.s3")
    world.send(gone)
    # when it is alone it is told which right is missing, as far as anybody can know
    with pytest.raises(ForbiddenError, match="s3:GetObject"):
        world.read()
    # then an alarm that comes with it is taken
    make_visible(world)
    world.send(on_web())
    first = world.read()
    assert (len(first.alerts), world.left) == (1, 1)
    # and at the third delivery it is reported and gone
    make_visible(world)
    second = world.read(first.position)
    (told,) = second.events
    assert "at delivery 3, was given up" in told.summary
    assert "s3:GetObject" in told.summary
    assert world.left == 0


def test_what_is_too_much_for_one_batch_comes_with_the_next_one(
    aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]]
) -> None:
    bucket, prefix = f"trail-{next(_NUMBERS)}", f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"
    aws.admin("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    world = World(aws, root, objects=[{"bucket": bucket, "prefix": prefix, "kind": "alb-access-log", "listed": False}])
    lines = gzip.compress("\n".join([line()] * 30_000).encode())
    for number in range(3):
        key = f"{prefix}2026/01/31/{number}.log.gz"
        aws.admin("s3").put_object(Bucket=bucket, Key=key, Body=lines)
        world.send(event("Object Created", {"bucket": {"name": bucket}, "object": {"key": key}}, source="aws.s3"))
    first = world.read()
    assert (first.more, world.left) == (True, 1)
    second = world.read(first.position)
    assert (second.more, world.left) == (False, 0)
    assert (calls()["s3:GetObject"], calls()["sqs:ReceiveMessage"]) == (3, 1)


def test_a_crash_between_the_commit_and_the_deletion_counts_nothing_twice(aws: Aws, root: Key, tmp_path: Path) -> None:
    # given an alarm, a change and the news of an object, all stored, and a process that ends before it deletes them
    bucket, prefix = f"trail-{next(_NUMBERS)}", f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"
    aws.admin("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    objects = [{"bucket": bucket, "prefix": prefix, "kind": "cloudtrail", "listed": False}]
    world = World(aws, root, objects=objects)
    key, change = f"{prefix}2026/01/31/0.json", trail("ecs", "RegisterTaskDefinition", {"family": "x"}, eventID="file")
    aws.admin("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps({"Records": [change]}))
    told = event("Object Created", {"bucket": {"name": bucket}, "object": {"key": key}}, source="aws.s3")
    world.send(on_web(), event("AWS API Call via CloudTrail", {**change, "eventID": "event"}), told)
    clock = SystemClock()
    store = open_store(StorageSettings(), data_dir=tmp_path, clock=clock)
    try:
        intake = StreamIntake(
            "aws-queues", store=store, clock=clock, inventory=Inventory([WEB]), max_age=timedelta(minutes=5)
        )
        until = clock.now() + timedelta(minutes=1)
        mark = store.write(
            lambda tx: tx.streams.claim("aws-queues", world.arn, owner="a", now=clock.now(), until=until)
        )
        first = intake.take(mark, world.stream.poll(world.arn, ""), until=until)
        assert (first.alerts, first.events) == (1, 2)
        # when another process reads on from the mark, and SQS delivers all of it again
        make_visible(world)
        world.stream = world.built(world.key)
        batch = world.stream.poll(world.arn, first.mark.position)
        again = intake.take(first.mark, batch, until=until)
        # then everything is known, the object is not read again, and the messages go
        assert (again.alerts, again.duplicate_alerts) == (0, 1)
        assert (again.events, again.duplicate_events) == (0, 1)
        world.stream.committed(batch)
        assert world.left == 0
    finally:
        store.close(timeout=timedelta(seconds=5))


@pytest.mark.parametrize("missing", ["sqs:ReceiveMessage", "sqs:DeleteMessage"])
def test_without_one_permission_the_stream_says_which(aws: Aws, root: Key, missing: str) -> None:
    world = World(aws, root)
    world.send(on_web())
    left = [one for one in world.policy["Statement"][0]["Action"] if one != missing]
    assert len(left) == 1
    policy = {"Version": "2012-10-17", "Statement": [{**world.policy["Statement"][0], "Action": left}]}
    world.stream = world.built(aws.user(policy))
    with pytest.raises(RecoverOpsError, match=f"the permission {missing} is missing on {world.arn}"):
        world.read()
    assert world.left == 1


def test_a_key_of_ones_own_may_decrypt_by_way_of_sqs_only(aws: Aws, root: Key) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    (found,) = [one for one in World(aws, root, keys=[key]).policy["Statement"] if "kms:Decrypt" in one["Action"]]
    assert found["Resource"] == key
    assert found["Condition"] == {"StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}}


def test_the_policy_names_the_queue_and_another_queue_is_refused(aws: Aws, root: Key) -> None:
    world, other = World(aws, root), World(aws, root)
    assert [one["Resource"] for one in world.policy["Statement"]] == [world.arn]
    other.send(on_web())
    other.stream = other.built(world.key)
    with pytest.raises(RecoverOpsError, match="the permission sqs:ReceiveMessage is missing"):
        other.read()


def test_a_throttled_call_is_tried_again(aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]]) -> None:
    from recoverops.testing.aws.faults import Fault

    world = World(aws, root)
    world.send(on_web())
    aws.faults.plan("sqs:ReceiveMessage", Fault.THROTTLED)
    assert len(world.read().alerts) == 1
    assert calls()["sqs:ReceiveMessage"] >= 2


def test_a_queue_of_an_unknown_account_is_refused_at_start() -> None:
    arn = f"arn:aws:sqs:{REGION}:999999999999:q"
    services: dict[str, Service] = {}
    with pytest.raises(RecoverOpsError, match="is of an account or region that `accounts` does not have"):
        Shop(aws=Aws(1), services=services, settings={"inbox": {"queues": {"arns": [arn]}}, "actions": []}).parts(
            Key(id="x", secret="y")
        )
