"""Which stretches of a history were incidents: what was wrong then must not be learned as normal.

Pure but for one read of the store. An incident counts from a little before it was opened to its end, or to its first
day: what lasts longer is how things are now, and has to be learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from recoverops.model import Incident, Resource
from recoverops.ports import Tx

LEAD = timedelta(minutes=5)
"""Trouble begins before it has lasted for long enough to be opened."""
LONGEST = timedelta(days=1)
_PAGE = 500
_FORECAST = "/forecast:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    begins_at: datetime
    ends_at: datetime


def incident_stretches(tx: Tx, resource: Resource, *, start: datetime, end: datetime) -> tuple[Stretch, ...]:
    """Those of the resource that touch the time from `start` to `end`, newest first."""
    found = (stretch_of(one, now=end) for one in _since(tx, start - LONGEST) if one.resource == resource)
    return tuple(one for one in found if one is not None and one.ends_at >= start and one.begins_at <= end)


def stretch_of(incident: Incident, *, now: datetime) -> Stretch | None:
    """None: nothing was wrong. A person asked for a run, or it was foreseen and did not come."""
    if not incident.series or all(_FORECAST in name for name in incident.series):
        return None
    over = incident.resolved_at or now
    return Stretch(begins_at=incident.opened_at - LEAD, ends_at=min(over, incident.opened_at + LONGEST))


def within(times: NDArray[np.float64], stretches: Sequence[Stretch], *, trail: timedelta) -> NDArray[np.bool_]:
    """(n,) true inside one of them, or up to `trail` after its end."""
    inside = np.zeros(len(times), dtype=np.bool_)
    for one in stretches:
        inside |= (times >= one.begins_at.timestamp()) & (times <= (one.ends_at + trail).timestamp())
    return inside


def _since(tx: Tx, start: datetime) -> Iterator[Incident]:
    """Opened since then, newest first."""
    before: Incident | None = None
    while page := tx.incidents.listed(limit=_PAGE, before=before):
        yield from _until(page, start)
        before = page[-1]
        if before.opened_at < start:
            return


def _until(page: Iterable[Incident], start: datetime) -> Iterator[Incident]:
    return (one for one in page if one.opened_at >= start)
