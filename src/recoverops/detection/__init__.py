"""Signals in, conditions and anomalies out. Pure."""

from __future__ import annotations

from recoverops.detection import alerts
from recoverops.detection.metrics import threshold
from recoverops.detection.settings import AVAILABILITY, DetectionSettings, ThresholdSettings

__all__ = ["AVAILABILITY", "DetectionSettings", "ThresholdSettings", "alerts", "threshold"]
