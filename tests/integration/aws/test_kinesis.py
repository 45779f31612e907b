"""The source `kinesis-<stream>` against the double of AWS."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.integration.aws.streams import Reader, Stream, counts_of, expected, subscription, unknown_ids

from recoverops.model import ComponentState, ForbiddenError, MisconfiguredError, NotFoundError
from recoverops.ports import StreamSource
from recoverops.testing import check_stream_source
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.faults import Fault

PERMISSIONS = ("kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords")


@pytest.fixture
def stream(aws: Aws) -> Stream:
    return Stream(aws)


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Callable[[StreamSource], Reader]]:
    readers: list[Reader] = []

    def begin(source: StreamSource) -> Reader:
        readers.append(Reader(tmp_path / "data", source))
        return readers[-1]

    yield begin
    for reader in readers:
        reader.close()


def read(source: StreamSource) -> None:
    for part in source.parts(()).ready:
        source.poll(part, "")


def policy_of(stream: Stream, key: Key) -> str:
    (policy,) = stream.shop().parts(key).policies
    return policy.document


def test_it_keeps_the_contract_with_the_generated_policy_which_names_the_stream_alone(
    aws: Aws, root: Key, stream: Stream
) -> None:
    stream.send(100, each=10)
    document = json.loads(policy_of(stream, root))
    (statement,) = document["Statement"]
    assert (statement["Resource"], statement["Action"]) == (stream.arn, sorted(PERMISSIONS))
    batches = check_stream_source(stream.source(aws.user(document)), cut_off=aws.faults.cut_off)
    assert sum(len(one.logs) for one in batches) == 100
    assert {str(one.resource) for batch in batches for one in batch.logs} == {"service:checkout"}


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_without_one_permission_it_says_which_and_on_what(aws: Aws, root: Key, stream: Stream, missing: str) -> None:
    policy = json.loads(policy_of(stream, root).replace(f'"{missing}"', '"kinesis:DescribeStreamSummary"'))
    source = stream.source(aws.user(policy))
    with pytest.raises(ForbiddenError, match=f"the permission {missing} is missing on {stream.arn}"):
        read(source)


def test_another_stream_is_out_of_scope(aws: Aws, root: Key, stream: Stream) -> None:
    key = aws.user(json.loads(policy_of(stream, root)))
    other = Stream(aws)
    with pytest.raises(ForbiddenError, match=f"kinesis:ListShards is missing on {other.arn}"):
        other.source(key).parts(())


def test_a_stream_is_read_through_a_split_and_a_merge_with_nothing_lost_and_nothing_twice(
    root: Key, stream: Stream, reading: Callable[[StreamSource], Reader]
) -> None:
    reader = reading(stream.source(root))
    stream.send(2000, repeat_every=7)
    stream.split()
    stream.send(2000, repeat_every=7)
    reader.read_until(2000)
    stream.merge()
    stream.send(2000)
    reader.read_until(6000)

    assert counts_of(reader.store, reader.source.name, signs=True) == expected(6000)
    assert unknown_ids(reader.store, reader.source.name, 6000) == 0
    marks = {one.part: one for one in reader.store.read(lambda tx: tx.streams.marks(reader.source.name))}
    assert len(marks) == 5
    reader.worker.round()
    ended = {one.part for one in reader.store.read(lambda tx: tx.streams.marks(reader.source.name)) if one.is_finished}
    assert len(ended) == 3
    errors = [one.value for one in reader.delivered if (one.resource.name, one.metric) == ("checkout", "log.errors")]
    assert max(errors) > 0, "those of the last seconds"


def test_children_are_not_read_before_their_parents_are_drained(root: Key, aws: Aws) -> None:
    stream = Stream(aws, shards=1)
    stream.send(20)
    stream.split()
    source = stream.source(root)
    (parent,) = source.parts(()).ready
    assert parent == "shardId-000000000000"


def test_a_call_brings_a_full_batch_and_a_drained_stream_one_call_a_shard(
    root: Key, stream: Stream, calls: Callable[[], Mapping[str, int]]
) -> None:
    stream.send(1500, each=1)
    source = stream.source(root)
    positions = {}
    for part in source.parts(()).ready:
        positions[part] = source.poll(part, "").position
    assert calls()["kinesis:GetRecords"] == 2
    for part, position in positions.items():
        assert source.poll(part, position).logs == ()
    assert calls() == {
        "sts:GetCallerIdentity": 1,
        "kinesis:ListShards": 1,
        "kinesis:GetShardIterator": 2,
        "kinesis:GetRecords": 4,
    }


def test_an_iterator_that_has_expired_is_got_anew_from_the_mark(root: Key, aws: Aws) -> None:
    stream = Stream(aws, shards=1)
    stream.send(40)
    source = stream.source(root)
    (part,) = source.parts(()).ready
    first = source.poll(part, "")
    aws.iterators.expire_iterators()
    stream.send(20)
    again = source.poll(part, first.position)
    assert [int(one.id) for one in again.logs] == list(range(40, 60))


def test_reading_from_the_latest_skips_what_was_there_and_nothing_of_what_comes(root: Key, aws: Aws) -> None:
    stream = Stream(aws, shards=1)
    stream.send(20)
    time.sleep(0.01)  # the time of a record and ours are those of one clock, in milliseconds
    source = stream.source(root, start="latest")
    (part,) = source.parts(()).ready
    begun = source.poll(part, "")
    assert begun.position.startswith("at:")
    stream.send(20)
    assert [int(one.id) for one in source.poll(part, begun.position).logs] == list(range(20, 40))
    anew = stream.source(root, start="latest").poll(part, begun.position)
    assert [int(one.id) for one in anew.logs] == list(range(20, 40))


def test_control_messages_damaged_records_and_lines_are_told_apart(
    root: Key, stream: Stream, reading: Callable[[StreamSource], Reader]
) -> None:
    control = gzip.compress(gzip.decompress(subscription(0, 1, at=time.time())).replace(b"DATA_", b"CONTROL_"))
    stream.put([control, b"\x1f\x8bdamaged", b'{"level":"error","message":"x","service":"checkout"}\nplain words'])
    reader = reading(stream.source(root))
    reader.read_until(2)
    page = reader.metrics.page().decode()
    labels = f'outcome="unreadable",source="{reader.source.name}",what="records"'
    assert f"recoverops_stream_taken_total{{{labels}}} 1.0" in page


def test_throttled_at_thirty_percent_with_credentials_that_expire_nothing_is_lost(
    aws: Aws, root: Key, stream: Stream, reading: Callable[[StreamSource], Reader]
) -> None:
    role = aws.role(json.loads(policy_of(stream, root)))
    assume = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}]}
    account = {"name": "shop", "id": "123456789012", "regions": ["eu-central-1"], "role": role}
    (source,) = stream.shop().parts(aws.user(assume), accounts=[account], attempts=3).streams
    reader = reading(source)
    with aws.faults.throttling(0.3):
        for number in range(3):
            stream.send(400, each=10, repeat_every=9)
            if number == 1:
                stream.split()
            reader.read_until(400 * number + 10)
            aws.expire_credentials()
        reader.read_until(1200)
    assert counts_of(reader.store, source.name, signs=True) == expected(1200)
    assert unknown_ids(reader.store, source.name, 1200) == 0


def test_a_lost_answer_costs_a_call_and_no_record(
    aws: Aws, root: Key, stream: Stream, reading: Callable[[StreamSource], Reader]
) -> None:
    stream.send(200, each=10)
    reader = reading(stream.source(root, attempts=1))
    aws.faults.plan("kinesis:GetRecords", Fault.LOST, Fault.LOST)
    reader.worker.ask_to_stop()
    reader.worker.round()
    assert reader.worker.status.state is ComponentState.UNREACHABLE
    assert "kinesis:GetRecords" in reader.worker.status.statement
    reader.read_until(200)
    assert counts_of(reader.store, reader.source.name, signs=True) == expected(200)


def test_a_stream_of_no_account_and_a_service_that_is_not_there_are_refused(root: Key, stream: Stream) -> None:
    with pytest.raises(MisconfiguredError, match="it does not say which account"):
        stream.source(root, arn=stream.arn.replace("123456789012", "999999999999"))
    with pytest.raises(MisconfiguredError, match='there is no service "nobody"; there are: checkout'):
        stream.source(root, service="nobody")


def test_a_stream_that_is_not_there_is_told(root: Key, stream: Stream) -> None:
    source = stream.source(root, arn=f"{stream.arn}-gone")
    with pytest.raises(NotFoundError, match=r"kinesis:ListShards"):
        source.parts(())
