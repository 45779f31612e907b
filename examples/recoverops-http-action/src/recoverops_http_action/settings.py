"""The plugin's part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class HttpActionSettings(BaseModel):
    """How endpoints are called."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    secret: str | None = Field(
        default=None,
        description="Reference to the secret that signs every call, e.g. `env:REPAIR_SECRET`. Default none: unsigned, "
        "for endpoints that only this host can reach.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=10),
        description="How long one call may take with the probe before it, 100ms to 10min; the answer to the call "
        "itself may take two fifths of it. Default 10s: a repair that takes longer belongs into the background.",
    )
