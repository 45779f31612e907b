"""Every incident in some states, page by page: a storm must not keep the oldest from being looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from recoverops.model import Incident, IncidentState
from recoverops.ports import Store, Tx

PAGE = 1000
"""Incidents that are looked at together."""


def every_incident(store: Store, states: tuple[IncidentState, ...]) -> Iterator[Incident]:
    """The newest first; each page is a transaction of its own."""
    page = store.read(lambda tx: tx.incidents.listed(states=states, limit=PAGE))
    while page:
        yield from page
        if len(page) < PAGE:
            return
        page = store.read(partial(_older, states, page[-1]))


def _older(states: tuple[IncidentState, ...], last: Incident, tx: Tx) -> tuple[Incident, ...]:
    return tx.incidents.listed(states=states, limit=PAGE, before=last)
