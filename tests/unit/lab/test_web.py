"""How one service of the shop calls another."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recoverops.lab.shop.web import HOST, Peer


class LeavesAfterEach(BaseHTTPRequestHandler):
    """Answers as if the connection stayed open, and closes it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), LeavesAfterEach) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_kept_connection_that_the_other_end_has_closed_meanwhile_is_opened_again(port: int) -> None:
    peer = Peer(name="database", port=port, timeout_s=5.0)
    with closing(peer.connection()) as connection:
        peer.call_on(connection, "POST", "/orders")
        assert connection.sock.recv(1, socket.MSG_PEEK) == b""

        assert peer.call_on(connection, "POST", "/orders") == {}
