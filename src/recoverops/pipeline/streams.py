"""What a stream brought goes into the store, with the mark, in one transaction; then its samples go on.

Called by the worker of a stream source (`app/streams.py`). A crash before the commit loses nothing: it is read again
from the old mark. A crash after it counts nothing twice: the mark has moved. When another engine has taken the part
meanwhile, the commit is refused as a whole. Never called by a response.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from recoverops.loglines import Windows
from recoverops.model import Batch, Event, Mark, Resource, Sample, Taken
from recoverops.ports import Clock, Store, Tx
from recoverops.sources.log_digest import Judged, LogDigest, counted, resource_of
from recoverops.topology import Inventory


class StreamIntake:
    """Of one stream source; its worker's thread is its only caller."""

    def __init__(self, source: str, *, store: Store, clock: Clock, inventory: Inventory, max_age: timedelta) -> None:
        """Records older than `max_age` are counted and not judged: they come from a backlog and say nothing of now."""
        self._source = source
        self._store = store
        self._clock = clock
        self._inventory = inventory
        self._max_age = max_age
        self._digest = LogDigest(inventory)
        self._windows: dict[Resource, Windows] = {}

    def take(self, mark: Mark, batch: Batch, *, until: datetime) -> Taken:
        """Commits the batch and moves the mark on, extending its lease.

        Raises ConflictError when the mark was taken by somebody else: nothing of the batch is stored then, and nothing
        goes on.
        """
        now = self._clock.now()
        judged = self._digest.judge(batch.logs)
        sums = counted(judged)
        ids = [one.record.id for one in judged if one.record.id]
        events = tuple(self._placed(one) for one in batch.events)

        def commit(tx: Tx) -> tuple[Taken, frozenset[str]]:
            held = tx.streams.advance(mark, position=batch.position, is_finished=batch.is_finished, until=until)
            new = tx.streams.new_among(self._source, ids, at=now) if ids else frozenset[str]()
            known = frozenset(ids) - new
            tx.streams.add_counts(self._source, counted(judged, without=known) if known else sums)
            stored = tx.events.add(events, at=now) if events else 0
            admitted = tx.signals.admit(batch.alerts, at=now) if batch.alerts else None
            records = len(judged) - len(known)
            taken = Taken(
                mark=held,
                records=records,
                duplicate_records=len(batch.logs) - records,
                events=stored,
                duplicate_events=len(events) - stored,
                alerts=admitted.stored if admitted else 0,
                duplicate_alerts=admitted.duplicates if admitted else 0,
            )
            return taken, known

        taken, known = self._store.write(commit)
        self._remember(judged, known, now=now)
        return msgspec.structs.replace(taken, samples=batch.samples)

    def samples(self) -> tuple[Sample, ...]:
        """What the logs of each service say now; 0 for a service whose last such lines are long ago."""
        at_s, now = self._clock.monotonic(), self._clock.now()
        return tuple(
            Sample(resource=resource, metric=metric, value=float(count), at=now, source=self._source, detail=detail)
            for resource, windows in self._windows.items()
            for metric, count, detail in windows.now(at_s)
        )

    def _remember(self, judged: Sequence[Judged], known: Collection[str], *, now: datetime) -> None:
        oldest = now - self._max_age
        fresh: dict[Resource, list[tuple[tuple[str, ...], str]]] = {}
        for one in judged:
            if one.resource is not None and one.record.at >= oldest and one.record.id not in known:
                fresh.setdefault(one.resource, []).append((one.metrics, one.record.body))
        at_s = self._clock.monotonic()
        for resource, lines in fresh.items():
            self._windows.setdefault(resource, Windows()).take(lines, at_s=at_s)

    def _placed(self, event: Event) -> Event:
        if event.resources:
            return event
        resource = resource_of(event.attributes, self._inventory)
        return event if resource is None else msgspec.structs.replace(event, resources=(resource,))


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine does about the parts of a stream."""

    claim: tuple[str, ...]
    release: tuple[str, ...]


def share_of(ready: Sequence[str], marks: Iterable[Mark], readers: Sequence[str], *, me: str, now: datetime) -> Share:
    """Which parts to claim and which to let go of, so that every reader has about as many. Pure.

    Nobody takes a part from a reader whose lease runs; one that has more than its share lets go of the rest.
    """
    held = {one.part: one.owner for one in marks if one.is_held(now)}
    mine = [part for part in ready if held.get(part) == me]
    free = [part for part in ready if part not in held]
    fair = -(-len(ready) // max(1, len(readers)))
    return Share(claim=tuple(free[: max(0, fair - len(mine))]), release=tuple(mine[fair:]))


LEASE_RENEWED_AFTER = 0.5
"""A lease of which less than this share is left is renewed although nothing was read."""


def needs_renewal(mark: Mark, *, lease: timedelta, now: datetime) -> bool:
    return mark.until - now < lease * LEASE_RENEWED_AFTER
