"""How many log records a second one process reads from Kinesis, counts and commits; and what the server alone gives.

The server is the double of AWS (moto over HTTP) in a process of its own, filled before the clock starts. The same calls
are made once more with the bare SDK and their answers thrown away: nothing that reads from this server is faster.
"""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from recoverops.api.telemetry import Metrics
from recoverops.app.streams import StreamWorker
from recoverops.clock import SystemClock
from recoverops.model import Service
from recoverops.pipeline import StreamIntake
from recoverops.plugins.aws import AwsSettings, plugin
from recoverops.ports import PluginContext
from recoverops.storage import StorageSettings, open_store
from recoverops.testing.aws import ACCOUNT, REGION, running_aws
from recoverops.topology import Inventory

FLOOR, AIM = 5_000, 20_000
GROUP = "/ecs/shop/checkout"
SHARDS = 2
SHAPES: Mapping[str, tuple[int, int]] = {"packed": (100_000, 20), "single": (20_000, 1)}
"""Stream -> log records in it, and how many of them a Kinesis record has, as a subscription packs them."""
LINES = (
    "2026-01-31T12:00:00.123Z INFO [checkout] order {} paid in 123 ms request_id=1f2e3d4c-5b6a-7980-aabb user=42",
    "2026-01-31T12:00:00.456Z WARN [checkout] order {} waits for payments, 900 ms request_id=1f2e3d4c-5b6a-7980-aabb",
    "2026-01-31T12:00:00.789Z INFO [checkout] GET /api/v1/orders/{} 200 12 ms 10.0.0.7 curl/8.5",
    "2026-01-31T12:00:01.012Z ERROR [checkout] order {}: ConnectionRefusedError: connection refused by payments:8080",
)


def measure(directory: Path) -> Iterable[Figure]:
    with _server() as server:
        for shape, (records, each) in SHAPES.items():
            taken_s, cpu_s = _read(server, shape, records, directory / f"kinesis-{shape}")
            bare_s = _bare(server, shape, records // each)
            told = f"{records:,} records, {each} in a Kinesis record; floor {FLOOR:,}, aim {AIM:,}"
            yield Figure(name=f"kinesis to store, {shape}", value=records / taken_s, unit="1/s", note=told)
            own = "the same, by the reader's own CPU time: what one core gives when nothing else is in its way"
            yield Figure(name=f"kinesis to store, {shape}, per CPU second", value=records / cpu_s, unit="1/s", note=own)
            limit = "GetRecords with the bare SDK from the same server, nothing done with the answers"
            yield Figure(name=f"kinesis, the server alone, {shape}", value=records / bare_s, unit="1/s", note=limit)


def _arn(shape: str) -> str:
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{shape}"


def _read(server: Mapping[str, str], shape: str, records: int, directory: Path) -> tuple[float, float]:
    """Seconds and CPU seconds from the first call to the last commit, by the engine's worker on a store of its own."""
    clock = SystemClock()
    services = {"checkout": Service(name="checkout", group="shop", address={"aws-logs": GROUP})}
    settings = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": "env:ID",
        "secret_key": "env:SECRET",
        "endpoint_url": server["url"],
        "timeout": "60s",
        "kinesis": [{"arn": _arn(shape), "start": "oldest"}],
    }
    secrets = {"env:ID": server["id"], "env:SECRET": server["secret"]}
    context = PluginContext(clock=clock, services=services, secret=secrets.__getitem__)
    (source,) = plugin.build(AwsSettings.model_validate(settings), context).streams
    with open_store(StorageSettings(), data_dir=directory, clock=clock) as store:
        intake = StreamIntake(
            source.name, store=store, clock=clock, inventory=Inventory(services.values()), max_age=timedelta(minutes=5)
        )
        worker = StreamWorker(
            source,
            intake,
            store,
            clock,
            Metrics(),
            owner="engine",
            lease=timedelta(minutes=1),
            deliver=lambda samples: None,
            alerts_stored=lambda: None,
        )
        source.parts(())  # the SDK's clients are made
        began, began_cpu = time.perf_counter(), time.process_time()
        counted = 0
        while counted < records:
            worker.round()
            since = clock.now() - timedelta(days=1)
            found = store.read(lambda tx, since=since: tx.streams.counts(source.name, since=since))  # type: ignore[misc]
            counted = sum(one.records for one in found if one.what.startswith("severity:"))
        return time.perf_counter() - began, time.process_time() - began_cpu


def _bare(server: Mapping[str, str], shape: str, kinesis_records: int) -> float:
    client = _client(server)
    shards = client.list_shards(StreamARN=_arn(shape))["Shards"]
    began, found = time.perf_counter(), 0
    for shard in shards:
        iterator = client.get_shard_iterator(
            StreamARN=_arn(shape), ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = client.get_records(StreamARN=_arn(shape), ShardIterator=iterator, Limit=10_000)
            found += len(answer["Records"])
            iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                break
    assert found == kinesis_records, (found, kinesis_records)
    return time.perf_counter() - began


def _client(server: Mapping[str, str]) -> Any:
    import boto3

    return boto3.client(
        "kinesis",
        endpoint_url=server["url"],
        region_name=REGION,
        aws_access_key_id=server["id"],
        aws_secret_access_key=server["secret"],
    )


@contextmanager
def _server() -> Iterator[Mapping[str, str]]:
    """The double in a process of its own, with its streams filled."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.kinesis"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        told: Mapping[str, str] = json.loads(process.stdout.readline())
        yield told
    finally:
        process.stdin.close()
        process.wait(30)


def _serve() -> None:
    """Until standard input ends."""
    with running_aws() as aws:
        for shape, (records, each) in SHAPES.items():
            aws.admin("kinesis").create_stream(StreamName=shape, ShardCount=SHARDS)
            payloads = (_subscription(first, each) for first in range(0, records, each))
            while chunk := list(itertools.islice(payloads, 500)):
                sent = [{"Data": data, "PartitionKey": str(number)} for number, data in enumerate(chunk)]
                aws.admin("kinesis").put_records(StreamName=shape, Records=sent)
        may = {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}
        key = aws.user({"Version": "2012-10-17", "Statement": [may]})
        print(json.dumps({"url": aws.url, "id": key.id, "secret": key.secret}), flush=True)
        sys.stdin.read()


def _subscription(first: int, count: int) -> bytes:
    now = int(time.time() * 1000)
    events = [
        {"id": f"{number:056d}", "timestamp": now, "message": LINES[number % len(LINES)].format(number)}
        for number in range(first, first + count)
    ]
    told = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": GROUP,
        "logStream": "checkout/main/1",
        "subscriptionFilters": ["all"],
        "logEvents": events,
    }
    return gzip.compress(json.dumps(told).encode(), 1)


if __name__ == "__main__":
    _serve()
