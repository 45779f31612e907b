"""HTTP/1.1 over one kept-alive connection, blocking: the driver's own requests cost little and hide nothing."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.processes import HOST


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def request(method: str, path: str, *, key: str = "", body: bytes = b"") -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def split_answer(buffer: bytes | bytearray) -> tuple[Answer, int] | None:
    """The first answer in the buffer and its length in bytes; None while it is not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    at = head.find(b"content-length:")
    size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    if len(buffer) < end + 4 + size:
        return None
    return Answer(int(head[9:12]), bytes(buffer[end + 4 : end + 4 + size])), end + 4 + size


class Connection:
    """Raises OSError when the other side is not there, or does not answer within the timeout.

    A server may close a connection that was quiet for a while; then the request is sent once more on a new one.
    """

    def __init__(self, port: int, *, timeout_s: float = 10.0) -> None:
        self._port, self._timeout_s = port, timeout_s
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        connected = socket.create_connection((HOST, self._port), timeout=self._timeout_s)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def ask(self, request_bytes: bytes) -> Answer:
        try:
            return self._ask(request_bytes)
        except (ConnectionResetError, BrokenPipeError):
            self._socket.close()
            self._socket = self._connected()
            return self._ask(request_bytes)

    def _ask(self, request_bytes: bytes) -> Answer:
        self._socket.sendall(request_bytes)
        buffer = bytearray()
        while (split := split_answer(buffer)) is None:
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionResetError("the connection was closed before the answer")
            buffer += received
        return split[0]

    def get(self, path: str, *, key: str = "") -> Answer:
        return self.ask(request("GET", path, key=key))

    def post(self, path: str, *, key: str = "", body: bytes = b"") -> Answer:
        return self.ask(request("POST", path, key=key, body=body))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
