"""The source `cloudwatch-logs`: events of log groups by FilterLogEvents, each group a part of its own.

A poll reads the window from the last position, less `late`, up to now, in pages of 10,000: one call for a group in
which little happens. What came before is left out by its id; what is new in it came late. The position says how far the
windows are whole, and inside one which page is next. Events that were read and not committed are read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from recoverops.model import Batch, LogRecord, Mark, RecoverOpsError, StreamParts
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.log_groups import LogGroup, LogGroups
from recoverops.plugins.aws.sources.payloads import log_record
from recoverops.plugins.aws.stream_settings import LogsSettings
from recoverops.ports import Clock

NAME = "cloudwatch-logs"
_CALL = "logs:FilterLogEvents"
_AT_ONCE = 10_000
"""Events of a page, the most that there may be."""
_MOST_PAGES = 20
"""Of one poll: a page may be empty while AWS still searches."""
_OLDEST = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def grants_of(groups: LogGroups) -> tuple[Grant, ...]:
    return tuple(
        Grant(action=_CALL, why="to read the events of the services' log groups", arn=one.arn, changes=False)
        for one in groups.polled
    )


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A position. Times in milliseconds since 1970."""

    whole: int
    """Every window up to here has been read."""
    start: int = 0
    """Of the window that is being read; 0 when none is."""
    end: int = 0
    token: str = ""
    """The next page of it."""

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def of(cls, text: str) -> Place:
        return msgspec.json.decode(text, type=cls)


class LogsSource:
    """Implements `ports.StreamSource`."""

    name = NAME

    def __init__(self, calls: Calls, settings: LogsSettings, groups: LogGroups, *, clock: Clock) -> None:
        self._calls = calls
        self._settings = settings
        self._groups = {one.part: one for one in groups.polled}
        self._clock = clock
        self._committed: dict[str, dict[str, int]] = {part: {} for part in self._groups}
        """part -> id -> its time: those that need not be handed on again"""

    @property
    def every(self) -> timedelta:
        return self._settings.every

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        return StreamParts(ready=tuple(self._groups))

    def poll(self, part: str, position: str) -> Batch:
        now = _millis(self._clock.now())
        if position == "":
            return Batch(position=Place(whole=self._first(now)).text(), more=True)
        place = Place.of(position)
        window = place if place.token else self._window(place, now)
        try:
            events, token = self._pages(self._groups[part], window)
        except RecoverOpsError as error:
            if not place.token or not _is_lost_token(error):
                raise
            window = self._window(place, now)  # the page is not there any more: the window from its beginning
            events, token = self._pages(self._groups[part], window)
        return self._batch(part, place, window, events, token)

    def committed(self, batch: Batch) -> None:
        """Remembers what need not be handed on again; each receipt is a part, a time and an id."""
        for receipt in batch.receipts:
            part, at, ident = receipt.split("\n", 2)
            self._committed[part][ident] = int(at)

    def _first(self, now: int) -> int:
        return now if self._settings.start == "latest" else now - _millis_of(_OLDEST)

    def _window(self, place: Place, now: int) -> Place:
        start = max(0, place.whole - _millis_of(self._settings.late))
        return Place(whole=place.whole, start=start, end=max(now, place.whole))

    def _pages(self, group: LogGroup, window: Place) -> tuple[list[Mapping[str, Any]], str]:
        """Events until there are enough, and the token of the page after them; empty at the window's end."""
        events: list[Mapping[str, Any]] = []
        asked: dict[str, Any] = {
            "logGroupName": group.name,
            "startTime": window.start,
            "endTime": window.end,
            "limit": _AT_ONCE,
        }
        if self._settings.pattern:
            asked["filterPattern"] = self._settings.pattern
        token = window.token
        for _ in range(_MOST_PAGES):
            page = self._calls.read(group.place, _CALL, **asked, **({"nextToken": token} if token else {}))
            events += page.get("events", ())
            token = page.get("nextToken") or ""
            if not token or len(events) >= _AT_ONCE:
                break
        return events, token

    def _batch(self, part: str, place: Place, window: Place, events: Sequence[Mapping[str, Any]], token: str) -> Batch:
        known = self._committed[part]
        new = [one for one in events if one["eventId"] not in known]
        group = self._groups[part]
        after = msgspec.structs.replace(window, token=token) if token else Place(whole=window.end)
        is_idle = not token and not new and not place.token
        if is_idle and after.whole - place.whole < _millis_of(self._settings.late):
            after = place  # nothing to write down yet; the next window begins where this one did
        if not token:
            oldest = window.end - 2 * _millis_of(self._settings.late)
            self._committed[part] = {ident: at for ident, at in known.items() if at >= oldest}
        return Batch(
            position=after.text(),
            logs=tuple(_record(group, one) for one in new),
            more=bool(token),
            receipts=tuple(f"{part}\n{one['timestamp']}\n{one['eventId']}" for one in new),
        )


def _record(group: LogGroup, event: Mapping[str, Any]) -> LogRecord:
    shared = {
        "aws.log.group.names": group.name,
        "aws.log.stream.names": str(event.get("logStreamName", "")),
        "cloud.account.id": group.place.account_id,
        "cloud.region": group.place.region,
    }
    return log_record(
        event["message"],
        group.format,
        id=event["eventId"],
        at=_EPOCH + timedelta(milliseconds=event["timestamp"]),
        resource=group.resource,
        shared=shared,
    )


def _millis(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _millis_of(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def _is_lost_token(error: RecoverOpsError) -> bool:
    """A token counts for a day."""
    answer = getattr(error.__cause__, "response", None) or {}
    return bool(answer.get("Error", {}).get("Code") == "InvalidParameterException")
