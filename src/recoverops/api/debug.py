"""`/debug`: what this process does right now. For admins only; it changes nothing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["vitals"])

    @routes.get("/debug", summary="What runs, waits and queues in this process, and its settings without secrets")
    def debug(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.DEBUG)
        return RecordResponse(doors.debug())

    return routes
