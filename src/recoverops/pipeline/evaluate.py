"""A dry run: what would be decided now, with every gate's verdict. Reads and probes; writes and starts nothing."""

from __future__ import annotations

from datetime import datetime

from recoverops.model import Decision, DecisionId, Incident
from recoverops.pipeline.assess import assess
from recoverops.pipeline.deciding import as_seen, conclude
from recoverops.pipeline.parts import Parts


def evaluate(parts: Parts, incident: Incident) -> Decision:
    """The decision that would be made about this incident now; stored nowhere. It need not exist in the store."""
    now: datetime = parts.clock.now()
    assessment = assess(parts, incident, now=now)
    seen = as_seen(incident, assessment, now=now)
    decision_id = DecisionId(f"dry-{incident.id}")
    return parts.store.read(lambda tx: conclude(parts, tx, seen, assessment, decision_id, now=now))
