"""`/api/v1/incidents`: read only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import IncidentState, to_plain
from recoverops.operations import list_incidents, tell_incident


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

    @routes.get("", summary="Incidents, newest first")
    def listed(
        authorization: Annotated[str | None, Header()] = None,
        state: Annotated[list[IncidentState] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        found = list_incidents(doors.store, states=tuple(state) if state else None, limit=limit)
        return RecordResponse({"incidents": [to_plain(incident) for incident in found]})

    @routes.get("/{incident_id}", summary="Everything that was observed, decided, done and told about one incident")
    def told(incident_id: str, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(tell_incident(doors.store, incident_id).plain())

    return routes
