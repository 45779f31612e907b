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
        return self


DEFAULT_THRESHOLDS: tuple[ThresholdSettings, ...] = (
    ThresholdSettings.model_validate({"metric": "service.running", "below": 1.0, "for": timedelta(seconds=1)}),
    ThresholdSettings.model_validate({"metric": "http.probe.success", "below": 1.0, "for": timedelta(seconds=2)}),
)


class DetectionSettings(BaseModel):
    """What counts as abnormal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    thresholds: tuple[ThresholdSettings, ...] = Field(
        default=DEFAULT_THRESHOLDS,
        strict=False,
        description="Limits on metrics. Default: a service that its supervisor says is not running for 1s, or that "
        "fails its HTTP probe for 2s. A list here replaces the default list.",
    )

    @model_validator(mode="after")
    def _one_per_metric(self) -> DetectionSettings:
        metrics = [threshold.metric for threshold in self.thresholds]
        for metric in metrics:
            if metrics.count(metric) > 1:
                raise ValueError(f'metric "{metric}" has two thresholds; keep one')
        return self
