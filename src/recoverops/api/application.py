"""Puts the routes together. Called once by `app`."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from recoverops.api import approvals, emergency, incidents, remediation, silences, vitals
from recoverops.api.bounded import BodyLimit
from recoverops.api.doors import Doors
from recoverops.api.intake import ALERTMANAGER_API, ALERTMANAGER_API_SOURCE, Intake
from recoverops.api.problems import problem, problem_of
from recoverops.model import RecoverOpsError


def make_application(doors: Doors) -> FastAPI:
    application = FastAPI(
        title="RecoverOps",
        version=doors.version,
        summary="Closes the loop on incidents.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    for room in (vitals, incidents, approvals, silences, emergency, remediation):
        application.include_router(room.router(doors))
    application.mount("/intake", Intake(doors))
    application.router.routes.append(Route(ALERTMANAGER_API, Intake(doors, source=ALERTMANAGER_API_SOURCE)))
    application.add_middleware(BodyLimit, own=("/intake", ALERTMANAGER_API))
    application.add_exception_handler(RecoverOpsError, _known)
    application.add_exception_handler(RequestValidationError, _invalid)
    application.add_exception_handler(HTTPException, _refused)
    application.add_exception_handler(Exception, _failed)
    return application


async def _known(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RecoverOpsError)
    return problem_of(error)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return problem(422, "Invalid request", told)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """No such route, or not with this method."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, HTTPStatus(error.status_code).phrase, error.detail, dict(error.headers or {}))


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """A defect. The server logs it with its trace; the caller learns no more than that."""
    return problem(500, "Failed", "RecoverOps failed at this request; its log says why")
