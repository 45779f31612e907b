"""The stream `aws-objects`, against the double of AWS with the rights of the generated policy."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, service
from tests.unit.plugins.aws.test_access_log import line
from tests.unit.plugins.aws.test_trail import trail

from recoverops.clock import SystemClock
from recoverops.model import Batch, RecoverOpsError, UnreachableError
from recoverops.ports import StreamSource
from recoverops.testing import check_stream_source
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.faults import Fault

_NUMBERS = itertools.count(1)
PREFIX = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"


class World:
    """A bucket of its own, and the stream that reads it."""

    def __init__(self, aws: Aws, root: Key, *, kind: str = "cloudtrail", **settings: Any) -> None:
        self.aws, self.s3 = aws, aws.admin("s3")
        self.bucket = f"logs-{next(_NUMBERS)}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        objects = [{"bucket": self.bucket, "prefix": PREFIX, "kind": kind, **settings}]
        self.shop = Shop(
            aws=aws,
            services={
                "web": service("web", "asg id=web-group"),
                "front": service("front", "elb-target id=front/i-0123456789abcdef0"),
            },
            settings={"inbox": {"objects": objects}, "actions": []},
        )
        (policy,) = self.shop.parts(root).policies
        self.policy: dict[str, Any] = json.loads(policy.document)
        self.key = aws.user(self.policy)
        self.stream = self.built(self.key)
        (self.part,) = self.stream.parts(()).ready

    def built(self, key: Key) -> StreamSource:
        return next(one for one in self.shop.parts(key).streams if one.name == "aws-objects")

    def put(self, name: str, body: bytes, *, days_ago: int = 0, minutes_ago: float = 0) -> str:
        """In the folder of that day, written that long ago."""
        at = SystemClock().now() - timedelta(days=days_ago, minutes=minutes_ago)
        key = f"{PREFIX}{at:%Y/%m/%d}/{name}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        from moto.s3.models import s3_backends

        s3_backends[ACCOUNT]["aws"].buckets[self.bucket].keys[key].last_modified = at.astimezone(UTC).replace(
            tzinfo=None
        )
        return key

    def put_trail(self, name: str, *ids: str, **when: Any) -> str:
        records = [
            trail("autoscaling", "SetDesiredCapacity", {"autoScalingGroupName": "web-group"}, eventID=one)
            for one in ids
        ]
        return self.put(name, gzip.compress(json.dumps({"Records": records}).encode()), **when)

    def read(self, position: str = "") -> Batch:
        batch = self.stream.poll(self.part, position)
        self.stream.committed(batch)
        return batch


def ids(batch: Batch) -> list[str]:
    return [one.id for one in batch.events]


def test_the_stream_keeps_the_contract_of_streams_with_the_generated_policy(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    for number in range(3):
        world.put_trail(f"{number}.json.gz", f"e{number}", minutes_ago=3 - number)
    batches = check_stream_source(world.stream, cut_off=aws.faults.cut_off)
    assert [one for batch in batches for one in ids(batch)] == ["e0", "e1", "e2"]
    assert {one.resources[0].name for batch in batches for one in batch.events} == {"web"}


def test_each_object_is_read_once_and_in_the_order_of_writing(
    aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]]
) -> None:
    world = World(aws, root)
    world.put_trail("z.json.gz", "first", minutes_ago=3)
    world.put_trail("a.json.gz", "second", minutes_ago=2)
    first = world.read()
    assert ids(first) == ["first", "second"]
    second = world.read(first.position)
    assert (ids(second), second.position) == ([], first.position)
    world.put_trail("m.json.gz", "third", minutes_ago=0)
    assert ids(world.read(second.position)) == ["third"]
    assert calls()["s3:GetObject"] == 3


def test_an_object_that_appears_late_is_read_all_the_same_and_one_that_is_later_still_is_not(
    aws: Aws, root: Key
) -> None:
    world = World(aws, root, late="10m")
    world.put_trail("now.json.gz", "now")
    first = world.read()
    world.put_trail("late.json.gz", "late", minutes_ago=9)
    world.put_trail("lost.json.gz", "lost", minutes_ago=11)
    second = world.read(first.position)
    assert ids(second) == ["late"]
    assert ids(world.read(second.position)) == []


def test_after_an_outage_the_days_between_are_caught_up_twenty_objects_at_a_time(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    world.put_trail("0.json.gz", "before", minutes_ago=0)
    position = world.read().position
    old = (SystemClock().now() - timedelta(days=2)).isoformat()
    position = json.dumps({**json.loads(position), "until": old, "seen": {}})
    for number in range(22):
        world.put_trail(f"{number:02}.json.gz", f"e{number:02}", days_ago=1, minutes_ago=22 - number)
    first = world.read(position)
    assert (len(ids(first)), first.more) == (20, True)
    assert first.behind is not None
    assert first.behind > timedelta(hours=23)
    second = world.read(first.position)
    assert (ids(second), second.more) == (["e20", "e21", "before"], False)


BROKEN = {
    "no gzip after all": (b"\x1f\x8b broken", "it is broken gzip"),
    "gzip that ends too early": (gzip.compress(b"x" * 5000)[:30], "ends too early"),
    "no json": (gzip.compress(b"hello"), "this is not a file of CloudTrail"),
    "a bomb": (gzip.compress(b"0" * 3_000_000), "more than 1000000 bytes when unpacked"),
    "too large": (b"0" * 1_000_001, "more than 1000000 "),
}


def test_broken_objects_are_reported_and_skipped_and_never_come_again(aws: Aws, root: Key) -> None:
    world = World(aws, root, max_bytes=1_000_000)
    for number, (body, _) in enumerate(BROKEN.values()):
        world.put(f"{number}.json.gz", body, minutes_ago=9 - number)
    world.put_trail("good.json.gz", "good")
    batch = world.read()
    assert batch.unreadable == len(BROKEN)
    told = [one.summary for one in batch.events if one.kind == "other"]
    for (_, words), summary in zip(BROKEN.values(), told, strict=True):
        assert words in summary
        assert f"the object s3://{world.bucket}/" in summary
    assert "good" in ids(batch)
    after = world.read(batch.position)
    assert (after.unreadable, after.events) == (0, ())


def test_more_records_than_allowed_are_counted(aws: Aws, root: Key) -> None:
    world = World(aws, root, max_lines=2)
    world.put_trail("many.json.gz", "a", "b", "c", "d")
    batch = world.read()
    assert (ids(batch), batch.unreadable) == (["a", "b"], 2)


def test_access_logs_become_samples_of_the_service_behind_a_target_group(aws: Aws, root: Key) -> None:
    world = World(aws, root, kind="alb-access-log")
    at = datetime(2026, 1, 31, 11, 57, 30, tzinfo=UTC)
    lines = [line(at=at, took=0.1 * number, status=502 if number > 18 else 200) for number in range(1, 21)]
    lines += [line(at=at, group="arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/other/1"), "junk"]
    world.put("app.log.gz", gzip.compress("\n".join(lines).encode()))
    batch = world.read()
    values = {one.metric: one.value for one in batch.samples}
    assert values == {
        "http.server.request.rate": pytest.approx(20 / 300),
        "http.server.error_ratio": pytest.approx(0.1),
        "http.server.duration.p95": pytest.approx(1.9),
    }
    assert {(one.resource.name, one.at) for one in batch.samples} == {("front", datetime(2026, 1, 31, 12, tzinfo=UTC))}
    assert batch.samples[0].detail == "20 requests, 2 of them 5xx, from 11:55 to 12:00 UTC"
    assert batch.unreadable == 1


@pytest.mark.parametrize("missing", ["s3:ListBucket", "s3:GetObject"])
def test_without_one_permission_the_stream_says_which_and_nothing_is_skipped(aws: Aws, root: Key, missing: str) -> None:
    world = World(aws, root)
    world.put_trail("0.json.gz", "e0")
    left = [one for one in world.policy["Statement"] if missing not in one["Action"]]
    assert len(left) == 1
    world.stream = world.built(aws.user({"Version": "2012-10-17", "Statement": left}))
    with pytest.raises(RecoverOpsError, match=f"the permission {missing} is missing on arn:aws:s3:::{world.bucket}"):
        world.read()
    world.stream = world.built(world.key)
    assert ids(world.read()) == ["e0"]


def test_the_policy_names_the_prefix_and_nothing_beside_it_can_be_read(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    look, read = sorted(world.policy["Statement"], key=lambda one: one["Action"][0] == "s3:GetObject")
    assert look["Resource"] == f"arn:aws:s3:::{world.bucket}"
    assert look["Condition"] == {"StringLike": {"s3:prefix": f"{PREFIX}*"}}
    assert read["Resource"] == f"arn:aws:s3:::{world.bucket}/{PREFIX}*"
    client = aws.client("s3", world.key)
    world.s3.put_object(Bucket=world.bucket, Key="other/x", Body=b"x")
    from botocore.exceptions import ClientError

    for call, asked in (
        ("get_object", {"Key": "other/x"}),
        ("list_objects_v2", {"Prefix": "other/"}),
        ("list_objects_v2", {}),
        ("put_object", {"Key": f"{PREFIX}x", "Body": b"x"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(Bucket=world.bucket, **asked)


def test_s3_that_is_away_loses_nothing(aws: Aws, root: Key) -> None:
    world = World(aws, root)
    world.put_trail("0.json.gz", "e0")
    aws.faults.plan("s3:GetObject", *[Fault.SILENT] * 2)
    with pytest.raises(UnreachableError):
        world.read()
    aws.faults.plan("s3:GetObject", Fault.THROTTLED)
    aws.faults.forget()
    assert ids(world.read()) == ["e0"]
