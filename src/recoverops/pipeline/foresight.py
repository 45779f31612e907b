"""What will run out: the forecast of every series that has one. Called by the observer for each sample, on its thread.

Its memory is the process's: after a restart it has to see growth anew before it says anything.
"""

from __future__ import annotations

from recoverops.detection import DetectionSettings
from recoverops.detection.metrics import forecast
from recoverops.model import Anomaly, Condition, Sample


class Foresight:
    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = {one.metric: one for one in settings.forecasts}
        self._states: dict[str, forecast.ForecastState] = {}

    def take(self, sample: Sample) -> tuple[Condition | None, Anomaly | None]:
        """What is foreseen now, and an anomaly when something has just become foreseeable."""
        settings = self._settings.get(sample.metric)
        if settings is None:
            return None, None
        state, condition, anomaly = forecast.step(settings, self._states.get(sample.series), sample)
        if state is not None:
            self._states[sample.series] = state
        return condition, anomaly
