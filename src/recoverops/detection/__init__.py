"""Signals in, conditions and anomalies out. Pure."""

from __future__ import annotations

from recoverops.detection import alerts
from recoverops.detection.metrics import baseline, threshold
from recoverops.detection.metrics.settings import AVAILABILITY, BaselineSettings, ForecastSettings, ThresholdSettings
from recoverops.detection.settings import DetectionSettings

__all__ = [
    "AVAILABILITY",
    "BaselineSettings",
    "DetectionSettings",
    "ForecastSettings",
    "ThresholdSettings",
    "alerts",
    "baseline",
    "threshold",
]
