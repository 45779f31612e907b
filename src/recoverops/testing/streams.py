"""A stream in memory, and the conformance kit of stream sources. A plugin author calls the kit from tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from recoverops.model import Batch, Event, LogRecord, Mark, StreamParts, UnreachableError
from recoverops.model.log import LONGEST_BODY
from recoverops.ports import StreamSource
from recoverops.redact import redact
from recoverops.testing.claims import ConformanceError, claim, is_aware_utc

_MOST_POLLS = 1000


class MemoryStream:
    """Implements `ports.StreamSource`: parts with records, read `at_once` at a time; positions are numbers."""

    def __init__(self, name: str = "memory", *, at_once: int = 10, every: timedelta = timedelta(seconds=1)) -> None:
        self.name = name
        self.every = every
        self.content: dict[str, list[LogRecord | Event]] = {}
        self.finished: set[str] = set()
        self.gone: tuple[str, ...] = ()
        self.failing: dict[str, Exception] = {}
        """part -> what `poll` raises; the empty name stands for `parts`"""
        self.confirmed: list[Batch] = []
        self._at_once = at_once

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        if "" in self.failing:
            raise self.failing[""]
        drained = {one.part for one in known if one.is_finished}
        return StreamParts(ready=tuple(part for part in self.content if part not in drained), gone=self.gone)

    def poll(self, part: str, position: str) -> Batch:
        if part in self.failing:
            raise self.failing[part]
        start = int(position or 0)
        found = self.content[part][start : start + self._at_once]
        end = start + len(found)
        left = len(self.content[part]) - end
        return Batch(
            position=str(end) if found else position,
            logs=tuple(one for one in found if isinstance(one, LogRecord)),
            events=tuple(one for one in found if isinstance(one, Event)),
            is_finished=part in self.finished and not left,
            more=left > 0,
            behind=timedelta(seconds=left),
            receipts=tuple(one.id for one in found),
        )

    def committed(self, batch: Batch) -> None:
        self.confirmed.append(batch)


def check_stream_source(
    source: StreamSource, *, cut_off: Callable[[], AbstractContextManager[object]] | None = None
) -> tuple[Batch, ...]:
    """Reads everything that a source has to give, from the beginning, and checks it. Returns the batches.

    Each batch is asked for twice, because after a crash it is: both answers have to bring the same. `cut_off` makes the
    other side unreachable for the time of its context; None when there is no such thing.
    """
    claim(bool(source.name), "it has no name")
    claim(source.every > timedelta(0), f"it wants to be asked every {source.every}")
    found = {part: _read(source, part) for part in source.parts(()).ready}
    if cut_off is not None:
        with cut_off():
            _claim_unreachable(source, {part: batches[-1].position for part, batches in found.items()})
    return tuple(batch for batches in found.values() for batch in batches)


def _read(source: StreamSource, part: str) -> list[Batch]:
    found, position = list[Batch](), ""
    for _ in range(_MOST_POLLS):
        batch = source.poll(part, position)
        again = source.poll(part, position)
        claim(_ids(batch) == _ids(again), f"{part} brings something else from {position!r} the second time")
        _claim_content(source, batch)
        has_moved = batch.position != position
        claim(has_moved or not _ids(batch) or bool(batch.receipts), f"{part} brings records and stays at {position!r}")
        claim(not batch.more or has_moved, f"{part} says that there is more and stays at {position!r}")
        source.committed(batch)
        found.append(batch)
        position = batch.position
        if batch.is_finished or not batch.more:
            return found
    raise ConformanceError(f"{part} has no end after {_MOST_POLLS} polls")


def _ids(batch: Batch) -> tuple[str, ...]:
    return (*(one.id or one.body for one in batch.logs), *(one.id for one in batch.events))


def _claim_content(source: StreamSource, batch: Batch) -> None:
    for record in batch.logs:
        claim(is_aware_utc(record.at), f"a record is stamped {record.at}, which is not aware UTC")
        claim(len(record.body) <= LONGEST_BODY, f"a body has {len(record.body)} characters; make it with `body_of`")
        claim(redact(record.body) == record.body, "a body is not redacted; make it with `body_of`")
    for event in batch.events:
        claim(bool(event.id), f"an event has no id: {event.summary!r}")
        claim(event.source == source.name, f"an event names the source {event.source!r}, it is {source.name!r}")
        claim(is_aware_utc(event.at), f"an event is stamped {event.at}, which is not aware UTC")
        claim(redact(event.summary) == event.summary, "the summary of an event is not redacted")
    for alert in batch.alerts:
        claim(alert.source == source.name, f"an alert names the source {alert.source!r}, it is {source.name!r}")
        claim(bool(alert.fingerprint), "an alert has no fingerprint, so it cannot be told from the next one")


def _claim_unreachable(source: StreamSource, ends: Mapping[str, str]) -> None:
    """At the end of what there was, so that nothing can come from memory."""
    try:
        for part, position in ends.items():
            source.poll(part, position)
    except UnreachableError:
        return
    raise ConformanceError("it answers although the other side is cut off, expected UnreachableError")
