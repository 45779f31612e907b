"""How the work on an incident ends, whoever ends it. Pure; `pipeline` and the use cases store what comes out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from recoverops.model import Incident, IncidentState, ResponseStage

CLOSED = "closed"
"""The reason of an incident that a person closed."""

CLOSABLE = frozenset({IncidentState.OPEN, IncidentState.WAITING, IncidentState.ESCALATED})
"""Where a person may close it: nothing has been started that still has to be verified or taken back."""


def finished(incident: Incident, *, state: IncidentState, reason: str, now: datetime) -> Incident:
    """The incident in its last state: nothing more will be done about it unless somebody asks."""
    return msgspec.structs.replace(
        incident,
        state=state,
        reason=reason,
        response=ResponseStage.FINISHED,
        updated_at=now,
        resolved_at=now if state is IncidentState.RESOLVED else None,
    )
