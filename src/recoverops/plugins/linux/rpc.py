"""Calls to supervisord: XML-RPC over a unix socket or HTTP, every one of them bounded in time.

Used by the source and the action of this plugin. It never repeats a call by itself: whether a lost call may be made
again is for the caller to decide, so a call that certainly never arrived has an error of its own.
"""

from __future__ import annotations

import base64
import http.client
import socket
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from recoverops.model import RecoverOpsError, UnreachableError
from recoverops.ports import Clock
from recoverops.redact import redact

_LARGEST_ANSWER = 16 * 2**20
"""Bytes; ten thousand processes are about ten megabytes."""


class CallNotMadeError(UnreachableError):
    """The call certainly did not take effect: it was not delivered, or it was refused before it was looked at."""


class FaultError(RecoverOpsError):
    """supervisord answered with a fault."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"supervisor answered with fault {code}: {text}")
        self.code = code
        self.text = text


class SupervisorClient:
    """One supervisord. Thread-safe: every call has a connection of its own."""

    def __init__(self, url: str, *, clock: Clock, credentials: tuple[str, str] | None = None) -> None:
        self.url = url
        self._clock = clock
        self._headers = {"Content-Type": "text/xml", "Accept": "text/xml", "User-Agent": "recoverops"}
        if credentials is not None:
            pair = base64.b64encode(":".join(credentials).encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"

    def call(self, method: str, *arguments: str | bool, timeout_s: float) -> Any:
        """The answer of `supervisor.<method>`.

        Raises `FaultError`, `CallNotMadeError` when it certainly had no effect, and `UnreachableError` when it was
        delivered but not answered within `timeout_s`.
        """
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
        deadline = self._clock.monotonic() + timeout_s
        connection = self._connect(timeout_s)
        try:
            with self._naming(method, timeout_s):
                status, answer = self._exchange(connection, body, deadline)
        finally:
            connection.close()
        return self._result(method, status, answer)

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        connection = _connection(self.url, timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise CallNotMadeError(
                f"supervisor at {self.url} cannot be reached: {_reason(error)}; is supervisord running?"
            ) from error
        return connection

    @contextmanager
    def _naming(self, method: str, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise UnreachableError(
                f"supervisor at {self.url} did not answer {method} within {timeout_s:.3g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"supervisor at {self.url} broke off during {method}: {_reason(error)}") from error

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, deadline: float) -> tuple[int, bytes]:
        connection.request("POST", "/RPC2", body, self._headers)
        response = connection.getresponse()
        answer = bytearray()
        while piece := response.read1(65536):
            answer += piece
            if len(answer) > _LARGEST_ANSWER:
                raise http.client.HTTPException(f"its answer is larger than {_LARGEST_ANSWER} bytes")
            if self._clock.monotonic() > deadline:
                raise TimeoutError
        return response.status, bytes(answer)

    def _result(self, method: str, status: int, answer: bytes) -> Any:
        if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
            raise CallNotMadeError(
                f"supervisor at {self.url} refused the credentials ({status}); check its username and password"
            )
        if status != http.client.OK:
            raise UnreachableError(f"supervisor at {self.url} answered {method} with HTTP status {status}")
        try:
            values, _ = xmlrpc.client.loads(answer)
            return values[0]
        except xmlrpc.client.Fault as fault:
            raise FaultError(int(fault.faultCode), redact(str(fault.faultString))) from fault
        except (ExpatError, xmlrpc.client.ResponseError, ValueError, TypeError, LookupError) as error:
            raise UnreachableError(f"what listens at {self.url} does not speak XML-RPC: {_reason(error)}") from error


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.close()
            raise


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout_s)
    return http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout_s)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return redact(str(error)) or type(error).__name__
