"""Settings of the detectors of numeric series, and which metrics they judge by default."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.model import Duration, Severity

STREAMING = "streaming"
"""The bundled detector of single series."""
AVAILABILITY = "availability"
"""The symptom of something that does not answer or does not run."""


class ThresholdSettings(BaseModel):
    """One limit on one metric."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: str = Field(min_length=1, description="The metric's name, e.g. `http.probe.success`.")
    below: float | None = Field(default=None, description="Abnormal while the value is below this. Unit: the metric's.")
    above: float | None = Field(default=None, description="Abnormal while the value is above this. Unit: the metric's.")
    lasting: Duration = Field(
        default=timedelta(seconds=2),
        alias="for",
        description="How long it has to stay beyond the limit before it counts; a shorter dip is noise. Default 2s: "
        "two probes in a row at the default probe interval.",
    )
    recover: float | None = Field(
        default=None,
        description="Hysteresis: once abnormal, it counts as normal again only beyond this value, so that it does not "
        "flicker at the limit. Default: the limit itself.",
    )
    symptom: str = Field(
        default=AVAILABILITY,
        min_length=1,
        description="The family of trouble it shows. Series of one resource with one symptom are one incident.",
    )
    severity: Severity = Field(
        default=Severity.CRITICAL,
        strict=False,
        description="How bad it is: critical, high, medium, low. Default critical: a service that is down.",
    )

    @model_validator(mode="after")
    def _one_limit(self) -> ThresholdSettings:
        if (self.below is None) == (self.above is None):
            raise ValueError("needs exactly one of `below` and `above`")
        if self.recover is not None and not self._is_on_the_good_side(self.recover):
            raise ValueError("`recover` must lie on the normal side of the limit")
        return self

    def _is_on_the_good_side(self, value: float) -> bool:
        return value >= self.below if self.below is not None else value <= (self.above or 0.0)


def _threshold(metric: str, symptom: str, severity: Severity, lasting_s: float, **limits: float) -> ThresholdSettings:
    return ThresholdSettings.model_validate(
        {
            "metric": metric,
            "symptom": symptom,
            "severity": severity,
            "for": timedelta(seconds=lasting_s),
            **limits,
        }
    )


DEFAULT_THRESHOLDS: tuple[ThresholdSettings, ...] = (
    _threshold("service.running", AVAILABILITY, Severity.CRITICAL, 1, below=1.0),
    _threshold("http.probe.success", AVAILABILITY, Severity.CRITICAL, 2, below=1.0),
    _threshold("http.probe.duration", "latency", Severity.HIGH, 3, above=1.0, recover=0.5),
    _threshold("http.server.duration", "latency", Severity.HIGH, 3, above=1.0, recover=0.5),
    _threshold("http.server.error_ratio", "errors", Severity.HIGH, 3, above=0.05, recover=0.01),
    _threshold("process.cpu.utilization", "cpu", Severity.HIGH, 5, above=0.9, recover=0.7),
    _threshold("process.memory.growth", "memory", Severity.HIGH, 10, above=1024.0 * 1024, recover=256.0 * 1024),
    _threshold("disk.utilization", "disk", Severity.HIGH, 2, above=0.9, recover=0.85),
    _threshold("source.up", "observation", Severity.HIGH, 60, below=1.0),
    _threshold("host.cpu.utilization", "cpu", Severity.MEDIUM, 60, above=0.95, recover=0.85),
    _threshold("host.memory.utilization", "memory", Severity.MEDIUM, 30, above=0.95, recover=0.9),
    _threshold("host.disk.utilization", "disk", Severity.MEDIUM, 30, above=0.95, recover=0.9),
)


class ForecastSettings(BaseModel):
    """One metric that can run out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: str = Field(min_length=1, description="The metric's name, e.g. `disk.utilization`.")
    full_at: float = Field(
        default=1.0, gt=0, description="The value at which nothing is left, reached from below. Unit: the metric's."
    )
    horizon: Annotated[Duration, Field(ge=timedelta(minutes=10), le=timedelta(days=7))] = Field(
        default=timedelta(hours=4),
        description="How far ahead it looks, 10m to 7d; also how much of the past it looks at. It needs a twentieth of "
        "it in samples before it says anything, and looks no further ahead than it has seen growth. "
        "Default 4h: long enough for a person to come, short enough that most lines are still straight.",
    )
    symptom: str = Field(
        min_length=1,
        description="The family of trouble it foresees, best the one of the same metric's threshold: then both are one "
        "incident.",
    )
    severity: Severity = Field(
        default=Severity.MEDIUM,
        strict=False,
        description="How bad it is: critical, high, medium, low. Default medium: nothing is broken yet.",
    )


def _forecast(metric: str, symptom: str) -> ForecastSettings:
    return ForecastSettings(metric=metric, symptom=symptom)


DEFAULT_FORECASTS: tuple[ForecastSettings, ...] = (
    _forecast("disk.utilization", "disk"),
    _forecast("host.disk.utilization", "disk"),
    _forecast("host.memory.utilization", "memory"),
)


class Direction(StrEnum):
    ABOVE = "above"
    BELOW = "below"
    BOTH = "both"


class BaselineSettings(BaseModel):
    """One metric that is judged by its own past instead of by a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    metric: str = Field(min_length=1, description="The metric's name, e.g. `http.probe.duration`.")
    direction: Direction = Field(
        default=Direction.ABOVE,
        strict=False,
        description="Which way hurts: above, below or both. Default above: more load, more time, more errors.",
    )
    lasting: Duration = Field(
        default=timedelta(seconds=2),
        alias="for",
        description="How long it has to stay unusual before it counts; a shorter peak is noise. Default 2s.",
    )
    least: float = Field(
        default=0.0,
        ge=0,
        description="The smallest distance from the usual value that matters to anybody, in the metric's unit: a "
        "service that idles at nothing is not in trouble when it does a little. Default 0: every distance matters.",
    )
    learn_for: Annotated[Duration, Field(ge=timedelta(seconds=10))] = Field(
        default=timedelta(minutes=15),
        description="How long a new series is only watched, at least 10s. Until then nothing is said of it. Default "
        "15m: the first minutes of a service are unlike the rest.",
    )
    accept_after: Annotated[Duration, Field(ge=timedelta(minutes=1))] = Field(
        default=timedelta(minutes=30),
        description="How long the detector has to have got used to a lasting change before the change becomes the new "
        "usual, at least 1m. Default 30m: an incident is over or in a person's hands by then.",
    )
    symptom: str = Field(min_length=1, description="The family of trouble it shows, best the one of its threshold.")
    severity: Severity = Field(
        default=Severity.MEDIUM,
        strict=False,
        description="How bad it is: critical, high, medium, low. Default medium: unusual, but beyond no limit that "
        "anybody set.",
    )


def _baseline(metric: str, symptom: str, *, least: float) -> BaselineSettings:
    return BaselineSettings(metric=metric, symptom=symptom, least=least)


DEFAULT_BASELINES: tuple[BaselineSettings, ...] = (
    _baseline("process.cpu.utilization", "cpu", least=0.25),
    _baseline("process.memory.growth", "memory", least=256.0 * 1024),
    _baseline("http.probe.duration", "latency", least=0.1),
    _baseline("http.server.duration", "latency", least=0.1),
    _baseline("http.server.error_ratio", "errors", least=0.02),
    _baseline("host.cpu.utilization", "cpu", least=0.25),
    _baseline("host.memory.utilization", "memory", least=0.1),
)
"""`least` is what one would notice: a quarter of a core, 256 KiB a second, a tenth of a second, one error in fifty."""
