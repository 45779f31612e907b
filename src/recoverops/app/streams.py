"""The thread of one stream source: shares its parts with other engines, reads them in turn, commits, hands on.

A part that fails is tried again later and later, up to `_LONGEST_PAUSE_S`; the others go on. While any part fails, the
source counts as unreachable: what is not read is not known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from recoverops.api.telemetry import Metrics
from recoverops.app.workers import Worker
from recoverops.model import (
    Batch,
    ComponentState,
    ComponentStatus,
    ConflictError,
    Mark,
    RecoverOpsError,
    Resource,
    ResourceKind,
    Sample,
    Taken,
)
from recoverops.pipeline import StreamIntake, needs_renewal, share_of
from recoverops.ports import Clock, Store, StreamSource, Tx
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.streams")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_MOST_IN_A_ROW = 20
"""Batches of one part before the next one has its turn."""


class _Pause(msgspec.Struct, frozen=True, kw_only=True):
    until_s: float
    length_s: float
    why: str


class StreamWorker(Worker):
    def __init__(  # noqa: PLR0913 - what a worker needs, and the two places that it hands things on to
        self,
        source: StreamSource,
        intake: StreamIntake,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        *,
        owner: str,
        lease: timedelta,
        deliver: Callable[[tuple[Sample, ...]], None],
        alerts_stored: Callable[[], None],
    ) -> None:
        """`owner` names this engine to the others on the same store."""
        super().__init__(f"source-{source.name}", clock, metrics)
        self._source = source
        self._intake = intake
        self._store = store
        self._metrics = metrics
        self._owner = owner
        self._lease = lease
        self._deliver = deliver
        self._alerts_stored = alerts_stored
        self._held: dict[str, Mark] = {}
        self._attend_at: datetime | None = None
        self._pauses: dict[str, _Pause] = {}
        self._behind: dict[str, float] = {}
        self._status = ComponentStatus(
            name=f"source {source.name}",
            state=ComponentState.STARTING,
            statement="not asked yet",
            since=clock.now(),
        )

    @property
    def status(self) -> ComponentStatus:
        return self._status

    @property
    def behind_s(self) -> float | None:
        """How far behind the part is that is farthest behind, as the other side says; None when it does not."""
        return max(self._behind.values(), default=None)

    def round(self) -> None:
        began = self._clock.monotonic()
        has_more = False
        try:
            self._share()
        except Exception as error:  # noqa: BLE001 - a plugin call, or the store: recorded as data
            self._tell(ComponentState.UNREACHABLE, redact(f"{error}" or type(error).__name__))
            self._metrics.count("recoverops_source_errors_total", source=self._source.name)
        else:
            for part in tuple(self._held):
                has_more = self._read(part) or has_more
            self._judge()
        is_up = self._status.state is ComponentState.UP
        self._deliver((self._sample_of_itself(), *(self._intake.samples() if is_up else ())))
        took = self._clock.monotonic() - began
        self._metrics.observe("recoverops_poll_seconds", took, source=self._source.name)
        if not has_more:
            self._stopping.wait(max(0.01, self._source.every.total_seconds() - took))

    def release_all(self) -> None:
        """At the end: another engine may read on at once."""
        held, self._held = tuple(self._held.values()), {}

        def release(tx: Tx) -> None:
            for mark in held:
                tx.streams.release(mark)

        with suppress(RecoverOpsError):  # then they end by themselves
            self._store.write(release)

    def _share(self) -> None:
        """Claims and releases parts, so that every engine on this store has about as many. Mostly it only looks."""
        name, now = self._source.name, self._clock.now()
        marks, readers = self._store.read(lambda tx: (tx.streams.marks(name), tx.streams.readers(name, now=now)))
        found = self._source.parts(marks)
        known = {one.part: one for one in marks}
        self._held = {
            part: mark for part, mark in self._held.items() if part in found.ready and self._is_mine(known, mark)
        }
        wanted = share_of(found.ready, marks, readers, me=self._owner, now=now)
        mine = (part for part in found.ready if part in known and known[part].owner == self._owner)
        lost_track = [part for part in mine if part not in self._held and part not in wanted.release]
        claim = tuple(dict.fromkeys((*lost_track, *wanted.claim)))
        is_due = self._attend_at is None or now >= self._attend_at
        if claim or wanted.release or found.gone or is_due:
            self._store.write(lambda tx: self._settle(tx, claim, wanted.release, found.gone, now=now))
        self._pauses = {part: pause for part, pause in self._pauses.items() if part in self._held}
        self._behind = {part: behind for part, behind in self._behind.items() if part in self._held}

    def _settle(
        self, tx: Tx, claim: Sequence[str], release: Sequence[str], gone: Sequence[str], *, now: datetime
    ) -> None:
        name, until = self._source.name, now + self._lease
        tx.streams.attend(name, self._owner, now=now, until=until)
        held = dict(self._held)
        for part in release:
            if part in held:
                tx.streams.release(held.pop(part))
        for part in claim:
            with suppress(ConflictError):
                held[part] = tx.streams.claim(name, part, owner=self._owner, now=now, until=until)
        tx.streams.forget(name, gone)
        self._held, self._attend_at = held, now + self._lease / 2

    @staticmethod
    def _is_mine(known: Mapping[str, Mark], mark: Mark) -> bool:
        found = known.get(mark.part)
        return found is not None and (found.owner, found.fence) == (mark.owner, mark.fence)

    def _read(self, part: str) -> bool:
        """Whether there is more already."""
        pause = self._pauses.get(part)
        if pause is not None and self._clock.monotonic() < pause.until_s:
            return False
        for _ in range(_MOST_IN_A_ROW):
            mark = self._held[part]
            try:
                batch = self._source.poll(part, mark.position)
                taken = self._commit(mark, batch)
            except ConflictError as error:
                self._lose(part, str(error))
                return False
            except Exception as error:  # noqa: BLE001 - a plugin call, or the store: recorded as data
                self._put_off(part, redact(f"{error}" or type(error).__name__))
                return False
            self._pauses.pop(part, None)
            if batch.behind is not None:
                self._behind[part] = batch.behind.total_seconds()
            if taken is not None and taken.mark.is_finished:
                self._held.pop(part)
                self._behind.pop(part, None)
                return True  # what comes after it may be readable now
            if not batch.more or self._stopping.is_set():
                return False
        return True

    def _commit(self, mark: Mark, batch: Batch) -> Taken | None:
        """None when there was nothing to write."""
        now = self._clock.now()
        is_empty = not (batch.logs or batch.events or batch.alerts or batch.samples or batch.unreadable)
        has_moved = batch.position != mark.position or batch.is_finished
        if is_empty and not has_moved and not needs_renewal(mark, lease=self._lease, now=now):
            self._confirm(batch)
            return None
        taken = self._intake.take(mark, batch, until=now + self._lease)
        self._held[mark.part] = taken.mark
        self._confirm(batch)
        if taken.alerts:
            self._alerts_stored()
        if taken.samples:
            self._deliver(taken.samples)
        self._count(batch, taken)
        return taken

    def _confirm(self, batch: Batch) -> None:
        try:
            self._source.committed(batch)
        except Exception as error:  # noqa: BLE001 - a plugin call; it is stored, and what is delivered again is known
            _LOG.warning("not_confirmed", extra={"source": self._source.name, "error": redact(str(error))})

    def _count(self, batch: Batch, taken: Taken) -> None:
        outcomes = {
            ("records", "new"): taken.records,
            ("records", "duplicate"): taken.duplicate_records,
            ("records", "unreadable"): batch.unreadable,
            ("events", "new"): taken.events,
            ("events", "duplicate"): taken.duplicate_events,
            ("alerts", "new"): taken.alerts,
            ("alerts", "duplicate"): taken.duplicate_alerts,
        }
        for (what, outcome), count in outcomes.items():
            if count:
                self._metrics.add(
                    "recoverops_stream_taken_total", count, source=self._source.name, what=what, outcome=outcome
                )

    def _lose(self, part: str, why: str) -> None:
        """Another engine reads it now. What was read is dropped; there it is read again."""
        self._held.pop(part, None)
        _LOG.warning("part_lost", extra={"source": self._source.name, "part": part, "why": why})
        self._metrics.count("recoverops_stream_conflicts_total", source=self._source.name)

    def _put_off(self, part: str, why: str) -> None:
        before = self._pauses.get(part)
        length_s = _FIRST_PAUSE_S if before is None else min(2 * before.length_s, _LONGEST_PAUSE_S)
        self._pauses[part] = _Pause(until_s=self._clock.monotonic() + length_s, length_s=length_s, why=why)
        self._metrics.count("recoverops_source_errors_total", source=self._source.name)

    def _judge(self) -> None:
        if self._pauses:
            part, pause = next(iter(self._pauses.items()))
            told = f"{len(self._pauses)} of {len(self._held)} parts cannot be read; {part}: {pause.why}"
            self._tell(ComponentState.UNREACHABLE, told)
        else:
            self._tell(ComponentState.UP, f"answers; reads {len(self._held)} parts")

    def _tell(self, state: ComponentState, statement: str) -> None:
        if self._status.state is not state:
            level = logging.WARNING if state is ComponentState.UNREACHABLE else logging.INFO
            told = {"source": self._source.name, "state": state, "statement": statement}
            _LOG.log(level, "source_changed", extra=told)
        since = self._status.since if self._status.state is state else self._clock.now()
        self._status = ComponentStatus(name=self._status.name, state=state, statement=statement, since=since)

    def _sample_of_itself(self) -> Sample:
        is_up = self._status.state is ComponentState.UP
        return Sample(
            resource=Resource(kind=ResourceKind.SOURCE, name=self._source.name),
            metric="source.up",
            value=float(is_up),
            at=self._clock.now(),
            source="recoverops",
            detail="" if is_up else self._status.statement,
        )
