"""Every detector that we ship, and the example from outside, through the kits that we ship; and what the kits find."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recoverops.clock import SystemClock
from recoverops.detection.metrics.joint import KINDS, JointSettings, forest, residual
from recoverops.detection.metrics.joint.model import learned
from recoverops.detection.metrics.series import StreamingKind
from recoverops.detection.metrics.streaming import StreamSettings
from recoverops.model.columns import Columns
from recoverops.model.joint import MetricTable
from recoverops.model.series import SeriesScores
from recoverops.ports import JointCore, Plugin, PluginContext, PluginParts
from recoverops.testing import ConformanceError
from recoverops.testing.joint_kit import check_joint_kind, usual_history
from recoverops.testing.series_kit import check_series_detector, usual_columns

EXAMPLE = Path(__file__).parents[2] / "examples" / "recoverops-moving-median"


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, really installed by pip, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site-packages")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--target", str(folder), str(EXAMPLE)),
        ],
        check=True,
        timeout=120,
    )
    return folder


@pytest.fixture
def example(target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginParts]:
    monkeypatch.syspath_prepend(str(target))
    plugin: Plugin[Any] = importlib.import_module("recoverops_moving_median").plugin
    context = PluginContext(clock=SystemClock(), services={}, secret=lambda reference: reference)
    yield plugin.build(plugin.settings(), context)
    for name in [name for name in sys.modules if name.partition(".")[0] == "recoverops_moving_median"]:
        del sys.modules[name]


class _Bundled:
    """A bundled kind of model as a plugin would offer it."""

    summary = "bundled"

    def __init__(self, name: str) -> None:
        self.name = name

    def learn(self, history: MetricTable) -> JointCore:
        return learned(self.name, history, JointSettings())

    def restore(self, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> JointCore:
        return residual.restore(description, arrays) if self.name == KINDS[0] else forest.restore(description, arrays)


# what keeps the contract


def test_the_streaming_detector_keeps_the_contract_of_detectors() -> None:
    scores = check_series_detector(StreamingKind(StreamSettings()))
    assert (scores.score >= 0.5).any(), "the burst is an alarm"


@pytest.mark.parametrize("kind", KINDS)
def test_every_bundled_kind_of_model_keeps_the_contract_of_kinds(kind: str) -> None:
    check_joint_kind(_Bundled(kind))


def test_the_example_from_outside_keeps_both_contracts(example: PluginParts) -> None:
    (detector,), (kind,) = example.detectors, example.model_kinds

    scores = check_series_detector(detector)
    check_joint_kind(kind)

    columns = usual_columns()
    assert set(columns.series[scores.score >= 0.5].tolist()) == {2}, "only the series with the burst raises alarms"


def test_the_example_uses_nothing_of_recoverops_but_records_and_contracts() -> None:
    allowed = ("from recoverops.model", "from recoverops.ports import")
    files = list((EXAMPLE / "src").rglob("*.py"))
    assert files
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(("from recoverops.", "import recoverops")):
                assert line.startswith(allowed), f"{file.name}: {line}"


# what does not


class _Wrapped:
    """The streaming detector, spoiled in one way."""

    name, summary = "spoiled", "a detector that breaks the contract"

    def __init__(self, how: str) -> None:
        self.how = how
        self._kind = StreamingKind(StreamSettings())
        self._shared = self._kind.start()

    def start(self) -> _Spoiled:
        return _Spoiled(self._shared if self.how == "shares" else self._kind.start(), self.how)

    def restore(self, blob: bytes) -> _Spoiled:
        if self.how == "forgets":
            return _Spoiled(self._kind.start(), self.how)
        return _Spoiled(self._kind.restore(blob[len(blob) % 1000 :] if self.how == "grows" else blob), self.how)


class _Spoiled:
    def __init__(self, detector: Any, how: str) -> None:
        self._detector = detector
        self._how = how
        self._points = 0

    @property
    def series_count(self) -> int:
        return int(self._detector.series_count)

    def step(self, columns: Columns) -> SeriesScores:
        self._points += len(columns)
        found: SeriesScores = self._detector.step(columns)
        if self._how == "mutates":
            columns.values[:1] = 0.0
        if self._how == "healthy by default":
            found = replace(found, score=np.nan_to_num(found.score), p_value=np.nan_to_num(found.p_value, nan=1.0))
        if self._how == "looks ahead" and len(found):
            found = replace(found, score=np.where(np.isnan(found.score), found.score, columns.values.max() % 1))
        return found

    def to_bytes(self) -> bytes:
        return bytes(self._detector.to_bytes()) + (b"x" * self._points if self._how == "grows" else b"")


SPOILED = {
    "mutates": "scoring changes the columns",
    "shares": "knows series already|share what they learn",
    "healthy by default": "first point of a series is judged",
    "looks ahead": "other answers|later points|without a word",
    "grows": "grows with the points",
    "forgets": "forgets series over a restart",
}


@pytest.mark.parametrize("how", SPOILED)
def test_the_kit_finds_a_detector_that_breaks_the_contract(how: str) -> None:
    with pytest.raises(ConformanceError, match=SPOILED[how]):
        check_series_detector(_Wrapped(how))


def test_the_kit_finds_a_kind_of_model_that_remembers_what_it_must_not() -> None:
    class Forgetful(_Bundled):
        def restore(self, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> JointCore:
            core = super().restore(description, arrays)
            return core.started_at(core.run(core.start(), usual_history(50))[0])

    with pytest.raises(ConformanceError, match="described and restored gives other evidence"):
        check_joint_kind(Forgetful("residual"))


# chosen by name


def _command(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "recoverops", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])},
        check=False,
    )


def test_a_detector_and_a_kind_of_model_are_chosen_by_name_on_the_command_line(target: Path, tmp_path: Path) -> None:
    config = tmp_path / "recoverops.yaml"
    config.write_text(
        f"data_dir: {tmp_path / 'data'}\nplugins:\n  - name: console\n"
        "  - {name: moving-median, version: 0.1.0, settings: {limit: 6}}\n"
    )
    noise = np.random.default_rng(3)
    rows = [f"{60 * number},{50.0 if number == 190 else noise.normal(10, 1):.3f}" for number in range(200)]
    one = tmp_path / "one.csv"
    one.write_text("\n".join(["timestamp,value", *rows]) + "\n")

    found = _command(target, "detect", str(one), "--detector", "moving-median", "--config", str(config))
    assert found.returncode == 0, found.stderr
    assert "200 rows, 180 judged, 1 anomalies (detector moving-median" in found.stdout
    assert "far from the median" in found.stdout
    unknown = _command(target, "detect", str(one), "--detector", "moon", "--config", str(config))
    assert unknown.returncode != 0
    assert 'no plugin offers the detector "moon"; known are: streaming, moving-median' in unknown.stderr

    table = usual_history(1500)
    many = tmp_path / "many.csv"
    lines = (
        ",".join(f"{value:.4f}" for value in (at, *row)) for at, row in zip(table.times, table.values, strict=True)
    )
    many.write_text("\n".join(["timestamp,one,two,three", *lines]) + "\n")
    kind = ("--kind", "median-distance", "--config", str(config))
    trained = _command(target, "train", "metrics", "--from", str(many), *kind)
    assert trained.returncode == 0, trained.stderr
    assert "default version 1 (median-distance) is current" in trained.stdout
    stored = _command(target, "train", "--evaluate", "--from", str(many), "--config", str(config))
    assert stored.returncode == 0, stored.stderr
    assert "1500 of 1500 rows" in stored.stdout
