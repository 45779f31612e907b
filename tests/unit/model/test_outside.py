"""Text that others wrote: printable, short, without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.model import bounded, printable, said


@given(text=st.text(max_size=400), longest=st.integers(20, 300))
def test_whatever_was_written_is_printable_and_keeps_to_its_length(text: str, longest: int) -> None:
    assert printable(text).isprintable()
    assert bounded(text, longest=longest).isprintable()
    assert len(bounded(text, longest=longest)) <= longest


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Größe über 3 €", "Größe über 3 €"),
        ("\x1b[2J\x9b31m", "\\u001b[2J\\u009b31m"),
        ("one\r\ntwo\u2028three", "one\\r\\ntwo\\u2028three"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("DbDown password=hunter2xyz", "DbDown password=[redacted]"),
    ],
)
def test_what_steers_a_terminal_is_escaped_and_a_secret_hidden(written: str, shown: str) -> None:
    assert said(written) == shown


@pytest.mark.parametrize("filler", ["x", "\x1b", "\n"])
def test_a_long_text_is_cut_and_no_cut_uncovers_a_secret(filler: str) -> None:
    for before in range(250, 305):
        shown = said(f"{filler * before} password=hunter2xyz and more " + "y" * 100_000)
        assert len(shown) <= 320
        assert "hunter2" not in shown
