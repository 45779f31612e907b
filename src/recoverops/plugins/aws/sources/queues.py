"""The stream `aws-queues`: messages of SQS, deleted only after what they said is stored.

What was read and not confirmed is brought again when the same place is asked for, as after a commit that was refused.
A message that nobody can read stays in the queue, for a dead-letter queue or a later release; at its delivery number
`give_up_after` it is reported and deleted, so that it does not go round for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from recoverops.model import (
    Batch,
    ForbiddenError,
    Mark,
    MisconfiguredError,
    PermanentError,
    StreamParts,
    UnreachableError,
)
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.inbox.message import Told, told_by
from recoverops.plugins.aws.inbox.progress import mark_of, position_of, progress_of, remembered
from recoverops.plugins.aws.inbox_settings import InboxSettings, ObjectsSettings, QueuesSettings
from recoverops.plugins.aws.owners import Owners
from recoverops.plugins.aws.settings import AccountSettings, AwsSettings
from recoverops.plugins.aws.sources.fetching_objects import fetched
from recoverops.plugins.aws.sources.gathering import Gathered
from recoverops.plugins.aws.sources.objects import place_of
from recoverops.ports import Clock

NAME = "aws-queues"
AT_ONCE = 10
"""Messages that one ReceiveMessage brings."""
MOST_IN_A_BATCH = 100
_STAYS = "-"
"""In the place of the handle of a message that is not deleted."""
_SEEN_FOR = timedelta(days=1)
"""Twice the longest visibility: so long the news of an object that was read may come again."""


def grants_of(queues: QueuesSettings, accounts: Sequence[AccountSettings]) -> tuple[Grant, ...]:
    """Exactly the queues. Raises MisconfiguredError for one of another account."""
    wanted = {
        "sqs:ReceiveMessage": "to read what waits in the queue",
        "sqs:DeleteMessage": "to delete a message after what it said is stored",
    }
    return tuple(
        Grant(action=action, why=why, arn=arn, account=queue_place(arn, accounts).account)
        for arn in queues.arns
        for action, why in wanted.items()
    )


def check(queues: QueuesSettings, settings: AwsSettings) -> None:
    """Raises MisconfiguredError for a queue of an account that is not there, and for a wait that no call would live."""
    for arn in queues.arns:
        queue_place(arn, settings.accounts)
    if queues.wait >= settings.timeout:
        raise MisconfiguredError(
            f"inbox.queues.wait is {queues.wait.total_seconds():g} s, which is not less than timeout "
            f"({settings.timeout.total_seconds():g} s); every empty answer would come too late"
        )


class QueueStream:
    """Implements `ports.StreamSource`. A part is the ARN of a queue."""

    name = NAME

    def __init__(
        self,
        calls: Calls,
        owners: Owners,
        accounts: Sequence[AccountSettings],
        *,
        settings: InboxSettings,
        queues: QueuesSettings,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._owners = owners
        self._accounts = accounts
        self._settings = settings
        self._queues = queues
        self._clock = clock
        self._unconfirmed: dict[str, tuple[str | None, float, list[Mapping[str, Any]]]] = {}
        """part -> position (None: any), when they become visible to others again, messages"""
        self._left: dict[str, list[Mapping[str, Any]]] = {}
        """part -> those of them that were too much for the batch"""

    @property
    def every(self) -> timedelta:
        return self._queues.every

    def parts(self, known: Sequence[Mark]) -> StreamParts:
        return StreamParts(ready=self._queues.arns)

    def poll(self, part: str, position: str) -> Batch:
        place = queue_place(part, self._accounts)
        progress = progress_of(position)
        messages = self._messages(part, place, position)
        gathered = Gathered(source=NAME, owners=self._owners, now=self._clock.now())
        receipts, seen, left = list[str](), dict(progress.seen), list[Mapping[str, Any]]()
        denied: ForbiddenError | None = None
        for number, message in enumerate(messages):
            if gathered.is_enough:
                left = messages[number:]
                break
            try:
                may_go = self._read(message, part, place, gathered, seen)
            except ForbiddenError as error:
                denied, may_go = error, False
            receipts.append(f"{part} {message['ReceiptHandle'] if may_go else _STAYS}")
        if denied is not None and all(one.endswith(f" {_STAYS}") for one in receipts):
            self._unconfirmed.pop(part, None)
            raise denied
        self._left[part] = left
        watch = gathered.watched(progress.watch, self._settings.suspicion)
        after = msgspec.structs.replace(
            progress, seen=remembered(seen, (), since=gathered.now - _SEEN_FOR), watch=watch
        )
        where = position if after == progress else position_of(after)
        return Batch(
            position=where,
            events=tuple(gathered.events),
            alerts=tuple(gathered.alerts),
            samples=gathered.samples(),
            more=(bool(left) or len(messages) >= MOST_IN_A_BATCH) and where != position,
            receipts=tuple(receipts),
            unreadable=gathered.unreadable,
        )

    def committed(self, batch: Batch) -> None:
        """Deletes what the batch was made of."""
        by_part: dict[str, list[str]] = {}
        for receipt in batch.receipts:
            part, _, handle = receipt.partition(" ")
            by_part.setdefault(part, []).extend([] if handle == _STAYS else [handle])
        for part, handles in by_part.items():
            _, ends, _ = self._unconfirmed.pop(part, (None, 0.0, []))
            left = self._left.pop(part, [])
            if left:
                self._unconfirmed[part] = (None, ends, left)
            self._delete(part, handles)

    def _messages(self, part: str, place: Place, position: str) -> list[Mapping[str, Any]]:
        now = self._clock.monotonic()
        kept = self._unconfirmed.get(part)
        if kept is not None and kept[0] in {None, position} and now < kept[1]:
            self._unconfirmed[part] = (position, *kept[1:])
            return kept[2]
        found: list[Mapping[str, Any]] = []
        wait_s = int(self._queues.wait.total_seconds())
        while len(found) < MOST_IN_A_BATCH:
            answer = self._calls.read(
                place,
                "sqs:ReceiveMessage",
                QueueUrl=url_of(part, place),
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=0 if found else wait_s,
                VisibilityTimeout=int(self._queues.visibility.total_seconds()),
                AttributeNames=["ApproximateReceiveCount"],
            )
            found += answer.get("Messages", ())
            if len(answer.get("Messages", ())) < AT_ONCE:
                break
        if found:
            ends = now + self._queues.visibility.total_seconds() / 2
            self._unconfirmed[part] = (position, ends, found)
        return found

    def _read(
        self, message: Mapping[str, Any], part: str, place: Place, gathered: Gathered, seen: dict[str, Any]
    ) -> bool:
        """Whether it may be deleted once this is stored. Raises ForbiddenError, as long as it is not to be given up."""
        try:
            told = told_by(message["Body"], self._owners, region=place.region, source=NAME)
            for bucket, key in told.objects:
                self._object(bucket, key, gathered, seen)
        except (PermanentError, ForbiddenError) as error:
            times = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
            if times < self._queues.give_up_after:
                gathered.unreadable += 1
                if isinstance(error, ForbiddenError):
                    raise
                return False
            queue = part.rpartition(":")[2]
            gathered.give_up(f"message {message['MessageId']} of the queue {queue}, at delivery {times},", str(error))
            return True
        _add(told, gathered)
        return True

    def _object(self, bucket: str, key: str, gathered: Gathered, seen: dict[str, Any]) -> None:
        """Raises PermanentError for an object of a prefix that nobody named, and ForbiddenError for one that may not be
        read: the right is missing, or the object is gone, which S3 tells to nobody who may not list.
        """
        mark = mark_of(bucket, key)
        if mark in seen:
            return
        settings = _settings_for(bucket, key, self._settings.objects)
        if settings is None:
            raise PermanentError(f"s3://{bucket}/{key} is under no entry of `objects`")
        try:
            gathered.take(fetched(self._calls, place_of(settings, self._accounts), key, settings))
        except PermanentError as error:
            gathered.give_up(f"the object s3://{bucket}/{key}", str(error))
        seen[mark] = gathered.now

    def _delete(self, part: str, handles: Sequence[str]) -> None:
        place = queue_place(part, self._accounts)
        for start in range(0, len(handles), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles[start : start + AT_ONCE])
            ]
            answer = self._calls.read(place, "sqs:DeleteMessageBatch", QueueUrl=url_of(part, place), Entries=entries)
            if answer.get("Failed"):
                raise UnreachableError(f"{part}: {len(answer['Failed'])} messages were not deleted; they come again")


def queue_place(arn: str, accounts: Sequence[AccountSettings]) -> Place:
    """Raises MisconfiguredError for a queue of an account or a region that the settings do not have."""
    _, _, _, region, account_id, _ = arn.split(":")
    for one in accounts:
        if one.id == account_id and region in one.regions:
            return Place(account=one.name, account_id=account_id, region=region)
    raise MisconfiguredError(f"the queue {arn} is of an account or region that `accounts` does not have")


def url_of(arn: str, place: Place) -> str:
    """As SQS takes it at any endpoint: the account and the name are what it reads."""
    tail = ".cn" if place.region.startswith("cn-") else ""
    return f"https://sqs.{place.region}.amazonaws.com{tail}/{place.account_id}/{arn.rpartition(':')[2]}"


def _settings_for(bucket: str, key: str, every: Sequence[ObjectsSettings]) -> ObjectsSettings | None:
    return next((one for one in every if one.bucket == bucket and key.startswith(one.prefix)), None)


def _add(told: Told, gathered: Gathered) -> None:
    gathered.alerts += told.alerts
    gathered.events += told.events
    gathered.records += told.records
