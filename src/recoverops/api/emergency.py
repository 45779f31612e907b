"""`/api/v1/stop`: the emergency stop. Engaging works while the database does not, or hangs.

So its file is written in a lane of its own, and the audit line after that, which is waited for a few seconds only.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.lanes import Lane
from recoverops.api.rendering import RecordResponse
from recoverops.model import OverloadedError, StopState, to_plain
from recoverops.operations import Stopped, Telling, clear_stop, left_by_stop, tell_of_stop

ANSWERED_WITHIN_S = 5.0
"""How long the database may take to say what is in it, or to confirm the audit line."""


class StopRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(default="no reason given", max_length=500, description="Why; everybody will see it.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/stop", tags=["emergency stop"])

    reading = Lane("stop-reading", threads=4, waiting=64, what="wait to read the emergency stop")
    engaging = Lane("stop", threads=2, waiting=64, what="stops are being written")
    telling = Lane("stop-telling", threads=2, waiting=16, what="stops wait to be written down")

    @routes.get("", summary="Whether the emergency stop is engaged")
    async def state(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(to_plain(await reading.take(doors.stop.read, within_s=ANSWERED_WITHIN_S)))

    @routes.post("", summary="Stop: nothing acts until it is cleared")
    async def engage(
        given: StopRequest | None = None, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.STOP).actor
        reason = (given or StopRequest()).reason
        state = await engaging.take(partial(doors.stop.engage, reason=reason, by=by))
        stopped = await _told(telling, doors, state, reason=reason, by=by)
        return RecordResponse(
            {**to_plain(stopped.state), "audited": stopped.audited, "why_not_audited": stopped.why_not}
        )

    @routes.delete("", summary="Clear the emergency stop")
    def clear(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        by = doors.authorise(authorization, Right.RESUME).actor
        cleared = clear_stop(doors.stop, doors.store, doors.clock, by=by, channels=doors.stop_channels)
        left = left_by_stop(doors.store) if cleared.stopped else ()
        return RecordResponse({"cleared": to_plain(cleared), "left_with_a_person": [one.id for one in left]})

    return routes


async def _told(telling: Lane, doors: Doors, state: StopState, *, reason: str, by: str) -> Stopped:
    told = Telling(store=doors.store, channels=doors.stop_channels)
    work = partial(tell_of_stop, state, lambda: told, doors.clock, reason=reason, by=by)
    try:
        return await telling.take(work, within_s=ANSWERED_WITHIN_S)
    except OverloadedError as error:
        return Stopped(state=state, audited=False, why_not=f"the database did not confirm the audit line: {error}")
