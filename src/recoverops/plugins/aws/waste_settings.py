"""The parts of the aws plugin's configuration that are about waste, and about telling people through SNS."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recoverops.model import Duration

TopicArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$")]
TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class WasteSettings(BaseModel):
    """The source `aws-waste`, and what `recoverops check` says of waste."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=1),
        le=timedelta(hours=24),
        description="How often is looked, 1s to 24h. Default 20s, so that what it says is evidence (see "
        "`decision.evidence_max_age`): three calls that cost nothing. Metrics are asked for once an hour.",
    )
    idle_below: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="An instance is idle when its CPU was never above this share, by the hour. Default 0.05.",
    )
    idle_for: Duration = Field(
        default=timedelta(days=7),
        ge=timedelta(hours=1),
        le=timedelta(days=60),
        description="For how long, in whole hours, 1h to 60d. Default 7d: a weekend is not enough. An hour without a "
        "value is not idle: such an instance is not judged.",
    )

    @field_validator("idle_for")
    @classmethod
    def _whole_hours(cls, given: timedelta) -> timedelta:
        if given % timedelta(hours=1):
            raise ValueError("write whole hours, e.g. 36h: one value stands for an hour")
        return given

    @property
    def hours(self) -> int:
        return self.idle_for // timedelta(hours=1)
