"""One request and the head of its answer: no redirects, no proxies from the environment, no reused connections.

Used by the probe and the webhook. It works on httpx's transport instead of its client, because the client writes every
URL to the log, and URLs hold secrets. A reused connection would make a restarted service look broken once.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recoverops.plugins.http.egress import Target, allowed, look_up

if TYPE_CHECKING:
    import httpx

_OWN_TROUBLE = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        socket.EAI_AGAIN,
    }
)
"""What only says that this host has run out of something, or has no network or resolver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    status: int
    headers: Mapping[str, str]
    """With lower-case names."""


class RequestFailedError(Exception):
    """No answer came. The message says why and names neither URL nor secret."""

    def __init__(self, message: str, *, own_trouble: bool = False) -> None:
        super().__init__(message)
        self.own_trouble = own_trouble
        """True when it says nothing about the other side."""


class Outgoing:
    """Thread-safe. httpx is imported by the first request."""

    def __init__(self, *, timeout_s: float, look_up: Callable[[str, int], tuple[str, ...]] = look_up) -> None:
        self._timeout_s = timeout_s
        self._look_up = look_up
        self._lock = threading.Lock()
        self._transport: httpx.HTTPTransport | None = None

    def request(self, method: str, target: Target, *, headers: Mapping[str, str], content: bytes | None = None) -> Head:
        """Raises `RequestFailedError`. Connecting and each wait for the answer take at most the timeout."""
        import httpx

        try:
            host = target.url.raw_host.decode()
            addresses = allowed(host, self._look_up(host, target.url.port or 0))
            return self._first_that_connects(method, target, addresses, headers, content)
        except httpx.TimeoutException as error:
            raise RequestFailedError(f"no answer within {self._timeout_s:.3g} s") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise _failure(error) from error

    def _first_that_connects(
        self,
        method: str,
        target: Target,
        addresses: tuple[str, ...],
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Head:
        import httpx

        for address in addresses[:-1]:
            try:
                return self._ask(method, target, address, headers, content)
            except httpx.ConnectError:
                continue
        return self._ask(method, target, addresses[-1], headers, content)

    def _ask(
        self, method: str, target: Target, address: str, headers: Mapping[str, str], content: bytes | None
    ) -> Head:
        """To this address of the target: the one that was checked, whatever its name resolves to next."""
        import httpx

        own = {"Host": target.url.netloc.decode(), "User-Agent": "recoverops", "Connection": "close"}
        if target.authorization:
            own["Authorization"] = target.authorization
        request = httpx.Request(
            method,
            target.url.copy_with(host=address),
            headers={**own, **headers},
            content=content,
            extensions={
                "timeout": httpx.Timeout(self._timeout_s).as_dict(),
                "sni_hostname": target.url.raw_host.decode(),
            },
        )
        response = self._ready_transport().handle_request(request)
        try:
            return Head(status=response.status_code, headers=dict(response.headers.items()))
        finally:
            response.close()

    def _ready_transport(self) -> httpx.HTTPTransport:
        import httpx

        with self._lock:
            if self._transport is None:
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
                self._transport = httpx.HTTPTransport(trust_env=False, limits=limits)
            return self._transport


def _failure(error: Exception) -> RequestFailedError:
    for cause in _chain(error):
        if isinstance(cause, PermissionError) and cause.errno is None:
            return RequestFailedError(str(cause))
        if isinstance(cause, OSError) and cause.strerror:
            own_trouble = cause.errno in _OWN_TROUBLE
            return RequestFailedError(cause.strerror.lower().strip(), own_trouble=own_trouble)
    name = type(error).__name__
    if name in {"RemoteProtocolError", "ReadError"}:
        return RequestFailedError("the connection was closed before an answer came, or the answer was not HTTP")
    return RequestFailedError(f"the request failed ({name})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
