"""`/health`, `/ready`, `/status`, `/metrics`: how RecoverOps itself is doing.

What watches RecoverOps asks three of them, so these do not wait for what other routes wait for.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import JSONResponse, Response

from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.lanes import Lane
from recoverops.api.rendering import RecordResponse
from recoverops.model import RecoverOpsError, to_plain
from recoverops.operations import limits_view, read_stop


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(tags=["vitals"])
    readiness = Lane("ready", threads=2, waiting=64, what="questions for /ready wait")
    scrapes = Lane("metrics", threads=2, waiting=64, what="questions for /metrics wait")

    @routes.get("/health", summary="200 while the process answers at all")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "alive", "version": doors.version})

    @routes.get("/ready", summary="200 while it can store, decide and act; 503 with the reasons otherwise")
    async def ready() -> JSONResponse:
        return await readiness.take(partial(_readiness, doors))

    @routes.get("/status", summary="Every part of RecoverOps and how it is doing")
    def status(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(
            {
                "version": doors.version,
                "ready": doors.is_ready(),
                **_limits(doors),
                "components": [to_plain(one) for one in doors.components()],
            }
        )

    @routes.get("/metrics", summary="Prometheus metrics")
    async def metrics(authorization: Annotated[str | None, Header()] = None) -> Response:
        if doors.settings.metrics_need_key:
            doors.authorise(authorization, Right.READ)
        page = await scrapes.take(doors.metrics.page)
        return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def _readiness(doors: Doors) -> JSONResponse:
    is_ready = doors.is_ready()
    return JSONResponse(
        {"ready": is_ready, "components": [_brief(one.name, one.state) for one in doors.components()]},
        status_code=200 if is_ready else 503,
    )


def _limits(doors: Doors) -> dict[str, Any]:
    """The emergency stop in every case; the limits as far as the store can be read."""
    stop = to_plain(read_stop(doors.stop))
    try:
        limits = limits_view(doors.store, doors.clock, doors.stop, doors.ceilings)
    except RecoverOpsError as error:
        return {"emergency_stop": stop, "limits": {"unknown": str(error)}}
    return {"emergency_stop": stop, "limits": to_plain(limits)}


def _brief(name: str, state: str) -> dict[str, str]:
    """Without the sentence: /ready is open to everybody who reaches the port."""
    return {"name": name, "state": state}
