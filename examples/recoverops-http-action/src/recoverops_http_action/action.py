"""The action `call-endpoint`: POST to the repair endpoint of a service, once.

`plan` makes an id for the call and stores it in `Plan.before`; `probe` asks the endpoint for that id. The engine's
idempotency key travels in the header, so that the endpoint recognises a repetition as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from recoverops.model import (
    EffectClass,
    Execution,
    ExecutionStatus,
    MisconfiguredError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
    UnreachableError,
)
from recoverops.ports import Parameter, Permission

if TYPE_CHECKING:
    import httpx

ADDRESS = "endpoint"

_CALL_ID = re.compile(r"[0-9a-f]{32}")
_TASK = Parameter(
    name="task",
    pattern=r"[a-z][a-z0-9-]{0,49}",
    meaning="what the endpoint is asked to do, in its own words",
)


class CallEndpoint:
    """Implements `recoverops.ports.Action`."""

    name = "call-endpoint"
    summary = "Asks the service's repair endpoint to do a task."
    effect = EffectClass.RESTORATIVE
    parameters = (_TASK,)
    permissions = (
        Permission(system="http", right="GET <endpoint>/<id>", why="to see whether a call has been done"),
        Permission(system="http", right="POST <endpoint>", why="to ask for the repair"),
    )

    def __init__(self, *, timeout: timedelta, secret: str = "") -> None:
        self._timeout = timeout
        self._secret = secret.encode()
        self._transport: httpx.HTTPTransport | None = None
        self._building = threading.Lock()

    @property
    def timeout(self) -> timedelta:
        return self._timeout

    def plan(self, service: Service, arguments: Mapping[str, str]) -> Plan:
        task = _task_of(arguments)
        endpoint = _endpoint_of(service)
        call = secrets.token_hex(16)
        if self._is_done(endpoint, call):
            raise PermanentError(f"the endpoint of {service.name} claims to have done a call that was never made")
        return Plan(
            action=self.name,
            effect=self.effect,
            target=service.resource,
            arguments=dict(arguments),
            touches=(service.resource,),
            summary=f'ask the repair endpoint of {service.name} to do "{task}"',
            before={"call": call},
            timeout_s=self._timeout.total_seconds(),
        )

    def probe(self, plan: Plan, service: Service) -> ProbeResult:
        try:
            done = self._is_done(_endpoint_of(service), _call_of(plan))
        except (UnreachableError, PermanentError, MisconfiguredError) as error:
            return ProbeResult(answer=ProbeAnswer.UNKNOWN, statement=str(error))
        if done:
            return ProbeResult(answer=ProbeAnswer.DONE, statement=f"the endpoint of {service.name} has done the call")
        return ProbeResult(answer=ProbeAnswer.NOT_DONE, statement=f"the endpoint of {service.name} has no such call")

    def execute(self, plan: Plan, service: Service, *, idempotency_key: str) -> Execution:
        try:
            endpoint, call = _endpoint_of(service), _call_of(plan)
            if self._is_done(endpoint, call):
                return Execution(status=ExecutionStatus.SUCCEEDED, statement="not repeated: it has been done before")
        except (UnreachableError, PermanentError, MisconfiguredError) as error:
            return Execution(status=ExecutionStatus.FAILED, statement=f"nothing was done: {error}")
        body = {"call": call, "service": service.name, "task": plan.arguments[_TASK.name]}
        try:
            status = self._post(endpoint, json.dumps(body).encode(), idempotency_key)
        except UnreachableError as error:
            return Execution(status=ExecutionStatus.UNKNOWN, statement=f"it may have been done: {error}")
        return _judge(status)

    def _is_done(self, endpoint: str, call: str) -> bool:
        """Raises `UnreachableError` when the endpoint gives no answer, `PermanentError` when it is no such endpoint."""
        status = self._send("GET", f"{endpoint}/{call}", headers={}, content=b"")
        if status >= 500:
            raise UnreachableError(f"the endpoint answered the probe with status {status}")
        if status not in {200, 404}:
            raise PermanentError(f"the endpoint answered the probe with status {status}, expected 200 or 404")
        return status == 200

    def _post(self, endpoint: str, body: bytes, key: str) -> int:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._secret:
            signature = hmac.new(self._secret, key.encode() + b"." + body, hashlib.sha256).hexdigest()
            headers["X-Signature"] = f"sha256={signature}"
        return self._send("POST", endpoint, headers=headers, content=body)

    def _send(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes) -> int:
        """The status; raises `UnreachableError`, which does not show the URL."""
        import httpx

        request = httpx.Request(
            method, url, headers=headers, content=content, extensions={"timeout": self._limits(method).as_dict()}
        )
        try:
            response = self._ready_transport().handle_request(request)
            response.close()
        except httpx.HTTPError as error:
            raise UnreachableError(f"the endpoint gave no answer ({type(error).__name__})") from error
        return response.status_code

    def _ready_transport(self) -> httpx.HTTPTransport:
        """One for all calls: its TLS context takes 17 ms of CPU to build. No connection is kept open."""
        import httpx

        with self._building:
            if self._transport is None:
                self._transport = httpx.HTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
            return self._transport

    def _limits(self, method: str) -> httpx.Timeout:
        """A fifth for each step, two for the repair: the probe and the call together keep within the timeout."""
        import httpx

        fifth = self._timeout.total_seconds() / 5
        return httpx.Timeout(fifth, read=2 * fifth if method == "POST" else fifth)


def _judge(status: int) -> Execution:
    if 200 <= status < 300:
        return Execution(status=ExecutionStatus.SUCCEEDED, statement=f"the endpoint answered with status {status}")
    if status >= 500:
        return Execution(
            status=ExecutionStatus.UNKNOWN,
            statement=f"the endpoint answered with status {status}; it may have been done",
        )
    return Execution(status=ExecutionStatus.FAILED, statement=f"the endpoint refused it with status {status}")


def _task_of(arguments: Mapping[str, str]) -> str:
    unknown = sorted(arguments.keys() - {_TASK.name})
    if unknown:
        raise MisconfiguredError(f'action "call-endpoint" has no parameter "{unknown[0]}"; it takes "{_TASK.name}"')
    task = arguments.get(_TASK.name, "")
    if not re.fullmatch(_TASK.pattern, task):
        raise MisconfiguredError(f'action "call-endpoint": task is {task!r}, which does not match {_TASK.pattern}')
    return task


def _endpoint_of(service: Service) -> str:
    endpoint = service.address.get(ADDRESS, "").rstrip("/")
    if not re.fullmatch(r"https?://[^\s@?#]+", endpoint):
        raise MisconfiguredError(
            f'service "{service.name}" has no usable address "{ADDRESS}"; give it e.g. http://127.0.0.1:8090/repairs'
        )
    return endpoint


def _call_of(plan: Plan) -> str:
    call = plan.before.get("call", "")
    if not _CALL_ID.fullmatch(call):
        raise PermanentError("the plan has no id of its call; plan anew")
    return call
