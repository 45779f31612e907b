"""`POST /intake/{source}` and `POST /api/v2/alerts`: the hot path, a bare ASGI application.

A delivery that has to be verified is so first, on another thread. 2xx only after the durable write.
"""

from __future__ import annotations

import asyncio
import json

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from recoverops.api.bounded import bounded_body
from recoverops.api.doors import Doors
from recoverops.api.keyring import Right
from recoverops.api.lanes import Lane
from recoverops.api.problems import problem, problem_of
from recoverops.model import RecoverOpsError
from recoverops.operations import admit
from recoverops.operations.verify import verification

ALERTMANAGER_API = "/api/v2/alerts"
ALERTMANAGER_API_SOURCE = "alertmanager-api"
"""The push source that reads what comes to the path above: Prometheus and amtool know no other path."""

SHOWN = 40
"""Characters of an encoding that a refusal repeats."""

BASIC = 'Basic realm="recoverops"'
"""Offered here only: senders such as Amazon SNS can put a key into their URL and nowhere else."""


class Intake:
    """Reads a delivery with `source`, or else with the push source that the last part of the path names."""

    def __init__(self, doors: Doors, *, source: str | None = None) -> None:
        self._doors = doors
        self._source = source
        self._asking = Lane("asking", threads=4, waiting=64, what="deliveries wait to be verified")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        name = self._source or scope["path"].rsplit("/", 1)[-1]
        try:
            response = await self._take(request, name)
        except RecoverOpsError as error:
            response = problem_of(error)
        except ClientDisconnect:
            return
        if response.status_code >= 400:
            source = name if name in self._doors.push_sources else "unknown"
            self._doors.metrics.count(
                "recoverops_intake_rejected_total", source=source, status=str(response.status_code)
            )
            response = _understood(response, request.headers.get("accept", ""))
            if response.status_code == 401:
                response.headers.append("WWW-Authenticate", BASIC)
        await response(scope, receive, send)

    async def _take(self, request: Request, name: str) -> Response:
        if request.method != "POST":
            return problem(405, "Not allowed", f"deliver with POST, not {request.method}", {"Allow": "POST"})
        self._doors.authorise(request.headers.get("authorization"), Right.DELIVER)
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            why = (
                f"the Content-Encoding is {encoding[:SHOWN]!r}, and compressed bodies are not read here; send identity"
            )
            return problem(415, "Unsupported media type", why, {"Accept-Encoding": "identity"})
        body = await bounded_body(request, self._doors.max_body_bytes, self._doors.bodies)
        if body is None:
            return problem(
                413, "Too large", f"a delivery may have {self._doors.max_body_bytes} bytes (intake.max_body_bytes)"
            )
        headers = dict(request.headers)
        question = verification(self._doors.push_sources, name, headers, body)
        if question is not None:
            await self._asking.take(question)
        stored = admit(self._doors.store, self._doors.push_sources, name, headers, body)
        admission = await asyncio.wrap_future(stored)
        self._doors.metrics.add("recoverops_alerts_stored_total", admission.stored, source=name)
        self._doors.metrics.add("recoverops_alerts_duplicate_total", admission.duplicates, source=name)
        if admission.stored:
            self._doors.admitted()
        return JSONResponse({"stored": admission.stored, "duplicates": admission.duplicates})


def _understood(refusal: Response, accept: str) -> Response:
    """For a client that takes application/json and nothing else the sentence alone, as Alertmanager's API has it.

    amtool is one: it cannot read problem+json and would say so instead of saying what is wrong.
    """
    if {one.partition(";")[0].strip().lower() for one in accept.split(",")} != {"application/json"}:
        return refusal
    kept = {name: value for name, value in refusal.headers.items() if not name.startswith("content-")}
    return JSONResponse(json.loads(bytes(refusal.body))["detail"], status_code=refusal.status_code, headers=kept)
