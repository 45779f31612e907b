"""What a batch of log records says: of which services, how many of each severity and sign, which lines. Pure.

Called by the pipeline before the transaction that stores the counts, so that no writer waits for it. The inventory
decides what a record is about, as it does for alerts: the record's attributes choose, they cannot name a thing of their
own. Deep reading of logs (templates, novelty) has its place beside this, in `detection/logs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from recoverops.loglines import ERRORS, severity_of, signs_of
from recoverops.model import LogCount, LogRecord, LogSeverity, Record, Resource
from recoverops.topology import Inventory

_BAD = frozenset({LogSeverity.ERROR, LogSeverity.FATAL})
_WHAT = {severity: f"severity:{severity.value}" for severity in LogSeverity}
_MINUTE = timedelta(minutes=1)
_MOST_KNOWN = 10_000
"""Different sets of attributes whose service is remembered."""

Key = tuple[str, str, datetime]
"""resource, what, minute"""


class Judged(Record, frozen=True, kw_only=True):
    """One record, and what it counts for."""

    record: LogRecord
    resource: Resource | None
    counts: tuple[Key, ...]
    metrics: tuple[str, ...]
    """`log.errors` and signs"""


class LogDigest:
    """Remembers which attributes mean which service; belongs to one thread."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        asked = {name for service in inventory.services.values() for name in service.match}
        self._asked = tuple(sorted(asked | {"service.name"}))
        """The attributes that the inventory asks for; the others are different in each request."""
        self._minute = self._minute_ends = datetime.min.replace(tzinfo=UTC)
        """Of the record before: most are of the same."""
        self._known: dict[tuple[str | None, ...], Resource | None] = {}

    def judge(self, records: Iterable[LogRecord]) -> list[Judged]:
        """In their order. Of records with one id the first counts; the others are not in the answer."""
        seen: set[str] = set()
        found = []
        for record in records:
            if record.id:
                if record.id in seen:
                    continue
                seen.add(record.id)
            found.append(self._judged(record))
        return found

    def _judged(self, record: LogRecord) -> Judged:
        severity = record.severity
        if severity is LogSeverity.UNKNOWN:
            severity = severity_of(record.body)
        signs = signs_of(record.body)
        resource = record.resource or self._resource(record.attributes)
        name = "" if resource is None else str(resource)
        if not self._minute <= record.at < self._minute_ends:
            self._minute = record.at.replace(second=0, microsecond=0)
            self._minute_ends = self._minute + _MINUTE
        minute = self._minute
        counts = ((name, _WHAT[severity], minute), *((name, sign, minute) for sign in signs))
        metrics = (ERRORS, *signs) if severity in _BAD else signs
        return Judged(record=record, resource=resource, counts=counts, metrics=metrics)

    def _resource(self, attributes: Mapping[str, str]) -> Resource | None:
        key = tuple(map(attributes.get, self._asked))
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = resource_of(attributes, self._inventory)
        return self._known[key]


def resource_of(attributes: Mapping[str, str], inventory: Inventory) -> Resource | None:
    """The one service that the attributes mean; None when it is none, or several.

    `service.name` counts as the label `service` too, which is what the inventory asks for unless it says otherwise.
    """
    labels = dict(attributes)
    if "service.name" in labels:
        labels.setdefault("service", labels["service.name"])
    services = inventory.matching(labels)
    return services[0].resource if len(services) == 1 else None


def counted(judged: Sequence[Judged], *, without: Collection[str] = ()) -> tuple[LogCount, ...]:
    """The sums, leaving out records with these ids."""
    keys: Counter[Key] = Counter()
    for one in judged:
        if one.record.id not in without:
            keys.update(one.counts)
    return tuple(
        LogCount(resource=resource, what=what, minute=minute, records=records)
        for (resource, what, minute), records in keys.items()
    )
