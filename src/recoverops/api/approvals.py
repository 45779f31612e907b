"""`/api/v1/approvals`: what waits for a person, and the person's answer. No GET answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import to_plain
from recoverops.operations import answer, list_approvals, read_stop, while_stopped


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    note: str = Field(default="", max_length=1000, description="Why; stands in the timeline and the audit log.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/approvals", tags=["approvals"])

    @routes.get("", summary="Plans that wait for an answer")
    def listed(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse({"approvals": [to_plain(approval) for approval in list_approvals(doors.store)]})

    @routes.post("/{approval_id}/approve", summary="Yes to exactly this plan")
    def approve(
        approval_id: str, given: Answer | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        return _answer(doors, approval_id, authorization, given, approve=True)

    @routes.post("/{approval_id}/deny", summary="No; the incident goes to a person")
    def deny(
        approval_id: str, given: Answer | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        return _answer(doors, approval_id, authorization, given, approve=False)

    return routes


def _answer(
    doors: Doors, approval_id: str, authorization: str | None, given: Answer | None, *, approve: bool
) -> RecordResponse:
    by = doors.authorise(authorization, Right.ANSWER).actor
    note = given.note if given else ""
    settled = answer(doors.store, doors.clock, approval_id, approve=approve, by=by, note=note)
    doors.nudge()
    return RecordResponse({**to_plain(settled), "held_by_stop": while_stopped(settled, read_stop(doors.stop))})
