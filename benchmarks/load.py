"""The load generator, as a process of its own: deliveries over kept-alive connections, a fixed number in flight.

`python -m benchmarks.load PORT KEY BATCH IN_FLIGHT SECONDS FIRST` prints one JSON object. Every alert has a fingerprint
of its own. They tell of 1,000 troubles (100 services that the inventory does not list, 10 kinds of alert each) and are
dealt out over them in turn: a bad hour of a big site, not one service repeating itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

from benchmarks.alerts import INTAKE, alert, now, webhook
from benchmarks.figures import percentile
from benchmarks.processes import HOST
from benchmarks.wire import request, split_answer

SERVICES, KINDS = 100, 10


class Deliveries:
    """Makes the bodies. A template is cut once; numbering it costs microseconds."""

    def __init__(self, batch: int, *, first: int) -> None:
        self._batch = batch
        self._next = first
        self._at = now()
        self._entries = tuple(self._template(trouble) for trouble in range(SERVICES * KINDS))
        self._around = webhook([{"entry": 0}]).split(b'{"entry": 0}')

    def _template(self, trouble: int) -> list[bytes]:
        labels = {
            "alertname": f"Kind{trouble % KINDS}",
            "service": f"unlisted-{trouble // KINDS:03d}",
            "instance": "NUMBER:9100",
            "job": "node",
            "cluster": "bench",
            "severity": "warning",
        }
        return json.dumps(alert(labels, fingerprint="NUMBER", starts_at=self._at)).encode().split(b"NUMBER")

    def body(self) -> bytes:
        numbers = range(self._next, self._next + self._batch)
        entries = [(b"%016x" % number).join(self._entries[number % len(self._entries)]) for number in numbers]
        self._next += self._batch
        return b", ".join(entries).join(self._around)


@dataclass(slots=True)
class Tally:
    until: float
    acknowledged: int = 0
    refused: int = 0
    broken: int = 0
    """connections that were lost with a request under way; nobody knows what became of it"""
    took_ms: list[float] = field(default_factory=list)


class Sender(asyncio.Protocol):
    """One connection: sends, waits for the answer, sends again until the time is up."""

    def __init__(self, deliveries: Deliveries, batch: int, key: str, tally: Tally) -> None:
        self._deliveries, self._batch, self._key, self._tally = deliveries, batch, key, tally
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._sent_at = 0.0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        body = self._deliveries.body()
        self._sent_at = time.perf_counter()
        self._transport.write(request("POST", INTAKE, key=self._key, body=body))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        split = split_answer(self._buffer)
        if split is None:
            return
        answer, size = split
        del self._buffer[:size]
        self._tally.took_ms.append((time.perf_counter() - self._sent_at) * 1000)
        if answer.status == 200:
            self._tally.acknowledged += self._batch
        else:
            self._tally.refused += 1
        if time.monotonic() < self._tally.until:
            self._send()
            return
        assert self._transport is not None
        self.over.set_result(None)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self._tally.broken += 1
            self.over.set_result(None)


async def _keep_sending(port: int, deliveries: Deliveries, batch: int, key: str, tally: Tally) -> None:
    """One request in flight until the time is up, on a new connection whenever the old one is lost."""
    loop = asyncio.get_running_loop()
    while time.monotonic() < tally.until:
        _, sender = await loop.create_connection(lambda: Sender(deliveries, batch, key, tally), HOST, port)
        await sender.over


async def _main(port: int, key: str, batch: int, in_flight: int, seconds: float, first: int) -> None:
    deliveries = Deliveries(batch, first=first)
    began, used = time.monotonic(), time.process_time()
    tally = Tally(until=began + seconds)
    sending = (_keep_sending(port, deliveries, batch, key, tally) for _ in range(in_flight))
    await asyncio.wait_for(asyncio.gather(*sending), seconds + 60)
    took = time.monotonic() - began
    print(
        json.dumps(
            {
                "acknowledged": tally.acknowledged,
                "refused": tally.refused,
                "broken": tally.broken,
                "seconds": took,
                "request_ms_p50": percentile(tally.took_ms, 0.5),
                "request_ms_p99": percentile(tally.took_ms, 0.99),
                "generator_cpu_share": (time.process_time() - used) / took,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(
        _main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
    )
