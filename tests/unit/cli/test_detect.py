"""`recoverops detect` through its own door, on made series whose trouble is known."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recoverops.cli.commands import application
from recoverops.cli.exits import Exit

TROUBLE_FROM = 1500


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Noise around 10, a point every five minutes, which goes to 30 for a while."""
    noise, path = random.Random(7), tmp_path / "cpu.csv"
    lines = ["timestamp,value"]
    for number in range(2000):
        level = 30 if TROUBLE_FROM <= number < TROUBLE_FROM + 50 else 10
        lines.append(f"{1_772_366_400 + 300 * number},{level + noise.gauss(0, 0.5):.4f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*arguments: object, exit_code: Exit = Exit.OK) -> str:
    result = CliRunner().invoke(application, ["detect", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result.stdout if exit_code is Exit.OK else result.stderr


def scores(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_row_gets_a_row_and_the_trouble_is_found_where_it_begins(series: Path, tmp_path: Path) -> None:
    told = json.loads(run(series, "--output", tmp_path / "scores.csv", "--json"))

    rows = scores(tmp_path / "scores.csv")
    assert list(rows[0]) == ["timestamp", "anomaly_score", "p_value", "is_anomaly"]
    assert len(rows) == told["rows"] == 2000
    found = [number for number, row in enumerate(rows) if row["is_anomaly"] == "1"]
    assert min(number for number in found if number >= TROUBLE_FROM) <= TROUBLE_FROM + 2
    assert all((float(row["anomaly_score"]) >= 0.5) == (row["is_anomaly"] == "1") for row in rows[100:])
    assert [one["timestamp"] for one in told["anomalies"]] == [rows[number]["timestamp"] for number in found]


def test_rows_that_cannot_be_judged_have_no_score(series: Path, tmp_path: Path) -> None:
    told = json.loads(run(series, "--output", tmp_path / "scores.csv", "--json"))

    rows = scores(tmp_path / "scores.csv")
    assert (rows[0]["anomaly_score"], rows[0]["p_value"], rows[0]["is_anomaly"]) == ("", "", "0")
    assert told["not_enough_data"] == sum(row["anomaly_score"] == "" for row in rows) > 0


def test_the_future_is_never_read(series: Path, tmp_path: Path) -> None:
    lines = series.read_text().splitlines(keepends=True)
    cut = tmp_path / "cut.csv"
    cut.write_text("".join(lines[:1200]))

    run(series, "--output", tmp_path / "whole.csv")
    run(cut, "--output", tmp_path / "part.csv")

    assert scores(tmp_path / "whole.csv")[:1199] == scores(tmp_path / "part.csv")


def test_a_picture_is_drawn(series: Path, tmp_path: Path) -> None:
    told = run(series, "--plot", tmp_path / "cpu.png")

    assert (tmp_path / "cpu.png").read_bytes().startswith(b"\x89PNG")
    assert f"written: {tmp_path / 'cpu.png'}" in told


def test_a_broken_file_is_told_and_nothing_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text("timestamp,value\n1,high\n")

    told = run(tmp_path / "broken.csv", exit_code=Exit.MISCONFIGURED)

    assert "broken.csv:2: value is 'high'" in told


def test_a_file_that_is_not_there_has_its_own_exit_code(tmp_path: Path) -> None:
    assert "does not exist" in run(tmp_path / "nothing.csv", exit_code=Exit.NOT_FOUND)


def together(path: Path, *, count: int, trouble_from: int | None, seed: int) -> Path:
    """Load, and the CPU and memory that it costs; in trouble the CPU burns without load."""
    noise = random.Random(seed)
    lines = ["timestamp,requests,cpu,memory"]
    for number in range(count):
        load = 100 + 30 * noise.random()
        burns = 40 if trouble_from is not None and number >= trouble_from else 0
        row = (load, load * 0.4 + noise.gauss(0, 1) + burns, 50 + load * 0.1 + noise.gauss(0, 0.5))
        lines.append(f"{1_772_366_400 + 60 * number}," + ",".join(f"{value:.3f}" for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_several_metrics_are_judged_together_by_a_model_of_another_file(tmp_path: Path) -> None:
    history = together(tmp_path / "history.csv", count=1500, trouble_from=None, seed=1)
    live = together(tmp_path / "live.csv", count=300, trouble_from=200, seed=2)

    told = json.loads(run(live, "--train", history, "--output", tmp_path / "scores.csv", "--json"))

    found = [number for number, row in enumerate(scores(tmp_path / "scores.csv")) if row["is_anomaly"] == "1"]
    assert min(number for number in found if number >= 200) <= 203
    assert {one["why"] for one in told["anomalies"][-20:]} == {"cpu"}


def test_without_a_history_the_first_rows_are_learned_from_and_not_judged(tmp_path: Path) -> None:
    live = together(tmp_path / "live.csv", count=2000, trouble_from=1900, seed=3)

    told = json.loads(run(live, "--json"))

    assert (told["rows"], told["not_enough_data"]) == (2000, 1440)
    assert told["anomalies"]


def test_too_little_history_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    live = together(tmp_path / "live.csv", count=300, trouble_from=None, seed=3)

    assert "1440" in run(live, exit_code=Exit.FAILED)


def test_a_history_of_other_columns_is_refused(series: Path, tmp_path: Path) -> None:
    live = together(tmp_path / "live.csv", count=20, trouble_from=None, seed=3)

    told = run(live, "--train", series, exit_code=Exit.MISCONFIGURED)

    assert "has the columns value" in told
