"""`/remediation/status`, `/evaluate`, `/test`, `/execute`: what the limits leave, what would be done, and doing it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import RunRequest, SegmentKey, to_plain
from recoverops.operations import evaluate_incident, evaluate_run, limits_view, request_run


class EvaluateRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    incident: str = Field(min_length=1, description="The incident's id.")


class RunQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    service: str = Field(min_length=1, description="A service of the inventory.")
    runbook: str = Field(min_length=1, description="A runbook, by name.")
    reason: str = Field(default="no reason given", max_length=500, description="Why; stands in the audit log.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/remediation", tags=["remediation"])

    @routes.get("/status", summary="Every limit's use: actions, cooldowns, locks, waits, questions, silences, stop")
    def status(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(to_plain(limits_view(doors.store, doors.clock, doors.stop, doors.ceilings)))

    @routes.post("/evaluate", summary="What would be decided about this incident now; changes nothing")
    def evaluate(asked: EvaluateRequest, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        decision = evaluate_incident(doors.store, doors.evaluate, asked.incident)
        return RecordResponse({"executed": False, "decision": to_plain(decision)})

    @routes.post("/test", summary="A dry run of a runbook on a service: every gate's verdict; never executes")
    def test(asked: RunQuestion, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        by = doors.authorise(authorization, Right.READ).actor
        decision = evaluate_run(
            doors.clock, doors.evaluate, doors.inventory, service=asked.service, runbook=asked.runbook, by=by
        )
        return RecordResponse({"executed": False, "decision": to_plain(decision)})

    @routes.post("/execute", status_code=202, summary="Ask for a runbook on a service; the gates decide as ever")
    def execute(asked: RunQuestion, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        by = doors.authorise(authorization, Right.ANSWER).actor
        incident = request_run(
            doors.store,
            doors.clock,
            RunRequest(runbook=asked.runbook, by=by, reason=asked.reason),
            service=asked.service,
            inventory=doors.inventory,
            runbooks=doors.runbooks(),
            channels_of=doors.channels_of,
        )
        doors.start(SegmentKey(incident_id=incident.id, episode=incident.episode, segment=incident.segment))
        return RecordResponse({"incident": incident.id}, status_code=202)

    return routes
