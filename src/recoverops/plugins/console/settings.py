"""The console plugin's part of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ConsoleSettings(BaseModel):
    """Nothing to set: one line for each notification, on standard error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
