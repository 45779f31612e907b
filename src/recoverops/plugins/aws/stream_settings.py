"""Settings of the sources that read streams: Kinesis and CloudWatch Logs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration

Start = Literal["latest", "oldest"]
GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./#-]+$", max_length=512)]


class LogGroupSettings(BaseModel):
    """A log group, and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: GroupName = Field(description="Its name, e.g. /ecs/shop/checkout. No default.")
    account: str | None = Field(
        default=None, description="The account that it is in, by name. Default: the only account that there is."
    )
    region: str | None = Field(default=None, description="Its region. Default: the only region of the account.")
    service: str | None = Field(
        default=None,
        description="The service of the inventory that writes into it. Default: whichever says in its address "
        "`aws-logs` that it does, or the Lambda function or RDS instance that AWS named the group after; else the "
        "attributes of each record choose.",
    )
    format: Literal["lambda", "ecs", "rds", "ec2", "any"] | None = Field(
        default=None, description="How its lines are written: lambda, ecs, rds, ec2 or any. Default: by its name."
    )


class KinesisSettings(BaseModel):
    """A Kinesis data stream of log records."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    arn: str = Field(
        pattern=r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]{1,128}$",
        description="Its ARN. No default. Account and region have to be among `accounts`.",
    )
    every: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=200),
        le=timedelta(minutes=5),
        description="How often its shards are asked for records, 200ms to 5m. Default 1s; AWS allows five reads a "
        "second and shard for all readers together.",
    )
    shards_every: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How often is looked which shards there are, 1s to 1h; the end of a shard is noticed at once. "
        "Default 30s.",
    )
    start: Start = Field(
        default="latest",
        description="Where reading begins the first time: `latest`, or `oldest` for everything that the stream still "
        "has. Default `latest`. Later it goes on where it was, however long that is ago.",
    )
    service: str | None = Field(
        default=None,
        description="The service that records are about which come from no log group and name none. Default none.",
    )


class LogsSettings(BaseModel):
    """The source `cloudwatch-logs`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How often each log group is asked for new events, 1s to 1h. Default 10s: one call a group, of "
        "which AWS allows five a second, in some regions ten.",
    )
    late: Duration = Field(
        default=timedelta(minutes=2),
        ge=timedelta(seconds=10),
        le=timedelta(hours=1),
        description="How far back is read again at each poll, for events that arrive late, 10s to 1h; below "
        "`storage.retention.stream_ids`. Default 2m. What came before is told by its id and counts once.",
    )
    start: Start = Field(
        default="latest",
        description="Where reading begins the first time: `latest`, or `oldest` for the last hour. Default `latest`.",
    )
    pattern: str = Field(
        default="",
        max_length=1024,
        description="Only events that match this filter pattern of CloudWatch Logs are read. Default none: all are.",
    )
