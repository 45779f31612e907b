"""The http plugin's part of the configuration."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
        description="How long an attempt may take, from connecting to the answer, 100ms to 60s. Default 10s: a slow "
        "receiver still gets it, and a hanging one does not hold up the other channels for long.",
    )


class LogLevelSettings(BaseModel):
    """The page of one service that tells and sets its log level, as zap, Spring Boot's actuator and others have it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    service: str = Field(min_length=1, description="The service, by its name in the inventory. There is no default.")
    url: str = Field(
        pattern=r"^https?://",
        description="The page: GET answers with a JSON object that has the level, `method` sets it. No default.",
    )
    method: Literal["PUT", "POST"] = Field(
        default="PUT", description="How it is set: PUT or POST. Default PUT, as zap wants it; Spring Boot wants POST."
    )
    field: str = Field(
        default="level",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="The name of the level in the JSON object, both ways. Default `level`; Spring Boot's is "
        "`configuredLevel`.",
    )
    levels: tuple[str, ...] = Field(
        min_length=2,
        strict=False,
        description="The only levels that are ever set or restored, as the service writes them, e.g. "
        "`[debug, info, warn, error]`. No default.",
    )
    raised: str = Field(description="The level while it is observed closer; one of `levels`. No default.")
    bearer: str | None = Field(
        default=None, description="Reference to a bearer token for the page, e.g. `env:LOG_LEVEL_TOKEN`. Default none."
    )

    @model_validator(mode="after")
    def _is_declared(self) -> LogLevelSettings:
        if self.raised not in self.levels:
            raise ValueError(f'raised is "{self.raised}", which is not one of levels: {", ".join(self.levels)}')
        return self


class ObservationSettings(BaseModel):
    """How a service is observed closer for a while."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    journal: str = Field(
        pattern=r"^/.",
        description="An existing folder that remembers what was raised, so that it is restored after a crash as well. "
        "There is no default.",
    )
    every: Duration = Field(
        default=timedelta(milliseconds=200),
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=1),
        description="How often the service is probed meanwhile, 100ms to 1min, shorter than `probe.every`. Default "
        "200ms: five times the usual rate.",
    )
    lasts: Duration = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=1),
        le=timedelta(hours=24),
        description="After which time everything is restored by itself, 1s to 24h. Default 10min: longer than most "
        "incidents, and a forgotten debug level fills no disk.",
    )
    log_levels: tuple[LogLevelSettings, ...] = Field(
        default=(),
        strict=False,
        description="Services whose log level is raised as well. Default none: then only the probe's rate is.",
    )

    @model_validator(mode="after")
    def _services_differ(self) -> ObservationSettings:
        names = [one.service for one in self.log_levels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"log_levels names {', '.join(twice)} twice; one page a service")
        return self


class HttpSettings(BaseModel):
    """Probes over HTTP, and notifications to a webhook."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    probe: ProbeSettings = Field(
        default=ProbeSettings(),
        description="The source `http-probe`. Default: every service that has an `http` address, once a second.",
    )
    observation: ObservationSettings | None = Field(
        default=None,
        description="The action `raise-observation` and the source `observation`. Default none: then there is neither.",
    )
    webhook: WebhookSettings | None = Field(
        default=None, description="The notifier `webhook`. Default none: then there is no such notifier."
    )

    @model_validator(mode="after")
    def _observation_is_closer(self) -> HttpSettings:
        if self.observation is not None and self.observation.every >= self.probe.every:
            raise ValueError("observation.every has to be shorter than probe.every, or nothing is raised")
        return self
