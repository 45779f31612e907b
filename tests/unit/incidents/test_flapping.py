"""When trouble that comes and goes counts as flapping, and what a new incident takes over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from recoverops.incidents import IncidentSettings, is_onset, quiet_needed, with_onset
from recoverops.model import Condition, ConditionStatus, Incident

if TYPE_CHECKING:
    from tests.conftest import Records

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = IncidentSettings(flaps=3, flap_window=10 * MINUTE, flap_quiet=5 * MINUTE)


def after(incident: Incident, *minutes: float) -> Incident:
    for minute in minutes:
        incident = with_onset(incident, at=NOON + minute * MINUTE, settings=SETTINGS)
    return incident


@pytest.mark.parametrize(
    ("minutes", "since"),
    [((0, 1), None), ((0, 4, 9), 9), ((0, 4, 10), None), ((0, 5, 11, 14), 14), ((0, 1, 2, 3, 4), 2)],
)
def test_it_flaps_from_the_onset_that_is_one_too_many_within_the_window(
    a: Records, minutes: tuple[float, ...], since: float | None
) -> None:
    flapping_since = after(a.incident(), *minutes).flapping_since
    assert flapping_since == (None if since is None else NOON + since * MINUTE)


def test_onsets_are_kept_only_as_far_as_they_can_count(a: Records) -> None:
    assert len(after(a.incident(), *range(100)).onsets) == SETTINGS.flaps


def test_a_new_incident_goes_on_counting_unless_the_one_before_was_flapping(a: Records) -> None:
    twice, often = after(a.incident(), 0, 1), after(a.incident(), 0, 1, 2)
    at = NOON + 3 * MINUTE
    assert with_onset(a.incident("inc-2"), at=at, settings=SETTINGS, earlier=twice).flapping_since == at
    fresh = with_onset(a.incident("inc-2"), at=at, settings=SETTINGS, earlier=often)
    assert (fresh.onsets, fresh.flapping_since) == ((at,), None)


def test_a_flapping_incident_needs_the_longer_quiet(a: Records) -> None:
    assert quiet_needed(a.incident(), SETTINGS) == SETTINGS.clear_after
    assert quiet_needed(after(a.incident(), 0, 1, 2), SETTINGS) == 5 * MINUTE
    slow = SETTINGS.model_copy(update={"clear_after": 7 * MINUTE})
    assert quiet_needed(after(a.incident(), 0, 1, 2), slow) == 7 * MINUTE


@pytest.mark.parametrize(
    ("up_since", "probe", "probe_since", "counts"),
    [
        (5, ConditionStatus.NORMAL, 4, True),
        (5, ConditionStatus.ABNORMAL, 5, True),
        (5, ConditionStatus.ABNORMAL, 0, False),
        (5, ConditionStatus.PENDING, 1, False),
        (2, ConditionStatus.NORMAL, 4, False),
    ],
)
def test_the_trouble_came_back_only_when_all_of_it_was_gone_since_it_was_counted(
    a: Records, up_since: int, probe: ConditionStatus, probe_since: int, counts: bool
) -> None:
    incident = msgspec.structs.replace(after(a.incident(), 3), series=("up", "probe"))
    states = (("up", ConditionStatus.ABNORMAL, up_since), ("probe", probe, probe_since), ("other", probe, 0))
    conditions = tuple(
        Condition(
            series=series,
            resource=incident.resource,
            symptom="availability",
            status=status,
            since=NOON + since * MINUTE,
            last_at=NOON + 6 * MINUTE,
            value=0.0,
            statement="",
        )
        for series, status, since in states
    )
    assert is_onset(incident, conditions) is counts
