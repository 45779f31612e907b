"""How long a response has waited: the time under a silence does not count, and none of it counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.incidents import waited
from recoverops.model import (
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    Resource,
    ResourceKind,
    Severity,
    Silence,
    SilenceId,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INCIDENT = Incident(
    id=IncidentId("inc-1"),
    fingerprint=Fingerprint("f"),
    resource=Resource(kind=ResourceKind.SERVICE, name="checkout"),
    symptom="availability",
    severity=Severity.HIGH,
    state=IncidentState.WAITING,
    title="checkout is down",
    opened_at=NOON,
    updated_at=NOON,
)


def silence(start: int, end: int, *, ended: int | None = None) -> Silence:
    return Silence(
        id=SilenceId(f"sil-{start}-{end}"),
        pattern="service:*",
        starts_at=NOON + start * MINUTE,
        ends_at=NOON + end * MINUTE,
        by="person:ada",
        reason="new kernel",
        ended_at=None if ended is None else NOON + ended * MINUTE,
    )


@pytest.mark.parametrize(
    ("silences", "expected"),
    [
        ([], 60),
        ([silence(10, 30)], 40),
        ([silence(-10, 30)], 30),
        ([silence(50, 100)], 50),
        ([silence(-10, 100)], 0),
        ([silence(-20, -10)], 60),
        ([silence(70, 90)], 60),
        ([silence(10, 30), silence(20, 40)], 30),
        ([silence(10, 40), silence(20, 30)], 30),
        ([silence(20, 40), silence(10, 30)], 30),
        ([silence(10, 20), silence(30, 40)], 40),
        ([silence(10, 50, ended=20)], 50),
        ([silence(30, 50, ended=20)], 60),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "+".join(one.id for one in value) or "none",
)
def test_of_an_hour_only_the_minutes_outside_every_silence_count(silences: list[Silence], expected: int) -> None:
    assert waited(INCIDENT, silences, now=NOON + 60 * MINUTE) == expected * MINUTE


@given(st.lists(st.tuples(st.integers(-30, 90), st.integers(0, 60)), max_size=6))
def test_it_is_what_a_count_of_every_minute_gives(spans: list[tuple[int, int]]) -> None:
    silences = [silence(start, start + length) for start, length in spans]
    free = [minute for minute in range(60) if not any(one.is_active(NOON + minute * MINUTE) for one in silences)]
    assert waited(INCIDENT, silences, now=NOON + 60 * MINUTE) == len(free) * MINUTE
