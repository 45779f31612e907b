"""The settings of what AWS sends to us: the intakes `aws-sns` and `aws-eventbridge`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration

TopicArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z]{2}(-[a-z]+)+-[0-9]{1,2}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")
]


class SnsSettings(BaseModel):
    """The intake `aws-sns`: alarms and events over SNS to `POST /intake/aws-sns`, each with a verified signature."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topics: tuple[TopicArn, ...] = Field(
        min_length=1,
        max_length=100,
        strict=False,
        description="ARNs of the topics that may deliver here, and whose subscriptions are confirmed. No default: "
        "everybody with an account can make SNS sign a message of a topic of theirs.",
    )
    window: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(hours=24),
        description="How old a delivery may be by its own signed time, 1m to 24h; an older one is refused as stale. "
        "Default 1h: as long as SNS repeats one over HTTP at most.",
    )
    signature_versions: tuple[Literal["1", "2"], ...] = Field(
        default=("1", "2"),
        min_length=1,
        strict=False,
        description="Which signatures are taken: 1 is SHA-1, which topics have by default, 2 is SHA-256. Default both; "
        'write `["2"]` when your topics have the attribute SignatureVersion 2.',
    )
    double: str | None = Field(
        default=None,
        pattern=r"^http://127\.0\.0\.1:[0-9]{1,5}$",
        description="For tests only: a double of AWS on this host whose certificates are trusted and whose "
        "subscriptions are confirmed, instead of those of AWS. `recoverops check` fails with it. Default none.",
    )


class EventBridgeSettings(BaseModel):
    """The intake `aws-eventbridge`: events of an API destination to `POST /intake/aws-eventbridge`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    window: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        le=timedelta(hours=24),
        description="How old an event may be by its own time, 1m to 24h; an older one is refused as stale. Default "
        "24h: as long as EventBridge repeats one.",
    )
