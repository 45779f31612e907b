"""Puts the routes together. Called once by `app`."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from recoverops.api import anomaly, approvals, debug, emergency, events, incidents, remediation, runs, silences, vitals
from recoverops.api.anomaly import ANOMALY, ANOMALY_BATCH, AnomalyDoorway
from recoverops.api.bounded import BodyLimit
from recoverops.api.doors import Doors
from recoverops.api.intake import ALERTMANAGER_API, ALERTMANAGER_API_SOURCE, Intake
from recoverops.api.keyring import Right, UnauthenticatedError
from recoverops.api.metric_dialects import Otlp, RemoteWrite
from recoverops.api.metric_intake import MetricDoor
from recoverops.api.problems import problem, problem_of
from recoverops.model import RecoverOpsError

REMOTE_WRITE, OTLP_METRICS = "/api/v1/write", "/v1/metrics"


def make_application(doors: Doors) -> FastAPI:
    application = FastAPI(
        title="RecoverOps",
        version=doors.version,
        summary="Closes the loop on incidents.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # it would be told to everybody
    )
    for room in (vitals, debug, incidents, events, approvals, runs, silences, emergency, remediation, anomaly):
        application.include_router(room.router(doors))
    _describe(application, doors)
    application.mount("/intake", Intake(doors))
    application.router.routes.append(Route(ALERTMANAGER_API, Intake(doors, source=ALERTMANAGER_API_SOURCE)))
    application.router.routes.append(Route(REMOTE_WRITE, MetricDoor(doors, RemoteWrite())))
    application.router.routes.append(Route(OTLP_METRICS, MetricDoor(doors, Otlp())))
    application.router.routes.append(Route(ANOMALY, AnomalyDoorway(doors)))
    application.router.routes.append(Route(ANOMALY_BATCH, AnomalyDoorway(doors, many=True)))
    own = ("/intake", ALERTMANAGER_API, REMOTE_WRITE, OTLP_METRICS, ANOMALY_BATCH)
    application.add_middleware(BodyLimit, own=own, room=doors.bodies)
    application.add_exception_handler(RecoverOpsError, _known)
    application.add_exception_handler(RequestValidationError, partial(_invalid, doors))
    application.add_exception_handler(HTTPException, partial(_refused, doors))
    application.add_exception_handler(Exception, _failed)
    return application


def _describe(application: FastAPI, doors: Doors) -> None:
    @application.get("/api/v1/openapi.json", include_in_schema=False)
    def description(authorization: Annotated[str | None, Header()] = None) -> JSONResponse:
        doors.authorise(authorization, Right.READ)
        return JSONResponse(application.openapi())


async def _known(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RecoverOpsError)
    return problem_of(error)


async def _invalid(doors: Doors, request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    unknown = _nobody(doors, request)
    if unknown is not None:
        return unknown
    told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return problem(422, "Invalid request", told)


def _nobody(doors: Doors, request: Request) -> JSONResponse | None:
    """Who has no key learns nothing about what a route takes; every route that takes something asks for one."""
    try:
        doors.keyring.recognise(request.headers.get("authorization", ""))
    except UnauthenticatedError as unknown:
        return problem_of(unknown)
    return None


async def _refused(doors: Doors, request: Request, error: Exception) -> JSONResponse:
    """No such route, or not with this method; or a body that cannot be read at all."""
    assert isinstance(error, HTTPException)
    unknown = _nobody(doors, request) if error.status_code == HTTPStatus.BAD_REQUEST else None
    if unknown is not None:
        return unknown
    return problem(error.status_code, HTTPStatus(error.status_code).phrase, error.detail, dict(error.headers or {}))


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """A defect. The server logs it with its trace; the caller learns no more than that."""
    return problem(500, "Failed", "RecoverOps failed at this request; its log says why")
