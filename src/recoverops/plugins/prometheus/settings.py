"""The prometheus plugin's part of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PrometheusSettings(BaseModel):
    """What is taken from Prometheus and its Alertmanager."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_alerts: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        description="Alerts that one delivery may carry, 1 to 100000; a larger one is refused as a whole, so that the "
        "sender sees it. Default 10000: many times what a group of one Alertmanager holds in a bad hour.",
    )
