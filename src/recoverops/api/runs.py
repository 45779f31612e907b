"""`/api/v1/runs`: take back what a run changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import SegmentKey
from recoverops.operations import request_undo


class Undoing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(default="no reason given", max_length=500, description="Why; stands in the audit log.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/runs", tags=["runs"])

    @routes.post("/{run_id}/undo", status_code=202, summary="Ask to take back what this run changed")
    def undo(
        run_id: str, given: Undoing | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.ANSWER).actor
        reason = (given or Undoing()).reason
        incident = request_undo(doors.store, doors.clock, run_id, by=by, reason=reason, act_within=doors.act_within)
        doors.start(SegmentKey(incident_id=incident.id, episode=incident.episode, segment=incident.segment))
        return RecordResponse({"incident": incident.id}, status_code=202)

    return routes
