"""What a line of a log means."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.loglines import Windows, metrics_of, severity_of, shown
from recoverops.redact import redact


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        ("2026-01-31 12:00:00 INFO order 7 paid", ()),
        ("INFO 0 errors, no error at all", ()),
        ("2026-01-31 12:00:00 ERROR order 7 failed", ("log.errors",)),
        ('{"level": "error", "msg": "order failed"}', ("log.errors",)),
        ("2026/01/31 12:00:00 [error] 7#7: *1 oops", ("log.errors",)),
        ("Traceback (most recent call last):", ("log.errors",)),
        ("OSError: [Errno 98] Address already in use", ("log.port_in_use",)),
        ("Error: listen EADDRINUSE: address already in use :::8080", ("log.port_in_use",)),
        ("ERROR PermissionError: [Errno 13] Permission denied: 'orders.db'", ("log.errors", "log.permission_denied")),
        ("open() failed (1: Operation not permitted)", ("log.permission_denied",)),
        ("QueuePool limit of size 5 overflow 10 reached, connection timed out", ("log.pool_exhausted",)),
        ("FATAL: sorry, too many clients already", ("log.errors", "log.pool_exhausted")),
        ("connection pool exhausted (5 of 5 in use)", ("log.pool_exhausted",)),
        ("timed out waiting for a connection from the pool", ("log.pool_exhausted",)),
        ("ConnectionRefusedError: [Errno 111] Connection refused", ("log.dependency",)),
        ("WARN payments: read timed out after 2 s", ("log.dependency",)),
        ("upstream timed out (110: Connection timed out) while reading", ("log.dependency",)),
        ("getaddrinfo: Temporary failure in name resolution", ("log.dependency",)),
    ],
)
def test_a_line_counts_for_what_it_says(line: str, metrics: tuple[str, ...]) -> None:
    assert metrics_of(line) == metrics


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("2026-01-31 12:00:00 INFO order 7 failed with ERROR", "info"),
        ('level=warning msg="ERROR from payments"', "warn"),
        ('{"severity": "CRITICAL", "message": "x"}', "fatal"),
        ("2026/01/31 12:00:00 [error] 7#7: *1 oops", "error"),
        ("<warn> networkmanager", "warn"),
        ("Traceback (most recent call last):", "error"),
        ("the error budget is spent", "unknown"),
        ("level=42 nothing", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_line_names_its_severity(line: str, severity: str) -> None:
    assert severity_of(line) == severity


@given(st.text(max_size=300))
def test_no_line_breaks_it_and_what_is_shown_is_short_printable_and_redacted(line: str) -> None:
    metrics_of(line)
    text = shown(f"{line} password=hunter2 {line}")
    assert len(text) <= 200
    assert text.isprintable()
    assert "hunter2" not in text
    assert redact(text) == text


def test_a_hostile_line_is_judged_in_no_time() -> None:
    lines = [("pool connection " * 1000), ("upstream " * 2000), ("no connection " * 1000), "a" * 16000]
    started = time.process_time()
    for line in lines:
        metrics_of(line)
    assert time.process_time() - started < 0.5


def test_a_line_counts_as_long_as_its_window_and_no_longer() -> None:
    line = "ERROR: Address already in use"
    counts = Windows()
    counts.take([(metrics_of(line), line)], at_s=100.0)

    def seen(at_s: float) -> dict[str, int]:
        return {metric: count for metric, count, _ in counts.now(at_s)}

    assert (seen(109.0)["log.errors"], seen(109.0)["log.port_in_use"]) == (1, 1)
    assert (seen(110.0)["log.errors"], seen(110.0)["log.port_in_use"]) == (0, 1)
    assert seen(115.0)["log.port_in_use"] == 0
