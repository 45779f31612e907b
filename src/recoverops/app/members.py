"""The parts of an engine that has started, and what they tell of themselves: states, queues, gauges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recoverops.api.telemetry import Reading
from recoverops.app.anomaly import AnomalyWorker
from recoverops.app.caution import CautionWorker, demands_of
from recoverops.app.detecting import Detecting
from recoverops.app.history import HistoryWorker, disabled_history
from recoverops.app.keys import Keys
from recoverops.app.loaded import Loaded
from recoverops.app.metric_intake import MetricIntake
from recoverops.app.polling import SourceWorker
from recoverops.app.reload import Reloader
from recoverops.app.store_standing import StoreStanding
from recoverops.app.streams import StreamWorker
from recoverops.app.workers import QUEUED_POLLS, CourierWorker, PipelineWorker
from recoverops.model import ComponentState, ComponentStatus
from recoverops.storage import SqlStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    loaded: Loaded
    store: SqlStore
    standing: StoreStanding
    keys: Keys
    reloader: Reloader
    detecting: Detecting
    pipeline: PipelineWorker
    metric_intake: MetricIntake
    anomaly: AnomalyWorker
    history: HistoryWorker | None
    sources: Mapping[str, SourceWorker]
    streams: Mapping[str, StreamWorker]
    couriers: tuple[CourierWorker, ...]
    cautions: tuple[CautionWorker, ...]

    def statuses(self, *, now: datetime) -> tuple[ComponentStatus, ...]:
        """The store comes first."""
        history = self.history.status if self.history is not None else disabled_history(now)
        return (
            self.standing.status(),
            history,
            self.reloader.status,
            self.keys.status,
            *self.loaded.statuses,
            *(one.status for one in self.cautions),
            *self.detecting.statuses,
            *(one.status for one in self._observing.values()),
            *(one for one in (courier.status for courier in self.couriers) if one is not None),
        )

    def queues(self, *, most_intake_bytes: int) -> dict[str, dict[str, int | None]]:
        return {
            "intake": {"bytes": self.store.queued_intake_bytes, "most_bytes": most_intake_bytes},
            "pipeline": {"polls": self.pipeline.queued, "most_polls": QUEUED_POLLS},
            "writer": {"threads_waiting": self.store.waiting_writers},
        }

    def gauges(self) -> Iterable[Reading]:
        yield from self.metric_intake.readings()
        yield from self.anomaly.readings()
        yield "recoverops_approval_demanded", {}, float(bool(demands_of(self.cautions)))
        for name, one in self._observing.items():
            yield "recoverops_source_up", {"source": name}, float(one.status.state is ComponentState.UP)
        for name, stream in self.streams.items():
            if stream.behind_s is not None:
                yield "recoverops_stream_behind_seconds", {"source": name}, stream.behind_s

    @property
    def _observing(self) -> dict[str, SourceWorker | StreamWorker]:
        return {**self.sources, **self.streams}
