"""The source `cloudwatch-logs` against the double of AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop
from tests.integration.aws.streams import Reader, counts_of

from recoverops.clock import SystemClock
from recoverops.model import ForbiddenError, Service
from recoverops.ports import StreamSource
from recoverops.testing import check_stream_source
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.faults import Fault

_NUMBERS = itertools.count(1)
CALL = "logs:FilterLogEvents"


def ago(seconds: float) -> int:
    return int((SystemClock().now() - timedelta(seconds=seconds)).timestamp() * 1000)


class World:
    """A log group of its own, of the service checkout."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.logs = aws, aws.admin("logs")
        self.group = f"/ecs/shop/checkout-{next(_NUMBERS)}"
        self.services = {"checkout": Service(name="checkout", group="shop", address={"aws-logs": self.group})}
        self.logs.create_log_group(logGroupName=self.group)
        self.logs.create_log_stream(logGroupName=self.group, logStreamName="a")

    @property
    def arn(self) -> str:
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.group}:*"

    def write(self, *messages: str, at: int | None = None) -> None:
        stamp = ago(0) if at is None else at
        events = [{"timestamp": stamp, "message": one} for one in messages]
        for start in range(0, len(events), 1000):
            chunk = events[start : start + 1000]
            self.logs.put_log_events(logGroupName=self.group, logStreamName="a", logEvents=chunk)

    def shop(self, **settings: Any) -> Shop:
        given = {"actions": [], "logs": {"start": "oldest", "every": "1s", **settings}}
        return Shop(aws=self.aws, services=self.services, settings=given)

    def source(self, key: Key, **settings: Any) -> StreamSource:
        (source,) = self.shop(**settings).parts(key).streams
        return source


@pytest.fixture
def world(aws: Aws) -> World:
    return World(aws)


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Callable[[StreamSource], Reader]]:
    readers: list[Reader] = []

    def begin(source: StreamSource) -> Reader:
        readers.append(Reader(tmp_path / "data", source))
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()


def policy_of(world: World, key: Key) -> Mapping[str, Any]:
    (policy,) = world.shop().parts(key).policies
    document: Mapping[str, Any] = json.loads(policy.document)
    return document


def test_it_keeps_the_contract_with_the_generated_policy_which_names_the_group_alone(
    aws: Aws, root: Key, world: World
) -> None:
    world.write("INFO paid", "ERROR refused password=hunter22", at=ago(5))
    document = policy_of(world, root)
    (statement,) = document["Statement"]
    assert (statement["Action"], statement["Resource"]) == ([CALL], world.arn)
    batches = check_stream_source(world.source(aws.user(document)), cut_off=aws.faults.cut_off)
    records = [one for batch in batches for one in batch.logs]
    assert [one.body for one in records] == ["INFO paid", "ERROR refused password=[redacted]"]
    assert {str(one.resource) for one in records} == {"service:checkout"}
    assert records[0].attributes["aws.log.stream.names"] == "a"


def test_without_the_permission_and_for_another_group_it_says_so(aws: Aws, root: Key, world: World) -> None:
    other = World(aws)
    nothing = json.loads(json.dumps(policy_of(world, root)).replace(CALL, "logs:DescribeLogGroups"))
    for source in (world.source(aws.user(policy_of(other, root))), world.source(aws.user(nothing))):
        (part,) = source.parts(()).ready
        begun = source.poll(part, "")
        with pytest.raises(ForbiddenError, match=rf"the permission {CALL} is missing on .*{world.group}"):
            source.poll(part, begun.position)


def test_a_late_event_is_read_and_what_was_read_counts_once(
    root: Key, world: World, reading: Callable[[StreamSource], Reader]
) -> None:
    reader = reading(world.source(root, late="2m"))
    world.write("INFO one", "ERROR two", at=ago(10))
    reader.read_until(2)
    world.write("INFO late", at=ago(60))
    world.write("INFO new")
    reader.read_until(4)
    reader.worker.round()
    assert counts_of(reader.store, reader.source.name) == {"severity:info": 3, "severity:error": 1}
    assert 'outcome="duplicate"' not in reader.metrics.page().decode(), "known ones are left out before the store"


def test_after_a_restart_the_last_minutes_are_read_again_and_counted_once(
    root: Key, world: World, tmp_path: Path
) -> None:
    world.write("INFO one", "INFO two", at=ago(10))
    first = Reader(tmp_path / "data", world.source(root))
    first.read_until(2)
    first.close()
    world.write("INFO three")
    second = Reader(tmp_path / "data", world.source(root))
    second.read_until(3)
    assert counts_of(second.store, second.source.name) == {"severity:info": 3}
    second.close()


def test_an_idle_group_costs_one_call_a_poll_and_no_write(
    root: Key, world: World, calls: Callable[[], Mapping[str, int]]
) -> None:
    world.write("INFO one", at=ago(10))
    source = world.source(root)
    (part,) = source.parts(()).ready
    begun = source.poll(part, "")
    batch = source.poll(part, begun.position)
    source.committed(batch)
    idle = source.poll(part, batch.position)
    assert (idle.logs, idle.position) == ((), batch.position)
    assert calls() == {"sts:GetCallerIdentity": 1, CALL: 2}


def test_many_events_come_page_by_page_and_a_page_that_is_lost_begins_the_window_anew(
    root: Key, world: World, reading: Callable[[StreamSource], Reader], calls: Callable[[], Mapping[str, int]]
) -> None:
    world.write(*(f"INFO {number}" for number in range(10_500)), at=ago(10))
    source = world.source(root)
    (part,) = source.parts(()).ready
    begun = source.poll(part, "")
    page = source.poll(part, begun.position)
    assert (len(page.logs), page.more) == (10_000, True)
    assert len(source.poll(part, page.position).logs) == 500
    broken = page.position.replace('"token":"', '"token":"x')
    again = source.poll(part, broken)
    assert len(again.logs) in {0, 10_000}, "AWS refuses the token, moto answers with nothing"
    assert calls()[CALL] <= 5


def test_a_pattern_and_a_format_are_used(root: Key, world: World) -> None:
    world.write('{"level":"error","msg":"refused"}', "nothing", at=ago(5))
    source = world.source(root, pattern="refused")
    (part,) = source.parts(()).ready
    (record,) = source.poll(part, source.poll(part, "").position).logs
    assert (record.severity.value, record.body) == ("error", "refused")


def test_throttled_at_thirty_percent_and_after_lost_answers_nothing_is_lost(
    aws: Aws, root: Key, world: World, reading: Callable[[StreamSource], Reader]
) -> None:
    reader = reading(world.source(root))
    aws.faults.plan(CALL, Fault.LOST, Fault.THROTTLED)
    with aws.faults.throttling(0.3):
        for number in range(5):
            world.write(*(f"INFO {number} {one}" for one in range(50)))
            reader.read_until(50 * number)
        reader.read_until(250)
    assert counts_of(reader.store, reader.source.name) == {"severity:info": 250}
