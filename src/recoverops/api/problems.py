"""Errors as RFC 9457 problem+json: the same sentence that the log has, and a status by what the caller does next."""

from __future__ import annotations

import math

from starlette.responses import JSONResponse

from recoverops.api.keyring import UnauthenticatedError
from recoverops.model import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    PermanentError,
    RecoverOpsError,
    RetryableError,
    TooLargeError,
)
from recoverops.redact import redact

_STATUS: tuple[tuple[type[RecoverOpsError], int, str], ...] = (
    (UnauthenticatedError, 401, "Not authenticated"),
    (ForbiddenError, 403, "Not allowed"),
    (NotFoundError, 404, "Not found"),
    (ConflictError, 409, "Conflict"),
    (RetryableError, 503, "Try again"),
    (MisconfiguredError, 500, "Misconfigured"),
    (TooLargeError, 413, "Too large"),
    (PermanentError, 400, "Bad request"),
)


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"type": "about:blank", "status": status, "title": title, "detail": redact(detail)},
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def problem_of(error: RecoverOpsError) -> JSONResponse:
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return problem(status, title, str(error), _headers(error))
    return problem(500, "Failed", str(error))


def _headers(error: RecoverOpsError) -> dict[str, str] | None:
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, RetryableError):
        return {"Retry-After": str(max(1, math.ceil(error.delay.total_seconds())))}
    return None
