"""The http plugin's part of the configuration."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recoverops.model import Duration

_RANGE = re.compile(r"([1-4][0-9]{2})(?:-([1-4][0-9]{2}))?", re.ASCII)


class ProbeSettings(BaseModel):
    """How the services that have an `http` address are asked whether they work."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    every: Duration = Field(
        default=timedelta(seconds=1),
        ge=timedelta(milliseconds=100),
        le=timedelta(hours=1),
        description="How often every service is asked, 100ms to 1h. Default 1s: a health page costs a service next to "
        "nothing, and trouble is seen within two rounds.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=50),
        le=timedelta(seconds=9),
        description="How long an answer may take before it counts as none, 50ms to 9s (a round has to end within ten "
        "seconds). Default 2s: customers give up not much later.",
    )
    expected_status: tuple[str, ...] = Field(
        default=("100-399",),
        min_length=1,
        strict=False,
        description="Statuses that mean success, single (`200`) or as a range (`200-299`), 100 to 499; 500 and above "
        "never do. Default everything below 400: a redirect, which is not followed, is an answer too.",
    )

    @field_validator("expected_status")
    @classmethod
    def _readable(cls, ranges: tuple[str, ...]) -> tuple[str, ...]:
        for text in ranges:
            match = _RANGE.fullmatch(text)
            if match is None or (match[2] and int(match[2]) < int(match[1])):
                raise ValueError(f'"{text}" is neither a status from 100 to 499 nor a range such as 200-299')
        return ranges

    def expects(self, status: int) -> bool:
        """Whether this status means success."""
        bounds = (text.partition("-") for text in self.expected_status)
        return any(int(low) <= status <= int(high or low) for low, _, high in bounds)


class WebhookSettings(BaseModel):
    """One receiver of signed notifications, as https://www.standardwebhooks.com describes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str = Field(
        min_length=1,
        description="Where notifications are posted: `https://...`, `http://...`, or a reference to it such as "
        "`env:WEBHOOK_URL`, when the address is a secret itself. Redirects are not followed. No default.",
    )
    secret: str = Field(
        min_length=1,
        description="Reference to the signing secret, e.g. `env:WEBHOOK_SECRET`; the secret begins with `whsec_`, "
        "followed by 24 to 64 bytes in base64. No default: an unsigned notification could come from anybody.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(milliseconds=100),
        le=timedelta(seconds=60),
        description="How long connecting, and each wait for the answer, may take, 100ms to 60s. Default 10s: a slow "
        "receiver still gets it, and a hanging one does not hold up the other channels for long.",
    )


class HttpSettings(BaseModel):
    """Probes over HTTP, and notifications to a webhook."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    probe: ProbeSettings = Field(
        default=ProbeSettings(),
        description="The source `http-probe`. Default: every service that has an `http` address, once a second.",
    )
    webhook: WebhookSettings | None = Field(
        default=None, description="The notifier `webhook`. Default none: then there is no such notifier."
    )
