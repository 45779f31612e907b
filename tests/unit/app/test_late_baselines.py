"""Baselines that come after the start: nothing learned is lost meanwhile, a broken load is told, then they judge."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.pipeline.test_baselines import START, fed, polls

from recoverops.api.telemetry import Metrics
from recoverops.app.engine import RecoverOps
from recoverops.app.files import LEARNED_FILE
from recoverops.app.late_baselines import LateBaselines
from recoverops.app.learned import Learned
from recoverops.app.load import load_settings
from recoverops.detection import DetectionSettings
from recoverops.model import Anomaly, ComponentState, ComponentStatus, MisconfiguredError
from recoverops.pipeline import Conditions
from recoverops.pipeline.baselines import Baselines
from recoverops.storage.state_file import packed_state, read_state, write_state
from recoverops.testing.doubles import ManualClock

NAME = "baselines of streaming"
LATER = START + timedelta(seconds=1000)


def fresh() -> Baselines:
    return Baselines(DetectionSettings(), Conditions())


def late(make: Callable[[], Baselines] = fresh) -> LateBaselines:
    return LateBaselines("streaming", make, ManualClock(START), Metrics())


def remembered(one: LateBaselines, path: Path) -> Learned:
    learned = Learned({NAME: one}, path, ManualClock(START))
    learned.load()
    return learned


def burning(baselines: Baselines | LateBaselines) -> list[Anomaly]:
    later = polls(20, seed=2, start=LATER, shop=0.98)
    return [one for samples in later for one in baselines.take(samples)]


@pytest.fixture(scope="module")
def experienced() -> bytes:
    baselines = fresh()
    fed(baselines, 1000)
    return baselines.to_bytes()


@pytest.fixture
def path(tmp_path: Path, experienced: bytes) -> Path:
    write_state(tmp_path / LEARNED_FILE, packed_state({NAME: experienced}))
    return tmp_path / LEARNED_FILE


def test_stopped_before_it_was_loaded_it_writes_back_what_was_learned(path: Path, experienced: bytes) -> None:
    one = late()
    learned = remembered(one, path)

    assert burning(one) == []
    learned.save()

    assert one.status.state is ComponentState.STARTING
    assert "loading" in one.status.statement
    assert read_state(path) == {NAME: experienced}


def test_when_it_is_loaded_it_goes_on_exactly_from_what_was_learned(path: Path, experienced: bytes) -> None:
    one, unstopped = late(), fresh()
    remembered(one, path)
    unstopped.from_bytes(experienced)

    one.round()

    assert one.status.state is ComponentState.UP
    assert burning(one) == burning(unstopped) != []
    assert one.to_bytes() == unstopped.to_bytes()


def test_without_anything_learned_it_begins_anew_and_so_does_one_that_was_stopped_too_early(tmp_path: Path) -> None:
    remembered(late(), tmp_path / LEARNED_FILE).save()
    one = late()
    remembered(one, tmp_path / LEARNED_FILE)

    one.round()

    assert one.to_bytes() == fresh().to_bytes()


def test_one_that_cannot_be_loaded_is_told_of_and_loses_nothing(
    path: Path, experienced: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Baselines:
        raise ImportError("no compiler here")

    one = late(broken)
    learned = remembered(one, path)

    one.round()
    learned.save()

    assert one.status.state is ComponentState.DEGRADED
    assert "ImportError: no compiler here" in one.status.statement
    assert "detector_not_loaded" in caplog.text
    assert burning(one) == []
    assert one.spending() is None
    assert read_state(path) == {NAME: experienced}


def test_one_of_a_disabled_plugin_is_told_as_disabled(path: Path, experienced: bytes) -> None:
    def disabled() -> Baselines:
        raise MisconfiguredError('no plugin offers the detector "steps"')

    one = late(disabled)
    remembered(one, path)

    one.round()

    assert one.status.state is ComponentState.DISABLED
    assert "steps" in one.status.statement
    assert one.to_bytes() == experienced


def test_what_was_learned_and_is_damaged_is_told_when_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_state(tmp_path / LEARNED_FILE, packed_state({NAME: b"nonsense"}))
    one = late()
    remembered(one, tmp_path / LEARNED_FILE)

    with caplog.at_level(logging.WARNING):
        one.round()

    assert "learned_lost" in caplog.text
    assert one.status.state is ComponentState.UP
    assert one.to_bytes() == fresh().to_bytes()


def test_an_engine_is_ready_before_it_loads_its_detector(tmp_path: Path) -> None:
    (tmp_path / "recoverops.yaml").write_text("data_dir: data\nhistory: {enabled: false}\n")
    settings = load_settings(tmp_path / "recoverops.yaml", {})
    engine = RecoverOps(settings)
    engine.start()
    try:
        assert engine.is_ready()
        assert _detector(engine).state is ComponentState.STARTING

        engine.load_late()
        ends = time.monotonic() + 120
        while _detector(engine).state is ComponentState.STARTING and time.monotonic() < ends:
            time.sleep(0.05)

        assert _detector(engine).state is ComponentState.UP
    finally:
        engine.close()
    assert read_state(settings.data_dir / LEARNED_FILE)[NAME]


def _detector(engine: RecoverOps) -> ComponentStatus:
    return next(one for one in engine.components() if one.name == "detector streaming")
