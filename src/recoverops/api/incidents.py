"""`/api/v1/incidents`: read them, and close one by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import IncidentState, to_plain
from recoverops.operations import close_incident, list_incidents, tell_incident


class Closing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    note: str = Field(default="", max_length=1000, description="Why; stands in the timeline and the audit log.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

    @routes.get("", summary="Incidents, newest first")
    def listed(
        authorization: Annotated[str | None, Header()] = None,
        state: Annotated[list[IncidentState] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[str | None, Query(min_length=1, description="`next` of the page before.")] = None,
    ) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        page = list_incidents(doors.store, states=tuple(state) if state else None, limit=limit, before=before)
        return RecordResponse(to_plain(page))

    @routes.get("/{incident_id}", summary="Everything that was observed, decided, done and told about one incident")
    def told(incident_id: str, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(tell_incident(doors.store, incident_id).plain())

    @routes.post("/{incident_id}/close", summary="A person ends it; not while an action is being done or verified")
    def close(
        incident_id: str, given: Closing | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.ANSWER).actor
        note = given.note if given else ""
        closed = close_incident(doors.store, doors.clock, incident_id, by=by, note=note, channels_of=doors.channels_of)
        doors.metrics.count("recoverops_incidents_resolved_total", reason=closed.reason)
        doors.nudge()
        return RecordResponse(to_plain(closed))

    return routes
