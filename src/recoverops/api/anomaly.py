"""`/anomaly`: is this row abnormal; the models behind the answer; training them and going back to an earlier one.

`POST /anomaly` and `/anomaly/batch` are bare ASGI, as the intake is: who sends a row a second of a thousand hosts is
answered without a framework's detours. 401 and 403 come before anything about the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from recoverops.api.bounded import OTHER_BODIES, bounded_body
from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.problems import problem, problem_of
from recoverops.api.rendering import RecordResponse
from recoverops.model import LARGEST_NUMBER, RecoverOpsError, Resource, ResourceKind, to_plain
from recoverops.operations.anomaly_answers import Question, TrainingWish, UnfitQuestionError

ANOMALY, ANOMALY_BATCH = "/anomaly", "/anomaly/batch"
MOST_ROWS = 500
"""Of a batch; about 0.1 s of work, on a thread beside the loop."""
_LONGEST_NAME = 253


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    resource: Resource
    metrics: dict[str, Any]
    timestamp: datetime | float | None = None


class _Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rows: list[msgspec.Raw]


class _UnreadableError(Exception):
    """The body is no JSON."""


class AnomalyDoorway:
    """Reads one row, or with `many` a batch of them."""

    def __init__(self, doors: Doors, *, many: bool = False) -> None:
        self._doors = doors
        self._many = many

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except UnfitQuestionError as error:
            response = problem(422, "Invalid request", str(error))
        except _UnreadableError as error:
            response = problem(400, "Bad request", f"the body cannot be read: {error}")
        except RecoverOpsError as error:
            response = problem_of(error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return problem(405, "Not allowed", f"ask with POST, not {request.method}", {"Allow": "POST"})
        self._doors.authorise(request.headers.get("authorization"), Right.DELIVER)
        limit = max(OTHER_BODIES, self._doors.max_body_bytes) if self._many else OTHER_BODIES
        body = await bounded_body(request, limit, self._doors.bodies)
        if body is None:
            return problem(413, "Too large", f"a body may have {limit} bytes here")
        if not self._many:
            return RecordResponse(self._doors.anomaly.score(self._question(_decoded(body, _Row))))
        batch = _decoded(body, _Batch)
        if len(batch.rows) > MOST_ROWS:
            raise UnfitQuestionError(f"rows has {len(batch.rows)} entries, at most {MOST_ROWS} are taken at once")
        return RecordResponse(await asyncio.to_thread(self._answers, batch.rows))

    def _answers(self, rows: list[msgspec.Raw]) -> dict[str, Any]:
        """One for each row, in their order; a row that cannot be used does not keep the others."""
        answers = [{"index": index, **self._told(row)} for index, row in enumerate(rows)]
        states = [one["status"] for one in answers]
        counts = {state: states.count(state) for state in ("scored", "not_enough_data", "refused")}
        return {"answers": answers, **counts}

    def _told(self, row: msgspec.Raw) -> dict[str, Any]:
        try:
            return to_plain(self._doors.anomaly.score(self._question(_decoded(bytes(row), _Row))))
        except UnfitQuestionError as error:
            return {"status": "refused", "detail": str(error)}

    def _question(self, row: _Row) -> Question:
        if not 0 < len(row.resource.name) <= _LONGEST_NAME:
            raise UnfitQuestionError(
                f"resource.name has {len(row.resource.name)} characters, expected 1 to {_LONGEST_NAME}"
            )
        return Question(resource=row.resource, at=self._moment(row.timestamp), metrics=_numbers(row.metrics))

    def _moment(self, given: datetime | float | None) -> datetime:
        """Now, when the row does not say; UTC, when it says no zone."""
        if given is None:
            return self._doors.clock.now()
        if isinstance(given, datetime):
            return given if given.tzinfo else given.replace(tzinfo=UTC)
        try:
            return datetime.fromtimestamp(given, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise UnfitQuestionError(f"timestamp is {given}, expected ISO 8601 or seconds since 1970") from error


def _decoded(body: bytes, cls: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=cls)
    except msgspec.ValidationError as error:
        raise UnfitQuestionError(f"{error}; expected {_EXPECTED[cls]}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _UnreadableError(str(error)) from error


_EXPECTED: Mapping[type[Any], str] = {
    _Row: '{"resource": {"kind": "service", "name": "web-1"}, "timestamp": "2026-11-20T10:15:00Z", "metrics": '
    '{"cpu_usage_avg": 93.1}}',
    _Batch: '{"rows": [...]}, each row as POST /anomaly takes it',
}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Without those that are null: they are missing."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnfitQuestionError(f"metrics.{name} is {value!r}, expected a number, or null where there is none")
        try:
            found[name] = float(value)
        except OverflowError as error:
            raise UnfitQuestionError(f"metrics.{name} is too large a number") from error
    return found


class NamedResource(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: ResourceKind = Field(strict=False, description="service or host.")
    name: str = Field(min_length=1, max_length=_LONGEST_NAME, description="Its name, as in the inventory.")


class TrainingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    resource: NamedResource = Field(description="Whose history is learned from.")
    source: str = Field(
        default="history",
        alias="from",
        max_length=64,
        description="`history`, what was kept here, or the name of a system that keeps its own, e.g. `prometheus`. "
        "Default history.",
    )
    queries: dict[str, Annotated[str, Field(min_length=1, max_length=10_000)]] = Field(
        default_factory=dict,
        max_length=32,
        description="What such a system is asked for, by column, e.g. cpu_usage_avg. Default: the queries that its "
        "plugin is configured with.",
    )
    kind: str = Field(
        default="",
        max_length=64,
        description="residual, isolation_forest, or one that a plugin brings. Default: detection.model_kind.",
    )
    name: str = Field(default="", max_length=64, description="Of the model. Default: the resource's own.")


class ActivationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: int = Field(ge=1, le=LARGEST_NUMBER, description="The version that is to be current, also an earlier one.")


def router(doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/anomaly", tags=["anomaly"])

    @routes.get("/status", summary="Models with their data, evaluation and drift; trainings; budgets of false alarms")
    def status(authorization: Annotated[str | None, Header()] = None) -> RecordResponse:
        doors.authorise(authorization, Right.READ)
        return RecordResponse(to_plain(doors.anomaly.status()))

    @routes.post("/train", status_code=202, summary="Train a model on the history of a resource")
    def train(wanted: TrainingRequest, authorization: Annotated[str | None, Header()] = None) -> Response:
        by = doors.authorise(authorization, Right.TRAIN).actor
        resource = Resource(kind=wanted.resource.kind, name=wanted.resource.name)
        try:
            wish = TrainingWish(
                resource=resource,
                kind=wanted.kind,
                name=wanted.name,
                source=wanted.source,
                queries=wanted.queries,
                by=by,
            )
            job = doors.anomaly.train(wish)
        except UnfitQuestionError as error:
            return problem(422, "Invalid request", str(error))
        return RecordResponse({"job": job.id, **to_plain(job)}, status_code=202)

    @routes.post("/models/{name}/activate", summary="Make a version of a model current, also an earlier one")
    def activate(
        name: str, wanted: ActivationRequest, authorization: Annotated[str | None, Header()] = None
    ) -> RecordResponse:
        by = doors.authorise(authorization, Right.TRAIN).actor
        version = doors.anomaly.activate(name, to=wanted.version, by=by)
        return RecordResponse({"name": version.name, "version": version.version, "kind": version.kind})

    return routes
