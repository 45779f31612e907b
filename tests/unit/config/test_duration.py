"""Durations as people write them in every room's settings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from recoverops.model import Duration, format_duration, parse_duration


class Waiting(BaseModel):
    hold: Duration = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("5s", timedelta(seconds=5)),
        ("1.5 s", timedelta(seconds=1.5)),
        ("5 min", timedelta(minutes=5)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
    ],
)
def test_an_amount_with_its_unit_is_a_duration(written: str, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (5, "say the unit, e.g. 5s"),
        ("5", "say the unit, e.g. 5s"),
        (0.5, "say the unit, e.g. 0.5s"),
        ("5 weeks", "the unit weeks is not known; use one of ms, s, m, h, d, e.g. 5m"),
        ("-5s", "write an amount and its unit, e.g. 5s, 10m or 2h"),
        ("soon", "write an amount and its unit, e.g. 5s, 10m or 2h"),
        (True, "write an amount and its unit, e.g. 5s, 10m or 2h"),
        (None, "write an amount and its unit, e.g. 5s, 10m or 2h"),
        ("٥s", "write an amount and its unit, e.g. 5s, 10m or 2h"),
        ("999999999999d", "the longest duration is 36500d"),
    ],
)
def test_everything_else_is_refused_with_the_way_out(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"unit|longest") as refused:
        parse_duration(written)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(hours=48), "2d"),
        (timedelta(seconds=1.5), "1500ms"),
        (timedelta(microseconds=1500), "1.500ms"),
    ],
)
def test_the_largest_exact_unit_is_written(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36500)))
def test_what_is_written_is_read_back(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span


def test_settings_keep_durations_through_json() -> None:
    waiting = Waiting(hold=timedelta(seconds=90))
    assert waiting.model_dump_json() == '{"hold":"90s"}'
    assert Waiting.model_validate_json(waiting.model_dump_json()) == waiting
