"""The intake's part of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class IntakeSettings(BaseModel):
    """What may come in from outside, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_body_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        description="Largest delivery accepted, in bytes after which the sender gets 413. Default 4 MiB: about 4,000 "
        "alerts with ordinary labels.",
    )
    availability_alerts: tuple[str, ...] = Field(
        default=("ServiceDown", "InstanceDown", "TargetDown", "EndpointDown"),
        strict=False,
        description="Names of alerts (label `alertname`) that mean that the service is down. Such an alert and our own "
        "failing probe of the same service are one incident. Every other alert is a symptom of its own.",
    )
