"""An HTTP transport whose whole exchange, from connecting to the last byte, takes no longer than the timeout.

httpx bounds each wait alone: whoever sends a line of headers a second keeps it waiting for hours. Here a connection
knows when it began, and each wait on it gets what is left since then of the timeout for its kind: `connect` for all
until the connection stands, `read` and `write` for the whole exchange. It relies on one connection an exchange.
Imported by the fetcher when it needs it, because httpx takes its time to import.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from recoverops.egress.trust import trusting

Monotonic = Callable[[], float]
_PIECE = 65536
"""Bytes that one wait for the other side may send."""


class BoundedTransport(httpx.HTTPTransport):
    """No proxies, and no connection is used twice."""

    def __init__(self, monotonic: Monotonic) -> None:
        # httpx has no way to hand over a backend, so its own pool is not made at all.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusting(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_Backend(monotonic),
        )


class _Backend(httpcore.SyncBackend):
    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        began = self._monotonic()
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Ending(stream, began, self._monotonic)


class _Ending(httpcore.NetworkStream):
    """A connection with an end."""

    def __init__(self, stream: httpcore.NetworkStream, began: float, monotonic: Monotonic) -> None:
        self._stream = stream
        self._began = began
        self._monotonic = monotonic

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for first in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[first : first + _PIECE], self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, left), self._began, self._monotonic)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        if timeout is None:
            return None
        left = self._began + timeout - self._monotonic()
        if left <= 0:
            raise late("the time of the exchange is over")
        return left
