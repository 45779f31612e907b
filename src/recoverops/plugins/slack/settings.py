"""The slack plugin's part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from recoverops.model import Duration


class SlackSettings(BaseModel):
    """One Slack channel, reached through an incoming webhook."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str = Field(
        min_length=1,
        description="Reference to the incoming webhook's URL, e.g. `env:SLACK_URL`. The URL is a secret as a whole: "
        "whoever has it can write to the channel. No default.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(milliseconds=100),
        le=timedelta(seconds=60),
        description="How long an attempt may take, from connecting to the answer, 100ms to 60s. Default 10s: Slack "
        "answers within one, and a hanging connection does not hold up the other channels for long.",
    )
