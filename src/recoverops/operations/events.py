"""What was changed and by whom, as streams brought it: listed for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recoverops.model import EventKind, Record, Resource, StoredEvent
from recoverops.ports import Store


class EventPage(Record, frozen=True, kw_only=True):
    events: tuple[StoredEvent, ...]
    next: int | None
    """Ask with `before` equal to this for the page after it; None when this is the last one."""


def list_events(
    store: Store,
    *,
    kinds: Sequence[EventKind] | None = None,
    resource: Resource | None = None,
    since: datetime | None = None,
    limit: int = 100,
    before: int | None = None,
) -> EventPage:
    """Newest first. Raises NotFoundError when the event `before` is gone."""
    found = store.read(
        lambda tx: tx.events.listed(kinds=kinds, resource=resource, since=since, limit=limit + 1, before=before)
    )
    page = found[:limit]
    return EventPage(events=page, next=page[-1].seq if len(found) > limit else None)
