"""What is read from a stream at once, how far it has been read, and by whom."""

from __future__ import annotations

from datetime import datetime, timedelta

from recoverops.model.event import Event
from recoverops.model.log import LogRecord
from recoverops.model.record import Record
from recoverops.model.signal import Alert, Sample


class Mark(Record, frozen=True, kw_only=True):
    """How far one part of a stream has been read, and who may read on."""

    source: str
    part: str
    """A shard, a log group, a queue: whatever the source reads by itself."""
    position: str = ""
    """In the source's own words; empty before the first commit."""
    is_finished: bool = False
    """Read to its end; nothing will ever follow."""
    owner: str = ""
    """Who holds it; empty when nobody does."""
    fence: int = 0
    """Raised whenever it is taken. A commit with an older one is refused: somebody else reads on from the mark."""
    until: datetime
    """Whoever comes later than this may take it."""

    def is_held(self, now: datetime) -> bool:
        return bool(self.owner) and self.until > now


class StreamParts(Record, frozen=True, kw_only=True):
    """What a source has to read now."""

    ready: tuple[str, ...]
    """Those that may be read, the most urgent first."""
    gone: tuple[str, ...] = ()
    """Finished ones that no longer exist on the other side; their marks are forgotten."""


class Batch(Record, frozen=True, kw_only=True):
    """What one part brought. All of it and the new position are written in one transaction."""

    position: str
    """Where to go on; the one that was asked for when nothing came."""
    logs: tuple[LogRecord, ...] = ()
    events: tuple[Event, ...] = ()
    alerts: tuple[Alert, ...] = ()
    samples: tuple[Sample, ...] = ()
    """Handed to the pipeline after the commit. A crash in between loses them: the next batch has newer ones."""
    is_finished: bool = False
    """Nothing will ever follow in this part."""
    more: bool = False
    """There is more already: ask again at once."""
    behind: timedelta | None = None
    """How old the newest thing read is against what the stream has; None when the source does not know."""
    receipts: tuple[str, ...] = ()
    """For `StreamSource.committed`: what to confirm to the other side after the commit, e.g. messages to delete."""
    unreadable: int = 0
    """Records that are in no format that the source knows. They are counted, and the stream goes on."""


class LogCount(Record, frozen=True, kw_only=True):
    """How many records of one minute were about one resource and said one thing."""

    resource: str
    """`kind:name`, or empty for records of no service of the inventory."""
    what: str
    """`severity:<severity>`, which every record has exactly one of, or a sign such as `log.port_in_use`"""
    minute: datetime
    records: int


class Taken(Record, frozen=True, kw_only=True):
    """What became of a batch that was committed."""

    mark: Mark
    records: int = 0
    duplicate_records: int = 0
    events: int = 0
    duplicate_events: int = 0
    alerts: int = 0
    duplicate_alerts: int = 0
    samples: tuple[Sample, ...] = ()
    """The batch's own, and what its log records say of each service."""
