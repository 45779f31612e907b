"""Ends connections that have begun a request and do not finish it.

Called by `app/http_server.py`: uvicorn waits for the rest of a request for ever. `DatedProtocol` notes when a request
began, which costs the hot path one look at the clock; `Deadlines` goes over all connections now and then. Only reading
has a deadline: a request that is there as a whole is answered however long that takes, and uvicorn's own timeout ends
connections that rest between two requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S, BODY_S = 10.0, 30.0
LOOKS = 10
"""Looks within the shorter deadline: so much of it may a connection outlive it."""
TOLD_EVERY_S = 60.0
_LOG = logging.getLogger("recoverops.serve")


class DatedProtocol(H11Protocol):
    """uvicorn's protocol, which knows since when it waits for the rest of a request."""

    began: float | None = None
    """By the loop's clock; None between two requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.began = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.began is None:
            self.began = self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        rests = self.timeout_keep_alive_task is not None
        self.began = None if rests else self.loop.time()

    def waits_for(self) -> str:
        """`header`, `body`, or nothing when the next step is ours."""
        if self.began is None or self.timeout_keep_alive_task is not None:
            return ""
        if self.conn.their_state is h11.IDLE:
            return "header"
        return "body" if self.conn.their_state is h11.SEND_BODY else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds after the first byte of a request, or after the connection was made."""

    header_s: float = HEADER_S
    body_s: float = BODY_S

    async def keep(self, connections: Iterable[object]) -> None:
        """Until it is cancelled. `connections` is read anew each time."""
        loop = asyncio.get_running_loop()
        ended, told = 0, loop.time() - TOLD_EVERY_S
        while True:
            await asyncio.sleep(min(self.header_s, self.body_s) / LOOKS)
            late = [one for one in connections if isinstance(one, DatedProtocol) and self.is_over(one, loop.time())]
            for one in late:
                one.transport.abort()
            ended += len(late)
            if ended and loop.time() - told >= TOLD_EVERY_S:
                _LOG.info("half_requests_ended", extra={"connections": ended})
                ended, told = 0, loop.time()

    def is_over(self, one: DatedProtocol, now: float) -> bool:
        waits_for = one.waits_for()
        if not waits_for or one.began is None:
            return False
        return now - one.began > (self.header_s if waits_for == "header" else self.body_s)
