"""Ends connections that have begun a request and do not finish it, or do not read what they are answered.

Called by `app/http_server.py`: uvicorn waits for both for ever. `DatedProtocol` notes when a request began, which costs
the hot path one look at the clock; `Deadlines` goes over all connections now and then, those that are being closed as
well: they stay until their answer is taken. A request that is there as a whole is answered however long that takes, and
uvicorn's own timeout ends connections that rest between two requests.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S, BODY_S, ANSWER_S = 10.0, 30.0, 30.0
LOOKS = 10
"""Looks within the shortest deadline: so much of it may a connection outlive it."""
TOLD_EVERY_S = 60.0
_BYTES_ACKED = struct.Struct("=120xQ")
"""Of Linux's `struct tcp_info`."""
_LOG = logging.getLogger("recoverops.serve")


class DatedProtocol(H11Protocol):
    """uvicorn's protocol, which knows since when it waits for the rest of a request, or for a reader."""

    began: float | None = None
    """By the loop's clock; None between two requests."""
    untaken_since: float | None = None
    """When the client last took a byte; None while nothing waits for it. As of the last `look`."""
    _taken = (0, 0)

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

    def look(self, now: float) -> None:
        """Notes whether the client has taken anything of its answers since the last look."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            self.untaken_since = None
            return
        taken = (bytes_acknowledged(self.transport), waiting)
        if self.untaken_since is None or taken != self._taken:
            self.untaken_since, self._taken = now, taken


def bytes_acknowledged(transport: asyncio.Transport) -> int:
    """By the other side; 0 on kernels that do not tell.

    What leaves the transport's buffer is not enough to know: that stands still until a third of the kernel's own buffer
    of up to 4 MiB is free again, which takes a slow reader minutes.
    """
    told = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    (acknowledged,) = _BYTES_ACKED.unpack(told.ljust(_BYTES_ACKED.size, b"\0"))
    return int(acknowledged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds after the first byte of a request, or after the connection was made; for an answer, after the last byte
    of it that was taken."""

    header_s: float = HEADER_S
    body_s: float = BODY_S
    answer_s: float = ANSWER_S

    async def keep(self, connections: Iterable[object]) -> None:
        """Until it is cancelled. `connections` is read anew each time."""
        loop = asyncio.get_running_loop()
        ended: Counter[str] = Counter()
        told = loop.time() - TOLD_EVERY_S
        while True:
            await asyncio.sleep(min(self.header_s, self.body_s, self.answer_s) / LOOKS)
            ended.update(self.end_those_over(connections, loop.time()))
            if ended and loop.time() - told >= TOLD_EVERY_S:
                _LOG.info("late_connections_ended", extra={"connections": ended.total(), "waited_for": dict(ended)})
                ended.clear()
                told = loop.time()

    def end_those_over(self, connections: Iterable[object], now: float) -> list[str]:
        """What each of those that were ended had been waited for."""
        ended = []
        for one in [one for one in connections if isinstance(one, DatedProtocol)]:
            one.look(now)
            if over := self.over(one, now):
                one.transport.abort()
                ended.append(over)
        return ended

    def over(self, one: DatedProtocol, now: float) -> str:
        """`answer`, `header` or `body`: the deadline that has passed; nothing when none has."""
        if one.untaken_since is not None and now - one.untaken_since > self.answer_s:
            return "answer"
        waits_for = one.waits_for()
        if not waits_for or one.began is None:
            return ""
        return waits_for if now - one.began > (self.header_s if waits_for == "header" else self.body_s) else ""
