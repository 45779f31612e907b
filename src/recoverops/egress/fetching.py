"""One request and its answer, bounded in time and size: no redirects, no proxies, no compression, no reused connection.

It works on httpx's transport instead of its client, because the client writes every URL to the log, and URLs hold
secrets. A reused connection would make a restarted service look broken once.
"""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recoverops.egress.target import Target, allowed, look_up
from recoverops.egress.trust import disbelief
from recoverops.model import UnreachableError
from recoverops.ports import Clock

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
class Answer:
    status: int
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes


class NoAnswerError(UnreachableError):
    """There is no answer, or no usable one. The message says whose and why; it names neither path nor secret."""

    def __init__(self, shown: str, reason: str, *, is_own_trouble: bool = False, is_late: bool = False) -> None:
        super().__init__(f"{shown}: {reason}")
        self.reason = reason
        """The message without host and port."""
        self.is_own_trouble = is_own_trouble
        """True when it says nothing about the other side."""
        self.is_late = is_late
        """True when the time was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    method: str
    target: Target
    headers: Mapping[str, str]
    content: bytes | None


class Fetcher:
    """Thread-safe. httpx is imported by the first request, or by `prepare`."""

    def __init__(
        self,
        *,
        timeout_s: float,
        max_bytes: int,
        clock: Clock,
        cuts: bool = False,
        look_up: Callable[[str, int], tuple[str, ...]] = look_up,
    ) -> None:
        """`cuts`: what is longer than `max_bytes` is left unread there, instead of being no answer at all."""
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._cuts = cuts
        self._look_up = look_up
        self._lock = threading.Lock()
        self._transport: httpx.HTTPTransport | None = None

    def fetch(self, method: str, target: Target, *, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """Raises `NoAnswerError`. Takes at most the timeout once the name is resolved, over all of its addresses."""
        import httpx

        try:
            host = target.url.raw_host.decode()
            addresses = allowed(host, self._look_up(host, target.url.port or 0))
            question = _Question(method=method, target=target, headers=headers, content=content)
            return self._first_that_connects(question, addresses)
        except httpx.TimeoutException as error:
            raise NoAnswerError(target.shown, f"no answer within {self._timeout_s:.3g} s", is_late=True) from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise _failure(target, error) from error

    def _first_that_connects(self, question: _Question, addresses: tuple[str, ...]) -> Answer:
        """Each address but the last has its share of the time that is left to connect; nothing was sent to it then."""
        import httpx

        ends = self._clock.monotonic() + self._timeout_s
        for index, address in enumerate(addresses[:-1]):
            left = self._until(ends)
            try:
                return self._ask(question, address, httpx.Timeout(left, connect=left / (len(addresses) - index)))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return self._ask(question, addresses[-1], httpx.Timeout(self._until(ends)))

    def _until(self, ends: float) -> float:
        import httpx

        left = ends - self._clock.monotonic()
        if left <= 0:
            raise httpx.ConnectTimeout("the time of the exchange is over")
        return left

    def _ask(self, question: _Question, address: str, timeout: httpx.Timeout) -> Answer:
        """To this address of the target: the one that was checked, whatever its name resolves to next."""
        import httpx

        target = question.target
        own = {
            "Host": target.url.netloc.decode(),
            "User-Agent": "recoverops",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if target.authorization:
            own["Authorization"] = target.authorization
        request = httpx.Request(
            question.method,
            target.url.copy_with(host=address),
            headers={**own, **question.headers},
            content=question.content,
            extensions={
                "timeout": timeout.as_dict(),
                "sni_hostname": target.url.raw_host.decode(),
            },
        )
        response = self._ready_transport().handle_request(request)
        try:
            return Answer(
                status=response.status_code,
                headers=dict(response.headers.items()),
                body=self._body(response, target),
            )
        finally:
            response.close()

    def _body(self, response: httpx.Response, target: Target) -> bytes:
        import httpx

        if self._cuts and self._max_bytes == 0:
            return b""
        chunks, size = [], 0
        try:
            for chunk in response.iter_raw():
                size += len(chunk)
                chunks.append(chunk)
                if size > self._max_bytes and not self._cuts:
                    reason = f"its answer is longer than {self._max_bytes} bytes (max_bytes)"
                    raise NoAnswerError(target.shown, reason)
                if size >= self._max_bytes and self._cuts:
                    break
        except httpx.ReadTimeout as error:
            reason = f"its answer was not complete within {self._timeout_s:.3g} s"
            raise NoAnswerError(target.shown, reason, is_late=True) from error
        return b"".join(chunks)[: self._max_bytes]

    def prepare(self) -> None:
        """Makes now what the first request would wait for, so that the target is not charged with it."""
        self._ready_transport()

    def _ready_transport(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._transport is None:
                from recoverops.egress.exchange import BoundedTransport

                self._transport = BoundedTransport(self._clock.monotonic)
            return self._transport


def _failure(target: Target, error: Exception) -> NoAnswerError:
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            found = disbelief(cause)
            return NoAnswerError(target.shown, found.reason, is_own_trouble=found.is_own_trouble)
        if isinstance(cause, PermissionError) and cause.errno is None:
            return NoAnswerError(target.shown, str(cause))
        if isinstance(cause, OSError) and cause.strerror:
            own_trouble = cause.errno in _OWN_TROUBLE
            return NoAnswerError(target.shown, cause.strerror.lower().strip(), is_own_trouble=own_trouble)
    if type(error).__name__ in {"RemoteProtocolError", "ReadError"}:
        reason = "the connection was closed before an answer came, or the answer was not HTTP"
        return NoAnswerError(target.shown, reason)
    return NoAnswerError(target.shown, f"the request failed ({type(error).__name__})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
