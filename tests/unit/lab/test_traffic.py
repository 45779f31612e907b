"""The customers: real requests to a real server on loopback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from recoverops.lab import traffic
from recoverops.lab.traffic import Customers, Request, RequestLog


class Quick(BaseHTTPRequestHandler):
    status = 201
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the base class's naming

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class Broken(Quick):
    status = 500


class Stuck(Quick):
    release = threading.Event()

    def do_POST(self) -> None:
        self.release.wait(10)

    do_GET = do_POST  # noqa: N815 - the base class's naming


@contextmanager
def server(kind: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    Stuck.release.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            Stuck.release.set()
            http.shutdown()
            thread.join()


def sent_to(url: str, tmp_path: Path, *, timeout: str = "10", seconds: str = "0.5") -> tuple[Request, ...]:
    out = tmp_path / "requests.jsonl"
    handlers = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)}
    try:
        traffic.main(["--url", url, "--out", str(out), "--rate", "20", "--timeout", timeout, "--seconds", seconds])
    finally:
        for which, handler in handlers.items():
            signal.signal(which, handler)
    return RequestLog(out).read_new()


def test_every_request_is_sent_at_its_time_and_written_down_once(tmp_path: Path) -> None:
    with server(Quick) as url:
        requests = sorted(sent_to(url, tmp_path), key=lambda one: one.n)

    assert [one.n for one in requests] == list(range(10))
    assert all(one.ok and not one.error for one in requests)
    gaps = {after.sent_at - before.sent_at for before, after in pairwise(requests)}
    assert gaps == {timedelta(milliseconds=50)}


def test_customers_browse_and_buy_in_turns(tmp_path: Path) -> None:
    Quick.asked.clear()
    with server(Quick) as url:
        sent_to(url, tmp_path, seconds="0.3")

    assert sorted(Quick.asked) == ["GET /browse"] * 3 + ["POST /buy"] * 3


def test_an_error_of_the_service_is_a_failed_request(tmp_path: Path) -> None:
    with server(Broken) as url:
        requests = sent_to(url, tmp_path, seconds="0.1")

    assert {one.error for one in requests} == {"HTTP 500"}
    assert not any(one.ok for one in requests)


def test_nobody_listening_is_a_failed_request(tmp_path: Path) -> None:
    with server(Quick) as url:
        pass

    requests = sent_to(url, tmp_path, seconds="0.1")

    assert len(requests) == 2
    assert all("refused" in one.error for one in requests)


def test_a_stuck_service_fails_each_request_at_its_timeout_and_delays_no_other(tmp_path: Path) -> None:
    with server(Stuck) as url:
        requests = sent_to(url, tmp_path, timeout="0.3")

    assert len(requests) == 10
    assert not any(one.ok for one in requests)
    assert all(0.25 < one.latency_s < 3 for one in requests)


def test_the_log_gives_each_request_once_and_leaves_a_half_written_line(tmp_path: Path) -> None:
    out = tmp_path / "requests.jsonl"
    log = RequestLog(out)
    first, second = (
        Request(n=n, sent_at=datetime(2026, 1, 1, tzinfo=UTC), ok=n == 0, latency_s=0.5, error="" if n == 0 else "late")
        for n in (0, 1)
    )
    assert log.read_new() == ()

    out.write_text(first.to_line() + second.to_line()[:20])
    assert log.read_new() == (first,)

    out.write_text(first.to_line() + second.to_line())
    assert log.read_new() == (second,)
    assert log.read_new() == ()
    assert log.requests == (first, second)


@pytest.mark.parametrize(("rate", "timeout_s", "workers"), [(20.0, 1.0, 68), (1.0, 0.1, 8)])
def test_there_are_workers_for_all_that_can_be_in_flight(rate: float, timeout_s: float, workers: int) -> None:
    assert Customers(url="", rate=rate, timeout_s=timeout_s).workers == workers
