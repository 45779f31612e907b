"""The child that trains reads the configuration for its plugins alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recoverops.app.training_child import TrainingPaper, table_path, trained_from
from recoverops.operations.model_training import TrainingOrder


def test_a_half_edited_rules_file_does_not_keep_it_from_a_plugins_kind_of_model(tmp_path: Path) -> None:
    config = tmp_path / "recoverops.yaml"
    config.write_text("data_dir: data\nrules: rules.yaml\nplugins: [{name: console}]\n")
    (tmp_path / "rules.yaml").write_text("version: 1\nrules:\n  - name: half-")
    np.savez(table_path(tmp_path), times=np.arange(3.0), values=np.zeros((3, 2)))
    order = TrainingOrder(name="default", kind="moon", data="a test", resource=None, incidents=())

    told = trained_from(
        TrainingPaper(
            folder=str(tmp_path),
            config=str(config),
            metrics=("a", "b"),
            order=order,
            current=None,
            problem="",
            settings={},
        )
    )

    assert "no plugin offers the kind of model" in told.refused
