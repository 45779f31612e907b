"""A restart at any moment: baselines and forecasts go on exactly as if there had been none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoverops.detection import DetectionSettings, ForecastSettings
from recoverops.model import Anomaly, Condition, PermanentError, Resource, ResourceKind, Sample
from recoverops.pipeline import Conditions
from recoverops.pipeline.baselines import Baselines
from recoverops.pipeline.foresight import Foresight

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP, TILL = (Resource(kind=ResourceKind.SERVICE, name=name) for name in ("shop", "till"))
CPU, DISK = "process.cpu.utilization", "disk.utilization"
SETTINGS = DetectionSettings()
MINUTES = 200


def course() -> list[Sample]:
    """A sample of each of four series a minute: CPU that idles and burns at times, disks that fill, one cleared."""
    noise = np.random.default_rng(7)
    found = []
    for minute in range(MINUTES):
        at = START + timedelta(minutes=minute)
        for resource, disk in ((SHOP, 0.5 + minute / 450), (TILL, 0.4 + (minute % 110) / 300)):
            burning = resource is SHOP and minute % 90 > 80
            cpu = 0.97 if burning else 0.05 + noise.random() * 0.02
            found.append(Sample(resource=resource, metric=CPU, value=cpu, at=at, source="test"))
            value = math.nan if minute == 77 else disk + noise.normal(0, 0.0005)
            found.append(Sample(resource=resource, metric=DISK, value=value, at=at, source="test"))
    return found


COURSE = course()
Said = list[tuple[Condition | None, Anomaly | None]]


def heard(splits: Sequence[int], restarts: Sequence[int]) -> tuple[Said, list[Anomaly], bytes, bytes]:
    """What is said of the course, in batches that end at `splits`; at `restarts` everything is made anew from bytes."""
    conditions = Conditions()
    baselines, foresight = Baselines(SETTINGS, conditions), Foresight(SETTINGS)
    foreseen: Said = []
    unusual: list[Anomaly] = []
    begin = 0
    for end in sorted({*splits, *restarts, len(COURSE)}):
        batch = COURSE[begin:end]
        foreseen += [foresight.take(sample) for sample in batch]
        unusual += baselines.take(batch)
        begin = end
        if end in restarts:
            kept = baselines.to_bytes(), foresight.to_bytes()
            baselines, foresight = Baselines(SETTINGS, conditions), Foresight(SETTINGS)
            baselines.from_bytes(kept[0])
            foresight.from_bytes(kept[1])
    return foreseen, unusual, baselines.to_bytes(), foresight.to_bytes()


UNINTERRUPTED = heard((), ())
moments = st.lists(st.integers(1, len(COURSE) - 1), max_size=6)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(splits=moments, restarts=moments)
def test_batches_and_restarts_at_any_moment_change_no_answer(splits: list[int], restarts: list[int]) -> None:
    assert heard(splits, restarts) == UNINTERRUPTED


def test_the_course_has_something_to_say() -> None:
    foreseen, unusual, _, _ = UNINTERRUPTED
    assert any(anomaly is not None for _, anomaly in foreseen), "a disk was foreseen to be full"
    assert unusual, "CPU burned"


def test_a_metric_whose_horizon_was_changed_is_seen_anew_and_the_others_are_not() -> None:
    two = (ForecastSettings(metric=DISK, symptom="disk"), ForecastSettings(metric="memory", symptom="memory"))
    before = Foresight(DetectionSettings(forecasts=two))
    for sample in COURSE[:300]:
        before.take(sample)
        before.take(Sample(resource=SHOP, metric="memory", value=sample.value, at=sample.at, source="test"))
    changed = ForecastSettings(metric=DISK, symptom="disk", horizon=timedelta(hours=8))
    after = Foresight(DetectionSettings(forecasts=(changed, two[1])))

    after.from_bytes(before.to_bytes())

    known = Foresight(DetectionSettings(forecasts=two[1:]))
    known.from_bytes(before.to_bytes())
    mine = Foresight(DetectionSettings(forecasts=(changed,)))
    mine.from_bytes(before.to_bytes())
    assert mine.to_bytes() == Foresight(DetectionSettings(forecasts=(changed,))).to_bytes()
    assert known.to_bytes() != Foresight(DetectionSettings(forecasts=two[1:])).to_bytes()
    assert len(after.to_bytes()) < len(before.to_bytes())


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x81\xa1x\xc0"])
def test_what_cannot_be_read_back_leaves_the_forecasts_as_they_were(damage: bytes) -> None:
    foresight = Foresight(SETTINGS)
    for sample in COURSE[:100]:
        foresight.take(sample)
    before = foresight.to_bytes()

    with pytest.raises(PermanentError, match="cannot be read"):
        foresight.from_bytes(damage)

    assert foresight.to_bytes() == before
