"""`POST /api/v1/write` (Prometheus remote-write) and `POST /v1/metrics` (OTLP): bare ASGI, as the door of alerts.

2xx only after the samples were decoded and handed on. What the two answer and how is in `metric_dialects.py`.
"""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from recoverops.api.bounded import bounded_body
from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.metric_dialects import Dialect
from recoverops.api.problems import problem, problem_of
from recoverops.model import RecoverOpsError
from recoverops.model.delivery import MetricDelivery


class MetricDoor:
    def __init__(self, doors: Doors, dialect: Dialect) -> None:
        self._doors = doors
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._take(request)
        except RecoverOpsError as error:
            response = self._dialect.refused(problem_of(error), request.headers)
        except ClientDisconnect:
            return
        if response.status_code >= 400:
            self._doors.metrics.count(
                "recoverops_intake_rejected_total", source=self._dialect.source, status=str(response.status_code)
            )
        await response(scope, receive, send)

    async def _take(self, request: Request) -> Response:
        if request.method != "POST":
            return self._refused(request, 405, "Not allowed", f"deliver with POST, not {request.method}", Allow="POST")
        self._doors.authorise(request.headers.get("authorization"), Right.DELIVER)
        read = self._dialect.read(request.headers)
        if isinstance(read, str):
            return self._refused(request, 415, "Unsupported media type", read)
        limit = self._doors.max_body_bytes
        body = await bounded_body(request, limit, self._doors.bodies)
        if body is None:
            why = f"a delivery may have {limit} bytes (intake.max_body_bytes)"
            return self._refused(request, 413, "Too large", why)
        delivery = MetricDelivery(format=read.format, is_gzipped=read.is_gzipped, body=body)
        receipt = await asyncio.wrap_future(self._doors.submit_metrics(delivery))
        return self._dialect.accepted(receipt, request.headers)

    def _refused(self, request: Request, status: int, title: str, detail: str, **headers: str) -> Response:
        return self._dialect.refused(problem(status, title, detail, headers), request.headers)
