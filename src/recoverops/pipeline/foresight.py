"""What will run out: the forecast of every series that has one. Called by the observer for each sample, on its thread.

What it has seen can be taken out as bytes and put back, so that a restart forgets nothing. A metric whose horizon or
level was changed meanwhile is seen anew: what was remembered was cut by the old ones.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from recoverops.detection import DetectionSettings, ForecastSettings
from recoverops.detection.metrics import forecast
from recoverops.model import Anomaly, Condition, PermanentError, Record, Sample


class _OfMetric(Record, frozen=True, kw_only=True):
    """What is stored of one metric, and by which settings it was seen."""

    full_at: float
    horizon: timedelta
    states: dict[str, forecast.ForecastState]
    """By series."""

    def fits(self, settings: ForecastSettings | None) -> bool:
        return settings is not None and (settings.full_at, settings.horizon) == (self.full_at, self.horizon)


_DECODER = msgspec.msgpack.Decoder(dict[str, _OfMetric])


class Foresight:
    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = {one.metric: one for one in settings.forecasts}
        self._states: dict[str, dict[str, forecast.ForecastState]] = {}
        self.forget()

    def forget(self) -> None:
        """Everything is seen anew."""
        self._states = {metric: {} for metric in self._settings}

    def take(self, sample: Sample) -> tuple[Condition | None, Anomaly | None]:
        """What is foreseen now, and an anomaly when something has just become foreseeable."""
        settings = self._settings.get(sample.metric)
        if settings is None:
            return None, None
        states = self._states[sample.metric]
        state, condition, anomaly = forecast.step(settings, states.get(sample.series), sample)
        if state is not None:
            states[sample.series] = state
        return condition, anomaly

    def to_bytes(self) -> bytes:
        """Everything seen so far; what `from_bytes` reads goes on exactly as this would."""
        kept = {
            metric: _OfMetric(full_at=of.full_at, horizon=of.horizon, states=self._states[metric])
            for metric, of in self._settings.items()
        }
        return msgspec.msgpack.encode(kept)

    def from_bytes(self, blob: bytes) -> None:
        """Take over what was seen. Raises PermanentError, and changes nothing, when it cannot be read."""
        try:
            kept = _DECODER.decode(blob)
        except msgspec.MsgspecError as error:
            raise PermanentError(f"what the forecasts had seen cannot be read: {error}; it is seen anew") from error
        fitting = {metric: one.states for metric, one in kept.items() if one.fits(self._settings.get(metric))}
        self._states = {metric: fitting.get(metric, {}) for metric in self._settings}
