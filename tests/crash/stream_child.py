"""A process that reads a Kinesis stream into a store until it is killed. Started by `test_stream_kills.py`.

Arguments: data directory, the double's address, access key id and secret, the stream's ARN, log records a batch;
for one of several on a PostgreSQL also its address, a name, and the seconds of a lease.
"""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from recoverops.api.telemetry import Metrics
from recoverops.app.streams import StreamWorker
from recoverops.clock import SystemClock
from recoverops.model import Service
from recoverops.pipeline import StreamIntake
from recoverops.plugins.aws import AwsSettings, plugin
from recoverops.plugins.aws.sources.kinesis import KinesisSource
from recoverops.ports import PluginContext
from recoverops.storage import DirectoryLock, StorageSettings, open_store
from recoverops.topology import Inventory


def main(
    directory: str,
    url: str,
    key: str,
    secret: str,
    arn: str,
    at_once: str,
    database: str = "",
    owner: str = "engine",
    lease_s: str = "30",
) -> None:
    clock = SystemClock()
    account = {"name": "shop", "id": arn.split(":")[4], "regions": [arn.split(":")[3]]}
    settings = {
        "accounts": [account],
        "access_key": "env:ID",
        "secret_key": "env:SECRET",
        "endpoint_url": url,
        "timeout": "20s",
        "kinesis": [{"arn": arn, "start": "oldest", "every": "200ms", "shards_every": "1s"}],
    }
    services = {"checkout": Service(name="checkout", group="shop", address={"aws-logs": "/ecs/shop/checkout"})}
    secrets = {"env:ID": key, "env:SECRET": secret}
    context = PluginContext(clock=clock, services=services, secret=secrets.__getitem__)
    (source,) = plugin.build(AwsSettings.model_validate(settings), context).streams
    assert isinstance(source, KinesisSource)
    source.most_records = int(at_once)
    with DirectoryLock(Path(directory), clock):
        settings_of_store = StorageSettings(url=SecretStr(database))
        # on PostgreSQL two of these share the shards, which two engines would not
        store = open_store(settings_of_store, data_dir=Path(directory), clock=clock, is_engine=not database)
        intake = StreamIntake(
            source.name,
            store=store,
            clock=clock,
            inventory=Inventory(services.values()),
            max_age=timedelta(minutes=5),
        )
        worker = StreamWorker(
            source,
            intake,
            store,
            clock,
            Metrics(),
            owner=owner,
            lease=timedelta(seconds=float(lease_s)),
            deliver=lambda samples: None,
            alerts_stored=lambda: None,
        )
        worker.start()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
