"""The threads that poll sources, one each, and the one that notices a poll that does not return.

A source that does not answer is trouble of its own, never health of what it watches. A thread that hangs in a poll (in
`statvfs` of a file server that is gone, say) can neither be ended nor speak for itself, so another one speaks for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from recoverops.app.workers import Worker
from recoverops.model import ComponentState, ComponentStatus, Resource, ResourceKind, Sample
from recoverops.ports import Clock, Source, Telemetry
from recoverops.redact import redact

LOOK_EVERY_S = 1.0
PATIENCE_S = 30.0
"""A poll may take this long, or three intervals if that is longer; sources promise less (`ports.Source.poll`)."""
_LOG = logging.getLogger("recoverops.workers")


class SourceWorker(Worker):
    """Polls one source, and knows since when it has not answered."""

    def __init__(
        self, source: Source, deliver: Callable[[tuple[Sample, ...]], None], clock: Clock, telemetry: Telemetry
    ) -> None:
        super().__init__(f"source-{source.name}", clock, telemetry)
        self._source = source
        self._deliver = deliver
        self._status = ComponentStatus(
            name=f"source {source.name}", state=ComponentState.STARTING, statement="not asked yet", since=clock.now()
        )
        self._lock = threading.Lock()
        self._asked_at: datetime | None = None
        """When the poll began that has not returned; None between two polls."""
        self._speak_due = 0.0
        """When to speak for it, by the monotonic clock."""

    @property
    def status(self) -> ComponentStatus:
        return self._status

    def round(self) -> None:
        began = self._clock.monotonic()
        with self._lock:
            self._asked_at, self._speak_due = self._clock.now(), began + self._patience_s
        try:
            samples = self._source.poll()
        except Exception as error:  # noqa: BLE001 - a plugin call: its failure is recorded as data
            self._has_failed(redact(f"{error}" or type(error).__name__))
        else:
            self._has_answered(samples)
        took = self._clock.monotonic() - began
        self._telemetry.observe("recoverops_poll_seconds", took, source=self._source.name)
        self._stopping.wait(max(0.01, self._source.every.total_seconds() - took))

    def speak_if_it_hangs(self) -> None:
        """From another thread: that nothing is known, as often as it would be polled. The metric counts it once."""
        with self._lock:
            now = self._clock.monotonic()
            if self._asked_at is None or now < self._speak_due:
                return
            self._speak_due = now + self._source.every.total_seconds()
            told = f"its poll of {self._asked_at:%H:%M:%S} UTC has not returned; see what it hangs on"
            if self._status.statement != told:
                self._telemetry.count("recoverops_source_errors_total", source=self._source.name)
            self._is_blind(told)

    def _has_answered(self, samples: tuple[Sample, ...]) -> None:
        with self._lock:
            self._asked_at = None
            self._set(ComponentState.UP, "answers")
            self._deliver((self._sample_of_itself(1.0), *samples))

    def _has_failed(self, statement: str) -> None:
        with self._lock:
            self._asked_at = None
            self._telemetry.count("recoverops_source_errors_total", source=self._source.name)
            self._is_blind(statement)

    def _is_blind(self, statement: str) -> None:
        self._set(ComponentState.UNREACHABLE, statement)
        self._deliver((self._sample_of_itself(0.0),))

    @property
    def _patience_s(self) -> float:
        return max(3 * self._source.every.total_seconds(), PATIENCE_S)

    def _sample_of_itself(self, value: float) -> Sample:
        return Sample(
            resource=Resource(kind=ResourceKind.SOURCE, name=self._source.name),
            metric="source.up",
            value=value,
            at=self._clock.now(),
            source="recoverops",
            detail="" if value else self._status.statement,
        )

    def _set(self, state: ComponentState, statement: str) -> None:
        """Since when it is so stays, also where the reason is another one by now."""
        since = self._status.since
        if self._status.state is not state:
            since = self._clock.now()
            level = logging.WARNING if state is ComponentState.UNREACHABLE else logging.INFO
            _LOG.log(
                level, "source_changed", extra={"source": self._source.name, "state": state, "statement": statement}
            )
        self._status = ComponentStatus(name=self._status.name, state=state, statement=statement, since=since)


class HangWatch(Worker):
    """Speaks for the sources whose poll does not return. It waits for nothing else, neither the store nor the sweep."""

    def __init__(self, sources: Sequence[SourceWorker], clock: Clock, telemetry: Telemetry) -> None:
        super().__init__("hang-watch", clock, telemetry)
        self._sources = sources

    def round(self) -> None:
        for source in self._sources:
            source.speak_if_it_hangs()
        self._stopping.wait(LOOK_EVERY_S)
