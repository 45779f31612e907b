"""What a silence means for a response that goes on under it: it is named, and it costs no patience."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from recoverops import incidents
from recoverops.model import Incident, Resource
from recoverops.pipeline.parts import Parts
from recoverops.ports import Tx


def naming_silence(tx: Tx, resource: Resource, statement: str, *, now: datetime) -> str:
    """The statement, and beside it the silence over this resource, unless it is named already."""
    standing = [one for one in tx.silences.active(now) if one.covers(resource) and one.id not in statement]
    return f"{statement}; {resource} is silenced ({standing[0]})" if standing else statement


def is_patience_spent(parts: Parts, tx: Tx, incident: Incident, felt: Collection[Resource], *, now: datetime) -> bool:
    """Whether it has waited for `give_up_after`. Never under a silence, and the time under one does not count."""
    if now - incident.responding_since < parts.decision.give_up_after:
        return False
    silences = [one for one in tx.silences.over_after(incident.responding_since) if any(map(one.covers, felt))]
    if any(one.is_active(now) for one in silences):
        return False
    return incidents.waited(incident, silences, now=now) >= parts.decision.give_up_after
