from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.series import GuardedKind
from recoverops.model import Anomaly, ConditionStatus, PermanentError, Resource, ResourceKind, Sample
from recoverops.model.columns import Columns
from recoverops.model.series import SeriesScores
from recoverops.pipeline import Conditions
from recoverops.pipeline.baselines import Baselines

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP, TILL = (Resource(kind=ResourceKind.SERVICE, name=name) for name in ("shop", "till"))
CPU = "process.cpu.utilization"


def polls(count: int, *, seed: int = 1, start: datetime = START, shop: float | None = None) -> Iterator[list[Sample]]:
    """A poll a second of two services that idle; `shop` is what the first one burns instead."""
    noise = random.Random(seed)
    for number in range(count):
        at = start + timedelta(seconds=number + 1)
        for resource in (SHOP, TILL):
            value = 0.05 + noise.random() * 0.02
            if shop is not None and resource is SHOP:
                value = shop
            yield [Sample(resource=resource, metric=CPU, value=value, at=at, source="test")]


def fed(baselines: Baselines, count: int, **how: object) -> list[Anomaly]:
    return [one for samples in polls(count, **how) for one in baselines.take(samples)]  # type: ignore[arg-type]


def test_a_service_that_burns_as_it_never_did_is_an_anomaly_of_that_service_alone() -> None:
    conditions = Conditions()
    baselines = Baselines(DetectionSettings(), conditions)
    assert fed(baselines, 1000) == []

    [anomaly] = fed(baselines, 20, start=START + timedelta(seconds=1000), shop=0.98)

    assert (anomaly.resource, anomaly.symptom) == (SHOP, "cpu")
    assert anomaly.at <= START + timedelta(seconds=1004)
    assert [one.status for one in conditions.of_resource(TILL)] == [ConditionStatus.NORMAL]


def test_a_process_that_was_restarted_may_be_busy_for_a_moment() -> None:
    conditions = Conditions()
    baselines = Baselines(DetectionSettings(), conditions)
    fed(baselines, 1000)
    started = START + timedelta(seconds=1003)

    assert fed(baselines, 2, start=started, shop=1.3) == []
    assert fed(baselines, 60, seed=3, start=started + timedelta(seconds=2)) == []
    assert {one.status for one in conditions.of_resource(SHOP)} == {ConditionStatus.NORMAL}


def test_what_was_burning_is_normal_again_with_the_first_sample_after_its_restart() -> None:
    conditions = Conditions()
    baselines = Baselines(DetectionSettings(), conditions)
    fed(baselines, 1000)
    fed(baselines, 20, start=START + timedelta(seconds=1000), shop=1.0)
    assert {one.status for one in conditions.of_resource(SHOP)} == {ConditionStatus.ABNORMAL}

    fed(baselines, 1, start=START + timedelta(seconds=1023))

    [condition] = conditions.of_resource(SHOP)
    assert (condition.status, condition.since) == (ConditionStatus.NORMAL, START + timedelta(seconds=1024))


def test_trouble_that_comes_back_after_it_was_over_is_found_again() -> None:
    conditions = Conditions()
    baselines = Baselines(DetectionSettings(), conditions)
    fed(baselines, 1000)
    start, found = START + timedelta(seconds=1000), []
    for _ in range(3):
        found.append(fed(baselines, 10, start=start, shop=1.0))
        fed(baselines, 290, start=start + timedelta(seconds=10))
        start += timedelta(seconds=300)

    assert [[one.resource for one in anomalies] for anomalies in found] == [[SHOP]] * 3


def test_a_metric_without_a_baseline_is_not_judged() -> None:
    conditions = Conditions()
    baselines = Baselines(DetectionSettings(baselines=()), conditions)

    assert fed(baselines, 50) == []
    assert conditions.of_resource(SHOP) == ()


