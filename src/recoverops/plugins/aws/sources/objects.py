"""The stream `aws-objects`: new objects of S3, found by listing the folders of the last days, each read once.

How far a prefix was read is the time when its newest object was written; those of the last `late` are remembered by
digest, because an object may appear after one that was written later. An object that is broken is reported and skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from recoverops.model import Batch, Mark, MisconfiguredError, PermanentError, StreamParts
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.inbox.progress import Progress, mark_of, position_of, progress_of, remembered
from recoverops.plugins.aws.inbox_settings import InboxSettings, ObjectsSettings
from recoverops.plugins.aws.owners import Owners
from recoverops.plugins.aws.settings import AccountSettings
from recoverops.plugins.aws.sources.fetching_objects import fetched
from recoverops.plugins.aws.sources.gathering import Gathered
from recoverops.ports import Clock

NAME = "aws-objects"
AT_ONCE = 20
"""Objects of one batch at most."""
_MOST_DAYS = 31
"""Further back nothing is caught up."""


def grants_of(settings: ObjectsSettings, accounts: Sequence[AccountSettings]) -> tuple[Grant, ...]:
    """Exactly the prefix: the right to list it as a condition, the right to read as its ARN."""
    bucket = f"arn:{{partition}}:s3:::{settings.bucket}"
    account = place_of(settings, accounts).account
    read = Grant(
        action="s3:GetObject",
        why="to read the objects",
        arn=f"{bucket}/{settings.prefix}*",
        account=account,
        changes=False,
    )
    if not settings.listed:
        return (read,)
    condition = {"StringLike": {"s3:prefix": f"{settings.prefix}*"}}
    look = Grant(
        action="s3:ListBucket",
        why="to find new objects",
        arn=bucket,
        account=account,
        condition=condition,
        changes=False,
    )
    return look, read


class ObjectStream:
    """Implements `ports.StreamSource`. A part is a bucket with a prefix."""

    name = NAME

    def __init__(
        self,
        calls: Calls,
        owners: Owners,
        accounts: Sequence[AccountSettings],
        *,
        settings: InboxSettings,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._owners = owners
        self._accounts = accounts
        self._settings = settings
        self._listed = {f"{one.bucket}/{one.prefix}": one for one in settings.objects if one.listed}
        self._clock = clock

    @property
    def every(self) -> timedelta:
        return self._settings.objects_every

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        return StreamParts(ready=tuple(self._listed))

    def poll(self, part: str, position: str) -> Batch:
        settings = self._listed[part]
        place = place_of(settings, self._accounts)
        progress, now = progress_of(position), self._clock.now()
        oldest = max(progress.until or now, now - timedelta(days=_MOST_DAYS)) - settings.late
        found = sorted(self._new(place, settings, progress, oldest, now.date()), key=lambda one: (one[1], one[0]))
        gathered = Gathered(source=NAME, owners=self._owners, now=now)
        taken = list[tuple[str, datetime, str]]()
        for one in found[:AT_ONCE]:
            if gathered.is_enough:
                break
            taken.append(one)
            key = one[0]
            try:
                gathered.take(fetched(self._calls, place, key, settings))
            except PermanentError as error:
                gathered.give_up(f"the object s3://{settings.bucket}/{key}", str(error))
        after = _moved(progress, taken, settings.late, first=oldest + settings.late)
        watch = gathered.watched(progress.watch, self._settings.suspicion)
        where = position_of(msgspec.structs.replace(after, watch=watch))
        left = found[len(taken) :]
        return Batch(
            position=where,
            events=tuple(gathered.events),
            alerts=tuple(gathered.alerts),
            samples=gathered.samples(),
            more=bool(left),
            behind=now - left[0][1] if left else timedelta(0),
            unreadable=gathered.unreadable,
        )

    def committed(self, batch: Batch) -> None:
        """The position says it all."""

    def _new(
        self, place: Place, settings: ObjectsSettings, progress: Progress, oldest: datetime, today: date
    ) -> Iterator[tuple[str, datetime, str]]:
        """Key, time of writing and digest of what was not read yet."""
        for day in days(oldest.date() - timedelta(days=1), today):
            listed = self._calls.pages(
                place,
                "s3:ListObjectsV2",
                "Contents",
                Bucket=settings.bucket,
                Prefix=f"{settings.prefix}{day:%Y/%m/%d}/",
            )
            for one in listed:
                at = one["LastModified"].astimezone(UTC)
                mark = mark_of(one["Key"], str(one.get("ETag", "")))
                if at >= oldest and mark not in progress.seen:
                    yield one["Key"], at, mark


def _moved(
    progress: Progress, taken: Sequence[tuple[str, datetime, str]], late: timedelta, *, first: datetime
) -> Progress:
    """`first`: where an unread prefix begins."""
    newest = max((at for _, at, _ in taken), default=first)
    until = max(progress.until or first, newest)
    seen = remembered(progress.seen, ((mark, at) for _, at, mark in taken), since=until - late)
    return msgspec.structs.replace(progress, until=until, seen=seen)


def days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def place_of(settings: ObjectsSettings, accounts: Sequence[AccountSettings]) -> Place:
    """Raises MisconfiguredError when account or region are not the only ones and not named."""
    fitting = [one for one in accounts if settings.account in {None, one.name}]
    if len(fitting) != 1:
        known = ", ".join(one.name for one in accounts)
        raise MisconfiguredError(
            f"objects: s3://{settings.bucket}/{settings.prefix}: say which account, one of: {known}"
        )
    regions = [one for one in fitting[0].regions if settings.region in {None, one}]
    if len(regions) != 1:
        known = ", ".join(fitting[0].regions)
        raise MisconfiguredError(
            f"objects: s3://{settings.bucket}/{settings.prefix}: say which region, one of: {known}"
        )
    return Place(account=fitting[0].name, account_id=fitting[0].id, region=regions[0])
