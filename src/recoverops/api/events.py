"""`/api/v1/events`: what was changed, and by whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import AwareDatetime

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.rendering import RecordResponse
from recoverops.model import LARGEST_NUMBER, EventKind, Resource, to_plain
from recoverops.operations import list_events


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/events", tags=["events"])

    @routes.get("", summary="Deployments, changes and security events, newest first")
    def listed(
        authorization: Annotated[str | None, Header()] = None,
        kind: Annotated[list[EventKind] | None, Query()] = None,
        resource: Annotated[str | None, Query(description="As kind:name, e.g. service:checkout.")] = None,
        since: Annotated[AwareDatetime | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description="`next` of the page before.")] = None,
    ) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        page = list_events(
            doors.store,
            kinds=kind or None,
            resource=Resource.parse(resource) if resource else None,
            since=since,
            limit=limit,
            before=before,
        )
        return RecordResponse(to_plain(page))

    return routes
