"""The newest condition of every series, in memory. The pipeline writes it; gates, verification and rules read it, and
the sweep forgets what nobody tells of any more: alerts that ended long ago (`forgetting.py`), series that are gone.

After a restart it is empty until the sources have been asked and the firing alerts are loaded; until then nothing is
known, and nothing acts on nothing.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops.model import Condition, ConditionStatus, Resource, ResourceKind, Sample


class Conditions:
    """Thread-safe `ports.ConditionView`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_resource: dict[str, dict[str, Condition]] = {}
        self._newest: dict[str, dict[str, Sample]] = {}
        self._been_normal: set[str] = set()
        self._been_abnormal: set[str] = set()
        self._normal_before: dict[str, timedelta] = {}

    def put(self, condition: Condition) -> None:
        with self._lock:
            known = self._by_resource.setdefault(str(condition.resource), {})
            before = known.get(condition.series)
            known[condition.series] = condition
            if condition.is_bad and (before is None or not before.is_bad):
                was_normal = before is not None and before.status is ConditionStatus.NORMAL
                calm = condition.since - before.since if before is not None and was_normal else timedelta(0)
                self._normal_before[condition.series] = calm
            if condition.status is ConditionStatus.NORMAL:
                self._been_normal.add(condition.series)
            elif condition.status is ConditionStatus.ABNORMAL:
                self._been_abnormal.add(condition.series)

    def put_sample(self, sample: Sample) -> None:
        """A sample that comes late, or that is no number, replaces nothing."""
        with self._lock:
            newest = self._newest.setdefault(str(sample.resource), {})
            known = newest.get(sample.metric)
            if not math.isnan(sample.value) and (known is None or known.at <= sample.at):
                newest[sample.metric] = sample

    def forget_measured(self) -> None:
        """What was measured, not what alerts say: after the clock was set back every new sample would look late."""
        with self._lock:
            self._newest.clear()
            for known in self._by_resource.values():
                for series in [name for name, condition in known.items() if not condition.sticky]:
                    del known[series]

    def ended_alerts(self) -> tuple[Condition, ...]:
        with self._lock:
            return tuple(one for known in self._by_resource.values() for one in known.values() if _has_ended(one))

    def forget(self, over: Iterable[Condition]) -> None:
        """Those of them that are still the newest word on their series, and what was remembered of these; should one
        come back, it is judged from the beginning."""
        with self._lock:
            for one in over:
                known = self._by_resource.get(str(one.resource), {})
                if known.get(one.series) != one:
                    continue
                del known[one.series]
                self._been_normal.discard(one.series)
                self._been_abnormal.discard(one.series)
                self._normal_before.pop(one.series, None)
                if not known:
                    del self._by_resource[str(one.resource)]

    def of(self, resource: Resource, series: str) -> Condition | None:
        with self._lock:
            return self._by_resource.get(str(resource), {}).get(series)

    def of_resource(self, resource: Resource) -> tuple[Condition, ...]:
        with self._lock:
            return tuple(self._by_resource.get(str(resource), {}).values())

    def has_been_normal(self, series: str) -> bool:
        """Since the start. Before that its trouble is one that may have been there all along."""
        with self._lock:
            return series in self._been_normal

    def any_bad(self, kind: ResourceKind) -> bool:
        """Whether anything of this kind is in trouble."""
        with self._lock:
            known = (one for conditions in self._by_resource.values() for one in conditions.values())
            return any(one.is_bad and one.resource.kind is kind for one in known)

    def normal_before(self, series: str) -> timedelta:
        """How long it had been normal when its newest trouble began; nothing where that was not seen."""
        with self._lock:
            return self._normal_before.get(series, timedelta(0))

    def has_been_abnormal(self, series: str) -> bool:
        """Since the start: only then it has recovered when it is normal."""
        with self._lock:
            return series in self._been_abnormal

    def samples_of(self, resource: Resource) -> tuple[Sample, ...]:
        """The newest sample of every metric."""
        with self._lock:
            return tuple(self._newest.get(str(resource), {}).values())

    def metrics_of(self, resource: Resource, *, since: datetime) -> dict[str, float]:
        """Metric name -> newest value. A metric that nobody measured at or after `since` is absent."""
        with self._lock:
            newest = self._newest.get(str(resource), {})
            return {metric: sample.value for metric, sample in newest.items() if sample.at >= since}


def _has_ended(one: Condition) -> bool:
    return one.sticky and one.status is ConditionStatus.NORMAL
