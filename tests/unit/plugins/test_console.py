"""The console: one readable line, whatever the text."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import PermanentError
from recoverops.plugins.console.notifier import ConsoleNotifier, line_of
from recoverops.testing import sample_notification


def test_a_notification_is_one_readable_line() -> None:
    stream = io.StringIO()
    ConsoleNotifier(stream).send(sample_notification(body="exit status 3"), idempotency_key="ntf-1")
    assert stream.getvalue() == (
        "2026-01-31 12:00:01Z CRITICAL incident.opened: checkout is down - exit status 3 "
        "[resource=service:checkout rule=restart-dead-service incident=inc-20260131-120000-abcdef]\n"
    )


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleNotifier().send(sample_notification(), idempotency_key="ntf-1")
    captured = capsys.readouterr()
    assert "checkout is down" in captured.err
    assert captured.out == ""


@given(text=st.text(max_size=300))
def test_outside_text_can_neither_break_the_line_nor_steer_the_terminal(text: str) -> None:
    line = line_of(sample_notification(title=text, body=text))
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_control_characters_are_shown_escaped() -> None:
    assert "\\u001b[31m" in line_of(sample_notification(title="\x1b[31mred"))


def test_secrets_are_hidden_and_a_long_text_is_cut() -> None:
    line = line_of(sample_notification(body="password=hunter2 " + "x" * 5000))
    assert "hunter2" not in line
    assert len(line) == 2000
    assert line.endswith("…")


def test_a_closed_stream_is_a_permanent_error() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(PermanentError, match="console cannot be written"):
        ConsoleNotifier(stream).send(sample_notification(), idempotency_key="ntf-1")
