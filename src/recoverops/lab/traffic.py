"""Steady customers for the lab: `python -m recoverops.lab.traffic --url URL --out FILE`, a process of its own.

They browse (`GET URL/browse`) and buy (`POST URL/buy`) in turns.

Open loop: request n is due at start + n / rate whether or not the ones before were answered, and its latency counts
from when it was due, so a stalled service cannot hide behind a stalled customer. One that fails, or is answered later
than the timeout, is failed. One JSON line per request; `recovery` judges them. Knows only the shop's front door.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

LONGEST_RUN_S = 3600.0
PAGES = (("GET", "/browse"), ("POST", "/buy"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as its sender saw it."""

    n: int
    """Counts up by one; a missing number is a request nobody knows the result of."""
    sent_at: datetime
    """When it was due."""
    ok: bool
    latency_s: float
    error: str = ""

    @property
    def finished_at(self) -> datetime:
        return self.sent_at + timedelta(seconds=self.latency_s)

    def to_line(self) -> str:
        fields = {"n": self.n, "time": self.sent_at.isoformat(), "ok": self.ok, "latency_s": round(self.latency_s, 6)}
        return json.dumps(fields | ({"error": self.error} if self.error else {})) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Request:
        fields = json.loads(line)
        return cls(
            n=int(fields["n"]),
            sent_at=datetime.fromisoformat(fields["time"]),
            ok=bool(fields["ok"]),
            latency_s=float(fields["latency_s"]),
            error=str(fields.get("error", "")),
        )


class RequestLog:
    """Reads the file while it is being written; `requests` is everything so far, in the order of their answers."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._requests: list[Request] = []

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(self._requests)

    def read_new(self) -> tuple[Request, ...]:
        """Those written since the last call. A line that is not finished yet is left for the next one."""
        if not self._file.exists():
            return ()
        with self._file.open("rb") as source:
            source.seek(self._offset)
            whole, newline, _ = source.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        new = tuple(Request.from_line(line) for line in whole.decode().splitlines())
        self._requests.extend(new)
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """How they come."""

    url: str
    rate: float
    """Requests per second."""
    timeout_s: float

    @property
    def workers(self) -> int:
        """Threads enough for every request that can be in flight before it is late, three times over."""
        return int(self.rate * self.timeout_s * 3) + 8


class Steady:
    """Sends the requests on time and writes down what became of each."""

    def __init__(self, customers: Customers, *, out: Path) -> None:
        self._customers = customers
        self._out = out.open("a", encoding="utf-8")
        self._writing = threading.Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Called from a signal handler, so it takes no lock."""
        self._is_stopped = True

    def run(self, *, seconds: float) -> None:
        """Until `stop`, or `seconds` have passed; waits for the answers that are still out."""
        began, began_at = time.monotonic(), datetime.now(UTC)
        with self._out, ThreadPoolExecutor(self._customers.workers) as pool:
            for n in range(int(seconds * self._customers.rate)):
                after_s = n / self._customers.rate
                self._wait_until(began + after_s)
                if self._is_stopped:
                    return
                pool.submit(self._visit, n, due=began + after_s, due_at=began_at + timedelta(seconds=after_s))

    def _wait_until(self, due: float) -> None:
        while not self._is_stopped and (left_s := due - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))

    def _visit(self, n: int, *, due: float, due_at: datetime) -> None:
        allowed = self._customers.timeout_s
        waited = time.monotonic() - due
        method, page = PAGES[n % len(PAGES)]
        url = f"{self._customers.url}{page}"
        error = "late before it could be sent" if waited >= allowed else _ask(method, url, allowed - waited)
        latency_s = time.monotonic() - due
        if not error and latency_s > allowed:
            error = f"answered after {latency_s:.2f} s, allowed are {allowed:g} s"
        self._write(Request(n=n, sent_at=due_at, ok=not error, latency_s=latency_s, error=error))

    def _write(self, request: Request) -> None:
        with self._writing:
            self._out.write(request.to_line())
            self._out.flush()


def _ask(method: str, url: str, timeout_s: float) -> str:
    """One page, on a connection of its own; the error in words, empty when it was served."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request(method, parts.path, body=b"" if method == "POST" else None)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if response.status < 400 else f"HTTP {response.status}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="traffic", description="Sends steady requests and writes one line for each.")
    parser.add_argument("--url", required=True, help="the front door, without a path")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second (default 20)")
    parser.add_argument("--timeout", type=float, default=1.5, help="seconds until a request counts as failed (1.5)")
    parser.add_argument("--seconds", type=float, default=LONGEST_RUN_S, help="ends by itself after this (3600)")
    given = parser.parse_args(arguments)
    steady = Steady(Customers(url=given.url, rate=given.rate, timeout_s=given.timeout), out=given.out)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        steady.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    steady.run(seconds=min(given.seconds, LONGEST_RUN_S))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
