"""The incidents' part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class IncidentSettings(BaseModel):
    """When trouble is over."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    clear_after: Duration = Field(
        default=timedelta(seconds=30),
        description="How long every series at fault has to be normal before an incident that nobody acts on is closed. "
        "Default 30s: longer than a restart loop, shorter than a person's patience.",
    )
