"""`/api/v1/stop`: the emergency stop. Engaging works while the database does not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import to_plain
from recoverops.operations import Telling, clear_stop, engage_stop, left_by_stop


class StopRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(default="no reason given", max_length=500, description="Why; everybody will see it.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/stop", tags=["emergency stop"])

    @routes.get("", summary="Whether the emergency stop is engaged")
    def state(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(to_plain(doors.stop.read()))

    @routes.post("", summary="Stop: nothing acts until it is cleared")
    def engage(
        given: StopRequest | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.STOP).actor
        stopped = engage_stop(
            doors.stop,
            lambda: Telling(store=doors.store, channels=doors.stop_channels),
            doors.clock,
            reason=(given or StopRequest()).reason,
            by=by,
        )
        return RecordResponse({**to_plain(stopped.state), "audited": stopped.audited})

    @routes.delete("", summary="Clear the emergency stop")
    def clear(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        by = doors.authorise(authorization, Right.RESUME).actor
        cleared = clear_stop(doors.stop, doors.store, doors.clock, by=by, channels=doors.stop_channels)
        left = left_by_stop(doors.store) if cleared.stopped else ()
        return RecordResponse({"cleared": to_plain(cleared), "left_with_a_person": [one.id for one in left]})

    return routes
