"""A real HTTP server on loopback for tests: answers as it is told and remembers every request."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server answers. With `hang` it takes the request and stays silent until the server ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes


class Receiver:
    """A running server. `reply` may be replaced at any time."""

    def __init__(self, *, port: int, scheme: str = "http") -> None:
        self.reply = Reply()
        self._scheme = scheme
        self.released = threading.Event()
        self._port = port
        self._lock = threading.Lock()
        self._requests: list[Received] = []

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, or with https"""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def requests(self) -> tuple[Received, ...]:
        with self._lock:
            return tuple(self._requests)

    @contextmanager
    def replying(self, reply: Reply) -> Iterator[None]:
        """Answers so for the time of the context."""
        usual, self.reply = self.reply, reply
        try:
            yield
        finally:
            self.reply = usual

    def remember(self, request: Received) -> None:
        with self._lock:
            self._requests.append(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        receiver = self.server.receiver
        receiver.remember(Received(method=self.command, path=self.path, headers=headers, body=body))
        reply = receiver.reply
        if reply.hang:
            receiver.released.wait(timeout=60)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: tests read `requests`."""


@contextmanager
def running_receiver(*, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listens on 127.0.0.1, on a free port by default, with TLS when it is given; ended with the context."""
    server = _Server(("127.0.0.1", port), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    server.receiver = receiver = Receiver(port=int(server.server_address[1]), scheme=scheme)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
