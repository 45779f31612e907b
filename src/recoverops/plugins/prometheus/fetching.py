"""One request and its whole answer, bounded in time and size: no redirects, no proxies, no compression.

Used for scraping and for Prometheus' HTTP API. It works on httpx's transport instead of its client, because the client
writes every URL to the log. No connection is reused: a restarted service would look broken once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recoverops.model import UnreachableError
from recoverops.plugins.prometheus.egress import Target, allowed, look_up
from recoverops.ports import Clock

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    content_type: str
    location: str
    body: bytes


class Fetcher:
    """Thread-safe. httpx is imported by the first request."""

    def __init__(
        self,
        *,
        timeout_s: float,
        max_bytes: int,
        clock: Clock,
        look_up: Callable[[str, int], tuple[str, ...]] = look_up,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._look_up = look_up
        self._lock = threading.Lock()
        self._transport: httpx.HTTPTransport | None = None

    def fetch(self, method: str, target: Target, *, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """Raises `UnreachableError` saying why there is no answer; it names neither path nor secret."""
        import httpx

        try:
            host = target.url.raw_host.decode()
            addresses = allowed(host, self._look_up(host, target.url.port or 0))
            return self._first_that_connects(method, target, addresses, headers, content)
        except httpx.TimeoutException as error:
            raise UnreachableError(f"{target.shown}: no answer within {self._timeout_s:.3g} s") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise UnreachableError(f"{target.shown}: {_reason(error)}") from error

    def _first_that_connects(
        self,
        method: str,
        target: Target,
        addresses: tuple[str, ...],
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Answer:
        import httpx

        for address in addresses[:-1]:
            try:
                return self._ask(method, target, address, headers, content)
            except httpx.ConnectError:
                continue
        return self._ask(method, target, addresses[-1], headers, content)

    def _ask(
        self, method: str, target: Target, address: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        """To this address of the target: the one that was checked, whatever its name resolves to next."""
        import httpx

        own = {
            "Host": target.url.netloc.decode(),
            "User-Agent": "recoverops",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
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
        ends = self._clock.monotonic() + self._timeout_s
        response = self._ready_transport().handle_request(request)
        try:
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("content-type", ""),
                location=response.headers.get("location", ""),
                body=self._body(response, target, ends),
            )
        finally:
            response.close()

    def _body(self, response: httpx.Response, target: Target, ends: float) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > self._max_bytes:
                raise UnreachableError(f"{target.shown}: its answer is longer than {self._max_bytes} bytes (max_bytes)")
            if self._clock.monotonic() > ends:
                raise UnreachableError(f"{target.shown}: its answer was not complete within {self._timeout_s:.3g} s")
            chunks.append(chunk)
        return b"".join(chunks)

    def _ready_transport(self) -> httpx.HTTPTransport:
        import httpx

        with self._lock:
            if self._transport is None:
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
                self._transport = httpx.HTTPTransport(trust_env=False, limits=limits)
            return self._transport


def _reason(error: Exception) -> str:
    for cause in _chain(error):
        if isinstance(cause, PermissionError) and cause.errno is None:
            return str(cause)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower().strip()
    if type(error).__name__ in {"RemoteProtocolError", "ReadError"}:
        return "the connection was closed before an answer came, or the answer was not HTTP"
    return f"the request failed ({type(error).__name__})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
