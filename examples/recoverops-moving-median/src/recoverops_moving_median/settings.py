"""What the configuration may say about the plugin."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MovingMedianSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    window: int = Field(
        default=120, ge=20, le=2000, description="Points that a new one is compared with, 20 to 2000. Default 120."
    )
    limit: float = Field(
        default=8.0,
        gt=0,
        le=100,
        description="How many usual deviations from the median are an alarm (score 0.5), up to 100. Default 8.",
    )