def test_what_was_learned_survives_a_restart_and_goes_on_exactly() -> None:
    one, other = (Baselines(DetectionSettings(), Conditions()) for _ in range(2))
    fed(one, 1000)

    other.from_bytes(one.to_bytes())

    later = START + timedelta(seconds=1000)
    assert fed(one, 20, seed=2, start=later, shop=0.98) == fed(other, 20, seed=2, start=later, shop=0.98) != []
    assert one.to_bytes() == other.to_bytes()


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\xff" * 40])
def test_what_cannot_be_read_back_is_told_and_leaves_everything_as_it_was(damage: bytes) -> None:
    baselines = Baselines(DetectionSettings(), Conditions())
    fed(baselines, 30)
    before = baselines.to_bytes()

    with pytest.raises(PermanentError):
        baselines.from_bytes(damage)

    assert baselines.to_bytes() == before


def test_a_file_that_was_cut_off_or_changed_is_refused() -> None:
    baselines = Baselines(DetectionSettings(), Conditions())
    fed(baselines, 30)
    saved = baselines.to_bytes()

    for damaged in (saved[:-1], saved[:-40] + bytes([saved[-40] ^ 1]) + saved[-39:]):
        with pytest.raises(PermanentError):
            baselines.from_bytes(damaged)


def test_what_became_of_the_budget_is_told_by_the_name_of_the_series() -> None:
    baselines = Baselines(DetectionSettings(), Conditions())
    fed(baselines, 1000)
    fed(baselines, 20, start=START + timedelta(seconds=1000), shop=0.98)

    spending = baselines.spending()
    assert spending is not None
    names, spent = spending

    alarms = dict(zip(names, spent.alarms.tolist(), strict=True))
    assert all(name.startswith((f"{SHOP}/baseline:", f"{TILL}/baseline:")) for name in names)
    assert {name.partition("/")[0] for name, count in alarms.items() if count} == {str(SHOP)}
    assert spent.per_week > 0


class _Breaks:
    """A plugin's detector that judges nothing for a while, and then fails in its own way."""

    name, summary = "breaks", "breaks after a while"

    def __init__(self, after: int, answer: object) -> None:
        self.after, self.answer = after, answer
        self.asked = 0

    def start(self) -> _Breaks:
        return self

    def restore(self, blob: bytes) -> _Breaks:
        raise ZeroDivisionError("nothing to divide")

    @property
    def series_count(self) -> int:
        return 0

    def step(self, columns: Columns) -> SeriesScores:
        self.asked += 1
        nothing = np.full(len(columns), np.nan)
        if self.asked > self.after:
            if isinstance(self.answer, Exception):
                raise self.answer
            nothing = np.full(len(columns) + 1, 0.2)
        return SeriesScores(score=nothing, p_value=nothing, reason=np.ones(len(nothing), np.int8), words=("", "no"))

    def to_bytes(self) -> bytes:
        return b"state"


@pytest.mark.parametrize("answer", [ZeroDivisionError("nothing to divide"), "too many rows"])
def test_a_detector_of_a_plugin_that_fails_is_set_aside_and_stops_nobody(answer: object) -> None:
    broken = _Breaks(5, answer)
    baselines = Baselines(DetectionSettings(), Conditions(), GuardedKind(broken))
    assert fed(baselines, 2) == []
    assert baselines.problem == ""

    assert fed(baselines, 20, start=START + timedelta(minutes=1), shop=0.98) == []

    assert "the detector breaks failed and was set aside" in baselines.problem
    assert broken.asked == 6, "it is not asked again"
    again = Baselines(DetectionSettings(), Conditions(), GuardedKind(_Breaks(5, answer)))
    again.from_bytes(baselines.to_bytes())
    assert again.problem == "", "the next start begins anew"


def test_what_a_plugins_detector_cannot_read_back_is_learned_anew() -> None:
    baselines = Baselines(DetectionSettings(), Conditions(), GuardedKind(_Breaks(5, "")))
    fed(baselines, 1)
    with pytest.raises(PermanentError, match="the detector breaks cannot read what it had learned: nothing to divide"):
        baselines.from_bytes(baselines.to_bytes())
