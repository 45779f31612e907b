"""The incidents' part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class IncidentSettings(BaseModel):
    """When trouble is over, and when it only comes and goes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    clear_after: Duration = Field(
        default=timedelta(seconds=30),
        description="How long every series at fault has to be normal before an incident that nobody acts on is closed. "
        "Default 30s: longer than a restart loop, shorter than a person's patience.",
    )
    flaps: int = Field(
        default=5,
        ge=2,
        le=1000,
        description="How often one trouble of one resource has to come within `flap_window` to count as flapping, 2 to "
        "1000. A flapping incident goes to a person once, is not acted on, and stays one incident. Default 5: a remedy "
        "that had to be repeated four times does not last.",
    )
    flap_window: Duration = Field(
        default=timedelta(minutes=30),
        description="The rolling window in which `flaps` are counted. Default 30m.",
    )
    flap_quiet: Duration = Field(
        default=timedelta(minutes=10),
        description="How long every series at fault has to be normal before a flapping incident is closed; never less "
        "than `clear_after`. Default 10m: longer than the pauses between two onsets that make it flapping.",
    )
