"""Detection's part of the configuration."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.model import Duration, Severity

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


class DetectionSettings(BaseModel):
    """What counts as abnormal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    thresholds: tuple[ThresholdSettings, ...] = Field(
        default=DEFAULT_THRESHOLDS,
        strict=False,
        description="Limits on metrics. Default: not running for 1s, HTTP probe failing for 2s, answers slower than "
        "1 s or 5 % errors for 3s, one core used up for 5s, 1 MiB/s of memory growth for 10s, disks above 90 % for "
        "2s, the host's own CPU, memory and disk above 95 %, and a source of signals that does not answer for 60s. A "
        "list here replaces the default list.",
    )

    @model_validator(mode="after")
    def _one_per_metric(self) -> DetectionSettings:
        metrics = [threshold.metric for threshold in self.thresholds]
        for metric in metrics:
            if metrics.count(metric) > 1:
                raise ValueError(f'metric "{metric}" has two thresholds; keep one')
        return self
