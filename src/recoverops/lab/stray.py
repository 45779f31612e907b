"""A process that nobody remembers starting: `python -m recoverops.lab.stray PORT`.

It answers every request on the port with 404, until its standard input closes or somebody ends it.
"""

from __future__ import annotations

import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Nothing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    do_POST = do_GET  # noqa: N815 - the base class's naming

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def main() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Nothing)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listening", flush=True)  # noqa: T201 - whoever started it waits for this line
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
