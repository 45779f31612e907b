"""The other side, as a process of its own: repair endpoints that stamp the call's arrival, and a health page.

`python -m benchmarks.receiver` prints its port on the first line of standard output, and then one JSON line per repair:
the service, and CLOCK_MONOTONIC in nanoseconds at the moment when the request had arrived whole. That clock is one for
the machine, so the driver subtracts its own stamp. Speaks the contract of examples/recoverops-http-action.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.processes import HOST

PATH = "/repairs"


class Receiver(asyncio.Protocol):
    def __init__(self, done: set[str]) -> None:
        self._done = done
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        size = _length(head)
        if len(self._buffer) < end + 4 + size:
            return
        arrived_ns = time.monotonic_ns()
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._answer(self._status(method, path, body, arrived_ns))

    def _status(self, method: str, path: str, body: bytes, arrived_ns: int) -> int:
        if path == "/health":
            return 200
        if method == "GET":
            return 200 if path.rpartition("/")[2] in self._done else 404
        asked = json.loads(body)
        self._done.add(asked["call"])
        print(json.dumps({"service": asked["service"], "at_ns": arrived_ns}), flush=True)
        return 200

    def _answer(self, status: int) -> None:
        assert self._transport is not None
        body = b"{}"
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _main() -> None:
    done: set[str] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(done), HOST, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(_main())
    except KeyboardInterrupt:
        sys.exit(130)
