"""`recoverops train` through its own door: learn, evaluate, go back, and be refused with what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.unit.operations.loads import load
from typer.testing import CliRunner

from recoverops.cli.commands import application
from recoverops.cli.exits import Exit


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text("data_dir: data\n")
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return written(tmp_path / "web.csv", 1500)


def written(path: Path, rows: int) -> Path:
    table = load(rows)
    header = ",".join(("timestamp", *table.metrics))
    np.savetxt(
        path, np.column_stack([table.times, table.values]), fmt="%.6f", delimiter=",", header=header, comments=""
    )
    return path


def run(config: Path, *arguments: object, exit_code: Exit = Exit.OK) -> str:
    result = CliRunner().invoke(application, ["train", *map(str, arguments), "--config", str(config)])
    assert result.exit_code == exit_code, result.output
    return result.stdout if exit_code is Exit.OK else result.stderr


def test_a_file_is_learned_evaluated_and_gone_back_from(config: Path, history: Path) -> None:
    first = json.loads(run(config, "metrics", "--from", history, "--json"))
    assert (first["name"], first["version"], first["is_current"]) == ("default", 1, True)
    assert first["origin"]["data"] == "the file web.csv"
    run(config, "metrics", "--from", history)

    told = json.loads(run(config, "--evaluate", "--from", history, "--json"))
    assert (told["version"], told["evaluation"]["rows"]) == (2, 1500)
    assert "Stored with the model" in run(config, "--evaluate", "--version", "1")

    assert "version 1 (residual) is current, before it was 2" in run(config, "--activate", "1")
    assert json.loads(run(config, "--evaluate", "--json"))["version"] == 1


def test_a_data_directory_that_training_made_is_one_that_the_engine_takes(config: Path, history: Path) -> None:
    run(config, "metrics", "--from", history)
    assert (config.parent / "data").stat().st_mode & 0o777 == 0o700


def test_labels_give_f1_precision_and_recall(config: Path, history: Path, tmp_path: Path) -> None:
    labels, times = tmp_path / "labels.csv", load(1500).times
    labels.write_text("timestamp,label\n" + "".join(f"{at:.6f},1\n" for at in times[1400:1410]))
    told = json.loads(run(config, "metrics", "--from", history, "--labels", labels, "--json"))
    assert told["evaluation"]["abnormal"] == 10
    assert told["evaluation"]["f1"] is not None


def test_what_is_missing_is_said_with_its_exit_code(config: Path, history: Path, tmp_path: Path) -> None:
    few = written(tmp_path / "few.csv", 100)
    assert "1340 are missing" in run(config, "metrics", "--from", few, exit_code=Exit.FAILED)
    assert "--from FILE.csv, or --resource" in run(config, "metrics", exit_code=Exit.USAGE)
    told = run(config, "metrics", "--from", history, "--resource", "host:a", exit_code=Exit.USAGE)
    assert "give one of them" in told
    assert "there is no history" in run(config, "--resource", "host:a", exit_code=Exit.NOT_FOUND)
    assert "no version of the model 'default' is current" in run(config, "--evaluate", exit_code=Exit.NOT_FOUND)
    assert "no version 3" in run(config, "--activate", "3", exit_code=Exit.NOT_FOUND)
    assert "no plugin offers the kind of model" in run(
        config, "metrics", "--from", history, "--kind", "moon", exit_code=Exit.MISCONFIGURED
    )
