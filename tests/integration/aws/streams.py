"""A Kinesis stream of log records on the double, who reads it, and what the store then has."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.integration.aws.conftest import Shop

from recoverops.api.telemetry import Metrics
from recoverops.app.streams import StreamWorker
from recoverops.clock import SystemClock
from recoverops.model import Sample, Service
from recoverops.pipeline import StreamIntake
from recoverops.ports import StreamSource
from recoverops.storage import SqlStore, StorageSettings, open_store
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.topology import Inventory

_NUMBERS = itertools.count(1)
GROUP = "/ecs/shop/checkout"
SERVICES = {"checkout": Service(name="checkout", group="shop", address={"aws-logs": GROUP})}
MESSAGES = (
    "INFO order paid",
    "WARN payment took 900 ms",
    "ERROR connection refused by payments",
    "INFO order shipped",
)
"""Event n says message n modulo 4."""
SIGNS = {"severity:info": 2, "severity:warn": 1, "severity:error": 1, "log.dependency": 1}
"""What four events in a row count for."""


def subscription(first: int, count: int, *, at: float, group: str = GROUP) -> bytes:
    """As CloudWatch Logs puts it into a stream: gzipped JSON with many events, the ids of which are numbers."""
    events = [
        {"id": f"{number:056d}", "timestamp": int(at * 1000), "message": MESSAGES[number % len(MESSAGES)]}
        for number in range(first, first + count)
    ]
    told = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": group,
        "logStream": "checkout/main/1",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(told).encode(), 1)


class Stream:
    """One stream of its own."""

    def __init__(self, aws: Aws, *, shards: int = 2) -> None:
        self.aws = aws
        self.name = f"logs-{next(_NUMBERS)}"
        self.arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{self.name}"
        self.kinesis = aws.admin("kinesis")
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self.sent = 0

    def send(self, events: int, *, each: int = 20, repeat_every: int = 0) -> None:
        """`repeat_every`: each so many-th record is sent twice, as producers do whose answer is lost."""
        payloads: list[bytes] = []
        for first in range(self.sent, self.sent + events, each):
            payload = subscription(first, each, at=time.time())
            is_repeated = repeat_every and (first // each) % repeat_every == 0
            payloads += [payload, payload] if is_repeated else [payload]
        self.sent += events
        self.put(payloads)

    def put(self, payloads: Iterable[bytes]) -> None:
        left = iter(payloads)
        while chunk := list(itertools.islice(left, 500)):
            records = [{"Data": data, "PartitionKey": str(number)} for number, data in enumerate(chunk)]
            self.kinesis.put_records(StreamName=self.name, Records=records)

    def open_shards(self) -> list[dict[str, Any]]:
        listed = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        found = [one for one in listed if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
        return sorted(found, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))

    def split(self) -> None:
        """The first open shard, in the middle."""
        shard = self.open_shards()[0]
        keys = shard["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self.kinesis.split_shard(StreamName=self.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))

    def merge(self) -> None:
        """The last two open shards."""
        one, other = self.open_shards()[-2:]
        self.kinesis.merge_shards(
            StreamName=self.name, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"]
        )

    def shop(self, services: Mapping[str, Service] | None = None, **settings: Any) -> Shop:
        given = {"actions": [], "kinesis": [{"arn": self.arn, "start": "oldest", "shards_every": "1s", **settings}]}
        return Shop(aws=self.aws, services=dict(SERVICES if services is None else services), settings=given)

    def source(self, key: Key, *, attempts: int = 2, **settings: Any) -> StreamSource:
        (source,) = self.shop(**settings).parts(key, attempts=attempts).streams
        return source


class Reader:
    """A worker on a store of its own, stepped by hand."""

    def __init__(self, directory: Path, source: StreamSource, *, services: Mapping[str, Service] | None = None) -> None:
        self.clock = SystemClock()
        self.source = source
        self.store: SqlStore = open_store(StorageSettings(), data_dir=directory, clock=self.clock)
        self.delivered: list[Sample] = []
        self.metrics = Metrics()
        inventory = Inventory((SERVICES if services is None else services).values())
        intake = StreamIntake(
            source.name, store=self.store, clock=self.clock, inventory=inventory, max_age=timedelta(minutes=5)
        )
        self.worker = StreamWorker(
            source,
            intake,
            self.store,
            self.clock,
            self.metrics,
            owner="engine",
            lease=timedelta(seconds=30),
            deliver=self.delivered.extend,
            alerts_stored=lambda: None,
        )

    def read_until(self, records: int, *, within_s: float = 60.0) -> None:
        """Round after round until so many are counted."""
        self.worker.ask_to_stop()  # so that no round waits at its end
        deadline = time.monotonic() + within_s
        while sum(counts_of(self.store, self.source.name).values()) < records:
            assert time.monotonic() < deadline, (counts_of(self.store, self.source.name), self.worker.status)
            self.worker.round()

    def close(self) -> None:
        self.store.close()


def counts_of(store: SqlStore, source: str, *, signs: bool = False) -> Counter[str]:
    """Records by severity, and by sign on demand."""
    since = SystemClock().now() - timedelta(days=1)
    found: Counter[str] = Counter()
    for one in store.read(lambda tx: tx.streams.counts(source, since=since)):
        if signs or one.what.startswith("severity:"):
            found[one.what] += one.records
    return found


def unknown_ids(store: SqlStore, source: str, count: int) -> int:
    """How many of the ids that were sent the store has not counted."""
    ids = [f"{number:056d}" for number in range(count)]

    class _Rolled(Exception):  # noqa: N818 - carries the answer out of a transaction that is not to be kept
        pass

    answer = -1

    def look(tx: Any) -> None:
        nonlocal answer
        answer = len(tx.streams.new_among(source, ids, at=SystemClock().now()))
        raise _Rolled

    try:
        store.write(look)
    except _Rolled:
        return answer
    raise AssertionError("it always rolls back")


def expected(events: int) -> Counter[str]:
    return Counter({what: each * (events // len(MESSAGES)) for what, each in SIGNS.items()})
