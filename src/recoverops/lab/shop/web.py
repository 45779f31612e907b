"""The HTTP that all services of the shop share: routes on the one side, calls with a timeout on the other.

Every answer is JSON. `/health` and `/metrics` are answered for every service and counted for none. An exception in a
route is a 500 and a logged traceback; the service goes on.
"""

from __future__ import annotations

import http.client
import json
import logging
import select
import socketserver
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from recoverops.lab.shop.metrics import CONTENT_TYPE, Metrics

HOST = "127.0.0.1"
LONGEST_BODY = 64 * 1024
IDLE_S = 60.0
"""A connection that nobody used for so long is closed."""

log = logging.getLogger("web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: HTTPStatus = HTTPStatus.OK
    body: Mapping[str, Any] = field(default_factory=dict)


def refused(status: HTTPStatus) -> Reply:
    """What went wrong inside is for the own log, not for the caller."""
    return Reply(status=status, body={"error": status.phrase.lower()})


class UpstreamError(Exception):
    """Another service did not do what it was asked. Becomes a 502, or a 504 when it was silent."""

    def __init__(self, message: str, *, status: HTTPStatus = HTTPStatus.BAD_GATEWAY) -> None:
        super().__init__(message)
        self.status = status


Route = Callable[[Mapping[str, Any]], Reply]
Routes = Mapping[tuple[str, str], Route]
"""(method, path) -> what answers it; it gets the decoded body."""


class Web(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, *, port: int, routes: Routes, metrics: Metrics, on_request: Callable[[], None]) -> None:
        self.routes = routes
        self.metrics = metrics
        self.on_request = on_request
        super().__init__((HOST, port), WebRequest)

    def server_bind(self) -> None:
        # not HTTPServer's, which asks the name service who we are
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]


class WebRequest(BaseHTTPRequestHandler):
    server: Web
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(Reply(body={"status": "ok"}))
        elif self.path == "/metrics":
            self._send(HTTPStatus.OK, self.server.metrics.text().encode(), CONTENT_TYPE)
        else:
            self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        began = time.monotonic()
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY))
        reply = self._reply(body)
        self.server.metrics.count(reply.status, seconds=time.monotonic() - began)
        self._answer(reply)

    def _reply(self, body: bytes) -> Reply:
        route = self.server.routes.get((self.command, self.path))
        if route is None:
            known = ", ".join(f"{method} {path}" for method, path in self.server.routes)
            return Reply(status=HTTPStatus.NOT_FOUND, body={"error": f"no page {self.path}; try {known}"})
        try:
            self.server.on_request()
            return route(json.loads(body) if body else {})
        except UpstreamError as error:
            log.error("%s %s: %s", self.command, self.path, error)
            return refused(error.status)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            log.exception("%s %s failed: %s", self.command, self.path, what)
            return refused(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _answer(self, reply: Reply) -> None:
        self._send(reply.status, json.dumps(reply.body).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what matters is logged by the routes, and a line a request would drown it."""


def _is_dropped(connection: http.client.HTTPConnection) -> bool:
    """Whether the other end has closed it, as it does with one that was idle for long: then there is an end to read."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another service, as the one that calls it knows it."""

    name: str
    port: int
    timeout_s: float

    def connection(self) -> http.client.HTTPConnection:
        """Opens itself at the first request, and again after it was closed."""
        return http.client.HTTPConnection(HOST, self.port, timeout=self.timeout_s)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The answer's body, on a connection of its own. Raises UpstreamError."""
        connection = self.connection()
        try:
            return self.call_on(connection, method, path, body, headers={"Connection": "close"})
        finally:
            connection.close()

    def call_on(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """The same on a given connection, which is closed when the call failed."""
        content = json.dumps(body or {}).encode()
        if _is_dropped(connection):
            connection.close()  # it opens itself again
        try:
            connection.request(method, path, content, dict(headers or {}))
            response = connection.getresponse()
            answer: Mapping[str, Any] = json.loads(response.read())
        except TimeoutError as error:
            connection.close()
            raise UpstreamError(
                f"{self.name} did not answer {method} {path} within {self.timeout_s:g} s: {error}",
                status=HTTPStatus.GATEWAY_TIMEOUT,
            ) from error
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            connection.close()
            raise UpstreamError(f"{self.name} could not be reached for {method} {path}: {error}") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise UpstreamError(f"{self.name} answered {response.status} to {method} {path}: {answer.get('error')}")
        return answer
