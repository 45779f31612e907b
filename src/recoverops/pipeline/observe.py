"""The first half of the loop: samples and alerts become conditions, anomalies and incidents.

One worker calls it, so everything about one incident happens in order. Called with samples by the source workers'
queue and with alerts after their durable write; never called by a response.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from recoverops import detection
from recoverops.model import (
    Anomaly,
    Condition,
    ConflictError,
    Sample,
    SegmentKey,
    StoredAlert,
    said,
    series_name,
)
from recoverops.pipeline.again import again
from recoverops.pipeline.foresight import Foresight
from recoverops.pipeline.joining import Joined, join_or_open
from recoverops.pipeline.parts import Parts
from recoverops.ports import Start, Tx
from recoverops.sources import resolve


class Judge(Protocol):
    """What judges series by their own past: `pipeline.baselines`, which loads a compiled detector."""

    def take(self, samples: Sequence[Sample], /) -> tuple[Anomaly, ...]:
        """Puts the conditions in place; the anomalies that have just begun."""


class Observer:
    def __init__(
        self,
        parts: Parts,
        start: Start,
        *,
        baselines: Judge | None = None,
        foresight: Foresight | None = None,
    ) -> None:
        """What has learned before the start is handed in; without it forecasts are seen anew."""
        self._parts = parts
        self._baselines = baselines
        self._start = start
        self._unsaved: deque[tuple[Sequence[Anomaly], Sequence[int]]] = deque()
        self._thresholds = {threshold.metric: threshold for threshold in parts.detection.thresholds}
        self._foresight = foresight or Foresight(parts.detection)
        self._times_back = parts.wall.times_back()

    def take_samples(self, samples: Sequence[Sample]) -> None:
        """Judges each sample against its threshold, its own past and what it leads to; opens or extends incidents."""
        self._forget_what_is_to_come()
        for sample in samples:
            self._parts.conditions.put_sample(sample)
            for condition, anomaly in (self._measured(sample), self._foresight.take(sample)):
                if condition is not None:
                    self._parts.conditions.put(condition)
                if anomaly is not None:
                    self._unsaved.append(((anomaly,), ()))
        unusual = self._baselines.take(samples) if self._baselines is not None else ()
        if unusual:
            self._unsaved.append((unusual, ()))
        self.save()

    def _forget_what_is_to_come(self) -> None:
        """After the wall clock was set back: nothing of what is known compares with the new times."""
        times_back = self._parts.wall.times_back()
        if times_back != self._times_back:
            self._times_back = times_back
            self._parts.conditions.forget_measured()
            self._foresight.forget()

    def _measured(self, sample: Sample) -> tuple[Condition | None, Anomaly | None]:
        threshold = self._thresholds.get(sample.metric)
        if threshold is None:
            return None, None
        return detection.threshold.step(threshold, self._parts.conditions.of(sample.resource, sample.series), sample)

    def take_alerts(self, stored: Sequence[StoredAlert]) -> None:
        """Judges alerts after their durable write; they count as processed in the transaction that used them."""
        anomalies = tuple(anomaly for one in stored if (anomaly := self._judge(one)) is not None)
        self._unsaved.append((anomalies, tuple(one.seq for one in stored)))
        self.save()

    def remember_alerts(self, stored: Iterable[StoredAlert]) -> None:
        """After a restart: what was firing before still is, until its sender says otherwise. Opens nothing."""
        for one in stored:
            self._judge(one)

    def _judge(self, stored: StoredAlert) -> Anomaly | None:
        alert = stored.alert
        about = resolve(alert, self._parts.inventory, self._parts.intake)
        known = self._parts.conditions.of(
            about.resource, series_name(about.resource, f"alert:{alert.name}:{alert.fingerprint}")
        )
        condition, anomaly = detection.alerts.step(
            known, alert, resource=about.resource, symptom=about.symptom, severity=about.severity
        )
        if condition is not None:
            self._parts.conditions.put(condition)
        return anomaly

    @property
    def is_settled(self) -> bool:
        """Whether everything that was found is in the store."""
        return not self._unsaved

    def save(self) -> None:
        """Writes what was found, oldest first. While the store is down it is kept here and tried again."""
        while self._unsaved:
            anomalies, processed = self._unsaved[0]
            try:
                joined = self._written(anomalies, processed) if anomalies or processed else Joined((), frozenset())
            except ConflictError:
                self._unsaved.rotate(-1)  # whatever is wrong with this one must not hold up the others
                raise
            self._unsaved.popleft()
            for incident in joined.started:
                if incident.episode == 1:
                    self._parts.telemetry.count("recoverops_incidents_opened_total", symptom=said(incident.symptom))
                key = SegmentKey(incident_id=incident.id, episode=incident.episode, segment=incident.segment)
                self._start(key, severity=incident.severity)
            for at in joined.wake_at:
                self._parts.nudge(at)
            if joined.started:
                self._parts.nudge(None)

    def _written(self, anomalies: Sequence[Anomaly], processed: Sequence[int]) -> Joined:
        return again(lambda: self._parts.store.write(lambda tx: self._write(tx, anomalies, processed)))

    def _write(self, tx: Tx, anomalies: Sequence[Anomaly], processed: Sequence[int]) -> Joined:
        if processed:
            tx.signals.mark_processed(processed, at=self._parts.clock.now())
        return join_or_open(self._parts, tx, anomalies)
