"""`/api/v1/silences`: what is not to be acted on, and until when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import Duration, PermanentError, to_plain
from recoverops.operations import covered_now, end_silence, list_silences, silence


class SilenceRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pattern: str = Field(
        min_length=1, max_length=200, description="With * and ?, over kind:name, e.g. service:checkout*."
    )
    duration: Duration = Field(alias="for", description="For how long, e.g. 2h; at most 30d.")
    reason: str = Field(min_length=1, max_length=500, description="Why; everybody who meets it will see it.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/silences", tags=["silences"])

    @routes.get("", summary="Silences that count now; with ?all=true the ended ones too")
    def listed(
        authorization: Annotated[str | None, Header()] = None,
        ended_too: Annotated[bool, Query(alias="all")] = False,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        found = list_silences(doors.store, doors.clock, ended_too=ended_too, limit=limit)
        return RecordResponse({"silences": [to_plain(one) for one in found]})

    @routes.post("", status_code=201, summary="Nothing acts on these resources for a while")
    def begin(
        given: SilenceRequest | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.ANSWER).actor
        if given is None:
            raise PermanentError('send a body, e.g. {"pattern": "service:checkout", "for": "2h", "reason": "why"}')
        begun = silence(
            doors.store,
            doors.clock,
            doors.inventory,
            pattern=given.pattern,
            duration=given.duration,
            by=by,
            reason=given.reason,
        )
        covers = covered_now(doors.inventory, begun)
        return RecordResponse({**to_plain(begun), "covers": covers}, status_code=201)

    @routes.delete("/{silence_id}", summary="End it before its time; what it held is decided at once")
    def end(silence_id: str, authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        by = doors.authorise(authorization, Right.ANSWER).actor
        ended = end_silence(doors.store, doors.clock, silence_id, by=by)
        doors.nudge()
        return RecordResponse(to_plain(ended))

    return routes
