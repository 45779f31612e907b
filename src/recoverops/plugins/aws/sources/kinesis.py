"""The source `kinesis-<stream>`: log records from a Kinesis data stream, shard by shard, in full batches.

The mark of a shard is the sequence number of the last record that was committed. A call brings up to 10,000 Kinesis
records; they are handed on in batches of about `MOST_RECORDS` log records, so that a commit stays short. An iterator
that has expired is got anew from the mark. What Kinesis throttles is tried again by the SDK, then later and later by
the worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from recoverops.model import (
    Batch,
    LogRecord,
    Mark,
    MisconfiguredError,
    RecoverOpsError,
    Resource,
    Service,
    StreamParts,
)
from recoverops.plugins.aws.address import Place, place_of
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.log_groups import LogGroups
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.sources.payloads import PayloadReader
from recoverops.plugins.aws.sources.shards import Shard, is_child_of_read, parts_of
from recoverops.plugins.aws.stream_settings import KinesisSettings
from recoverops.ports import Clock

MOST_RECORDS = 10_000
"""Log records of a batch, give or take those of one Kinesis record."""
_AT_ONCE = 10_000
"""Kinesis records of a call, the most that there may be."""
_MOST_SHARDS_A_CALL = 1000
_MOST_PAGES = 100
_AT = "at:"
"""A position that is a time, in milliseconds: reading begins there."""


def grants_of(settings: KinesisSettings) -> tuple[Grant, ...]:
    return (
        Grant(
            action="kinesis:ListShards", why="to find its shards, and their parents", arn=settings.arn, changes=False
        ),
        Grant(action="kinesis:GetShardIterator", why="to go on where reading was", arn=settings.arn, changes=False),
        Grant(action="kinesis:GetRecords", why="to read its records", arn=settings.arn, changes=False),
    )


class _Fetched(msgspec.Struct):
    """What one call brought of a shard, until all of it is handed on."""

    start: str
    """The position that it was asked for."""
    records: Sequence[Mapping[str, Any]]
    places: Mapping[str, int]
    """Sequence number -> how many records are before the one that follows it."""
    next: str | None
    """The iterator that goes on; None at the end of a closed shard."""
    behind: timedelta

    def covers(self, position: str) -> bool:
        return position == self.start or position in self.places

    def index(self, position: str) -> int:
        return 0 if position == self.start else self.places[position]


class KinesisSource:
    """Implements `ports.StreamSource`."""

    def __init__(
        self,
        calls: Calls,
        settings: KinesisSettings,
        groups: LogGroups,
        services: Mapping[str, Service],
        accounts: Sequence[AccountSettings],
        *,
        clock: Clock,
    ) -> None:
        """Raises `MisconfiguredError` for an account, region or service that is not configured."""
        self._calls = calls
        self._settings = settings
        self._clock = clock
        self._place = place_of_stream(settings, accounts)
        self.name = f"kinesis-{settings.arn.rpartition('/')[2]}"
        self._reader = PayloadReader(
            groups,
            region=self._place.region,
            account_id=self._place.account_id,
            resource=_resource(settings, services),
        )
        self.most_records = MOST_RECORDS
        self._shards: tuple[Shard, ...] = ()
        self._listed_at: float | None = None
        self._known: tuple[Mark, ...] = ()
        self._fetched: dict[str, _Fetched] = {}

    @property
    def every(self) -> timedelta:
        return self._settings.every

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        self._known = tuple(known)
        now = self._clock.monotonic()
        is_old = self._listed_at is None or now - self._listed_at >= self._settings.shards_every.total_seconds()
        if is_old or self._has_ended_unseen():
            self._shards, self._listed_at = self._list_shards(), now
        found = parts_of(self._shards, known, from_latest=self._settings.start == "latest")
        self._fetched = {part: one for part, one in self._fetched.items() if part in found.ready}
        return found

    def _has_ended_unseen(self) -> bool:
        """A shard was read to its end whose children were not there when the shards were listed."""
        parents = {parent for one in self._shards for parent in one.parents}
        listed_open = {one.id for one in self._shards if one.is_open}
        return any(one.is_finished and one.part in listed_open and one.part not in parents for one in self._known)

    def _list_shards(self) -> tuple[Shard, ...]:
        found: list[Shard] = []
        asked: dict[str, Any] = {"StreamARN": self._settings.arn, "MaxResults": _MOST_SHARDS_A_CALL}
        for _ in range(_MOST_PAGES):
            page = self._calls.read(self._place, "kinesis:ListShards", **asked)
            found += map(Shard.of, page["Shards"])
            if not page.get("NextToken"):
                return tuple(found)
            asked = {"NextToken": page["NextToken"]}  # AWS refuses it together with the stream
        return tuple(found)

    def poll(self, part: str, position: str) -> Batch:
        if position == "" and self._begins_now(part):
            return Batch(position=f"{_AT}{int(self._clock.now().timestamp() * 1000)}", more=True)
        fetched = self._fetched.get(part)
        if fetched is None or not fetched.covers(position) or fetched.index(position) >= len(fetched.records):
            iterator = fetched.next if fetched is not None and _is_at_end(fetched, position) else None
            fetched = self._fetched[part] = self._fetch(part, position, iterator)
        return self._batch(fetched, position)

    def committed(self, batch: Batch) -> None:
        """Kinesis is told nothing: the mark is ours."""

    def _begins_now(self, part: str) -> bool:
        return self._settings.start == "latest" and not is_child_of_read(part, self._shards, self._known)

    def _fetch(self, part: str, position: str, iterator: str | None) -> _Fetched:
        """With the iterator of the call before, if it still counts."""
        answer: Any = None
        if iterator is not None:
            try:
                answer = self._get(iterator)
            except RecoverOpsError as error:
                if not _has_expired(error):
                    raise
        if answer is None:
            answer = self._get(self._iterator(part, position))
        records = answer["Records"]
        return _Fetched(
            start=position,
            records=records,
            places={one["SequenceNumber"]: number for number, one in enumerate(records, start=1)},
            next=answer.get("NextShardIterator"),
            behind=timedelta(milliseconds=answer.get("MillisBehindLatest") or 0),
        )

    def _get(self, iterator: str) -> Any:
        return self._calls.read(
            self._place, "kinesis:GetRecords", StreamARN=self._settings.arn, ShardIterator=iterator, Limit=_AT_ONCE
        )

    def _iterator(self, part: str, position: str) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
        if position == "":
            where = {"ShardIteratorType": "TRIM_HORIZON"}
        elif position.startswith(_AT):
            at = datetime.fromtimestamp(int(position.removeprefix(_AT)) / 1000, UTC)
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at}
        answer = self._calls.read(
            self._place, "kinesis:GetShardIterator", StreamARN=self._settings.arn, ShardId=part, **where
        )
        iterator: str = answer["ShardIterator"]
        return iterator

    def _batch(self, fetched: _Fetched, position: str) -> Batch:
        """The next whole Kinesis records, until there are enough log records."""
        logs: list[LogRecord] = []
        unreadable, index = 0, fetched.index(position)
        while index < len(fetched.records) and len(logs) < self.most_records:
            one = fetched.records[index]
            payload = self._reader.read(one["Data"], arrived=one["ApproximateArrivalTimestamp"].astimezone(UTC))
            logs += payload.records
            unreadable += not payload.is_readable
            index += 1
            position = one["SequenceNumber"]
        is_drained = index >= len(fetched.records)
        return Batch(
            position=position,
            logs=tuple(logs),
            unreadable=unreadable,
            is_finished=is_drained and fetched.next is None,
            more=not is_drained or bool(fetched.records and fetched.behind),
            behind=fetched.behind,
        )


def place_of_stream(settings: KinesisSettings, accounts: Sequence[AccountSettings]) -> Place:
    _, _, _, region, account_id, _ = settings.arn.split(":", 5)
    try:
        return place_of(None, account_id, region, accounts)
    except ValueError as error:
        raise MisconfiguredError(f"kinesis: {settings.arn}: {error}") from error


def _resource(settings: KinesisSettings, services: Mapping[str, Service]) -> Resource | None:
    if settings.service is None:
        return None
    if settings.service not in services:
        known = ", ".join(sorted(services)) or "none"
        raise MisconfiguredError(
            f'kinesis: {settings.arn}: there is no service "{settings.service}"; there are: {known}'
        )
    return services[settings.service].resource


def _is_at_end(fetched: _Fetched, position: str) -> bool:
    return fetched.covers(position) and fetched.index(position) == len(fetched.records)


def _has_expired(error: RecoverOpsError) -> bool:
    """An iterator counts for five minutes. This one is no sign of trouble."""
    answer = getattr(error.__cause__, "response", None) or {}
    return bool(answer.get("Error", {}).get("Code") == "ExpiredIteratorException")
