"""The settings of what is read from AWS piece by piece: queues of SQS, objects of S3, and what counts as suspicious."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.model import Duration

QueueArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sqs:[a-z]{2}(-[a-z]+)+-[0-9]{1,2}:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$")
]
KeyArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$")]
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
ObjectKind = Literal["alb-access-log", "cloudtrail"]


class QueuesSettings(BaseModel):
    """The stream `aws-queues`: alarms, events and notifications of new objects that wait in queues of SQS."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    arns: tuple[QueueArn, ...] = Field(
        min_length=1,
        max_length=50,
        strict=False,
        description="ARNs of the queues, of accounts and regions under `accounts`. No default. Whoever may send to "
        "them is believed: guard that with the policies of the queues.",
    )
    every: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=5),
        description="How long after an empty answer the next question follows, 100ms to 5m. Default 1s.",
    )
    wait: Duration = Field(
        default=timedelta(seconds=3),
        ge=timedelta(0),
        le=timedelta(seconds=10),
        description="How long SQS waits for a message before it answers, in whole seconds, 0 to 10s, and less than "
        "`timeout`. Default 3s: with several queues each waits for the ones before it.",
    )
    visibility: Duration = Field(
        default=timedelta(minutes=2),
        ge=timedelta(seconds=10),
        le=timedelta(hours=12),
        description="How long a message that was read stays hidden from others, 10s to 12h; when it is not deleted "
        "until then, it is delivered again. Default 2m: longer than reading objects takes.",
    )
    give_up_after: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="At which delivery a message that nobody can read is reported as an event and deleted, 1 to 1000. "
        "Default 5; a dead-letter queue with a smaller maxReceiveCount gets it first.",
    )


class ObjectsSettings(BaseModel):
    """One prefix of a bucket of the stream `aws-objects`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bucket: Bucket = Field(description="The bucket's name, without `s3://`. No default.")
    prefix: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[A-Za-z0-9!_.'()/=-]+/$",
        description="What all keys begin with, up to the folders by year, month and day, e.g. "
        "`AWSLogs/123456789012/CloudTrail/eu-central-1/`. No default.",
    )
    kind: ObjectKind = Field(description="What the objects are: alb-access-log or cloudtrail. No default.")
    account: str | None = Field(
        default=None, description="The account (its name) by which the bucket is read. Default: the only one."
    )
    region: str | None = Field(default=None, description="The bucket's region. Default: the account's only one.")
    listed: bool = Field(
        default=True,
        description="Whether new objects are looked for by listing. Default true; write false when a queue of `queues` "
        "is told of them, so that they are not read twice.",
    )
    late: Duration = Field(
        default=timedelta(minutes=15),
        ge=timedelta(minutes=1),
        le=timedelta(hours=24),
        description="How long after a newer one an object may still appear, 1m to 24h. Default 15m.",
    )
    max_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="Largest object, in bytes when unpacked, 1 KiB to 1 GiB. A larger one is skipped and counted. "
        "Default 64 MiB.",
    )
    max_lines: int = Field(
        default=500_000,
        ge=1,
        le=10_000_000,
        description="How many lines or records of an object are read; the rest is counted. Default 500,000.",
    )


class SuspicionSettings(BaseModel):
    """What in the records of CloudTrail is suspicious enough for an alert."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    denied_calls: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="So many refused calls of one principal within `denied_within` alert. 1 to 1000; default 10.",
    )
    denied_within: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=10),
        le=timedelta(hours=6),
        description="See `denied_calls`, 10s to 6h. Default 5m.",
    )
    failed_logins: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="So many failed log-ins to the console of one account within `failed_within` are an alert, 1 to "
        "1000. Default 5.",
    )
    failed_within: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=10),
        le=timedelta(hours=6),
        description="See `failed_logins`, 10s to 6h. Default 10m.",
    )
    learn_places: Duration = Field(
        default=timedelta(days=7),
        ge=timedelta(0),
        le=timedelta(days=90),
        description="For so long after its first use the networks (/16, /32 for IPv6) that an access key is used from "
        "are learned; a new one after that is an alert. 0 to 90d. Default 7d.",
    )
    quiet: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        le=timedelta(days=30),
        description="An alert without an end of its own ends when it was not repeated for so long, 1m to 30d. Default "
        "24h.",
    )


class InboxSettings(BaseModel):
    """Queues, objects, and how suspicious to be."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    queues: QueuesSettings | None = Field(
        default=None, description="The stream `aws-queues`. Default none: no queue is read."
    )
    objects: tuple[ObjectsSettings, ...] = Field(
        default=(),
        max_length=50,
        strict=False,
        description="The stream `aws-objects`: prefixes of buckets. Default none: no object is read.",
    )
    objects_every: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="How often new objects are looked for, 1s to 1h. Default 30s; a look is a call for each 1,000.",
    )
    keys: tuple[KeyArn, ...] = Field(
        default=(),
        max_length=20,
        strict=False,
        description="ARNs of the KMS keys of your own that encrypt the queues or objects; the generated policy then "
        "has kms:Decrypt on exactly these, by way of SQS and S3 only. Default none.",
    )
    suspicion: SuspicionSettings = Field(
        default=SuspicionSettings(),
        description="What in the records of CloudTrail is an alert. Default: all of it, with the limits below.",
    )

    @model_validator(mode="after")
    def _prefixes_are_apart(self) -> InboxSettings:
        places = [f"{one.bucket}/{one.prefix}" for one in self.objects]
        for one in places:
            if sum(other.startswith(one) for other in places) > 1:
                raise ValueError(
                    f"objects: {one} covers another entry, so objects would be read twice; keep them apart"
                )
        return self
