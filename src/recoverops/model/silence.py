"""A silence: a person says that nothing acts on these resources until then. A maintenance window."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from recoverops.model.ids import SilenceId
from recoverops.model.record import Record
from recoverops.model.resource import Resource


class Silence(Record, frozen=True, kw_only=True):
    """Counts from `starts_at` up to, and not including, its end. Incidents are opened and told all the same."""

    id: SilenceId
    pattern: str
    """With * and ?, over `kind:name`, e.g. `service:checkout*`."""
    starts_at: datetime
    ends_at: datetime
    by: str
    reason: str
    ended_at: datetime | None = None
    """When a person ended it before its time."""
    ended_by: str | None = None

    @property
    def over_at(self) -> datetime:
        """The end that counts: the planned one, or the earlier one that a person chose."""
        return self.ends_at if self.ended_at is None else min(self.ends_at, self.ended_at)

    def is_active(self, now: datetime) -> bool:
        return self.starts_at <= now < self.over_at

    def covers(self, resource: Resource) -> bool:
        return fnmatchcase(str(resource), self.pattern)

    def __str__(self) -> str:
        """As decisions and escalations name it."""
        return f"{self.id} by {self.by} until {self.over_at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"
