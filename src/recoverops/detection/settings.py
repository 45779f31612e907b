"""Detection's part of the configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recoverops.detection.metrics.joint.settings import RESIDUAL, JointSettings
from recoverops.detection.metrics.settings import (
    DEFAULT_BASELINES,
    DEFAULT_FORECASTS,
    DEFAULT_THRESHOLDS,
    STREAMING,
    BaselineSettings,
    ForecastSettings,
    ThresholdSettings,
)
from recoverops.detection.metrics.streaming.settings import StreamSettings
from recoverops.model import Duration


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

    forecasts: tuple[ForecastSettings, ...] = Field(
        default=DEFAULT_FORECASTS,
        strict=False,
        description="Metrics that can run out, so that an incident is opened before they do. Such an incident is for "
        "people: nothing is done about a forecast without asking. Default: the disks of services and of the host, and "
        "the host's memory, four hours ahead. A list here replaces the default list; an empty one foresees nothing.",
    )

    baselines: tuple[BaselineSettings, ...] = Field(
        default=DEFAULT_BASELINES,
        strict=False,
        description="Metrics that are judged by their own past. Default: CPU and memory growth of services, duration "
        "and errors of their answers, CPU and memory of the host. A list here replaces the default list; an empty one "
        "judges by limits only.",
    )
    detector: str = Field(
        default=STREAMING,
        min_length=1,
        max_length=64,
        description="Which detector stands under the baselines: `streaming`, or one that a plugin brings. Default "
        "streaming, with the settings of `detection.stream`. Another one begins anew.",
    )
    stream: StreamSettings = Field(
        default_factory=StreamSettings, description="The streaming detector under the baselines."
    )
    model_kind: str = Field(
        default=RESIDUAL,
        min_length=1,
        max_length=64,
        description="Which kind of model is trained when nobody names one: `residual`, `isolation_forest` (extra ml), "
        "or one that a plugin brings. Default residual.",
    )
    model_place: str = Field(
        default="",
        max_length=1000,
        description="Where trained models are kept: a folder, or an object store as `s3://bucket/prefix` (plugin aws), "
        "which several engines may share. Default empty: `models` in the data directory.",
    )
    joint: JointSettings = Field(
        default_factory=JointSettings, description="Models of several metrics of one host or service together."
    )

    live_resources: int = Field(
        default=128,
        ge=1,
        le=4096,
        description="Of how many hosts and services `POST /anomaly` remembers the rolling window, 1 to 4096; the one "
        "that was silent longest is forgotten first. Default 128, about 23 MB when all are in use.",
    )
    training_history: Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=365))] = Field(
        default=timedelta(days=28),
        description="How much of the newest stored history a model is trained on, 1d to 365d; `history.keep` says how "
        "much there is. Default 28d: four weeks hold the rhythm of a week.",
    )
    retrain_every: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=365))] = Field(
        default=timedelta(0),
        description="How old the newest version of a model may be before a new one is trained from the stored history; "
        "it is taken into use only when it is not worse. Default 0s: never, people decide.",
    )

    @model_validator(mode="after")
    def _one_per_metric(self) -> DetectionSettings:
        for metrics, what in (
            ([threshold.metric for threshold in self.thresholds], "thresholds"),
            ([forecast.metric for forecast in self.forecasts], "forecasts"),
            ([baseline.metric for baseline in self.baselines], "baselines"),
        ):
            for metric in metrics:
                if metrics.count(metric) > 1:
                    raise ValueError(f'metric "{metric}" has two {what}; keep one')
        return self
