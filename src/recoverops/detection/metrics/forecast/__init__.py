"""When something will be full: one file for what is remembered, one for the estimate, one for what is said of it. Pure.

`step` is called by the pipeline for every sample of a metric that has a forecast.
"""

from __future__ import annotations

from recoverops.detection.metrics.forecast.estimate import Exhaustion, Forecast, NotEnoughData, NotExhausting, forecast
from recoverops.detection.metrics.forecast.state import ForecastState
from recoverops.detection.metrics.forecast.step import DETECTOR, step

__all__ = ["DETECTOR", "Exhaustion", "Forecast", "ForecastState", "NotEnoughData", "NotExhausting", "forecast", "step"]
