"""The image for Fargate: its recipe read, its entry point really run. It was never built here: there is no Docker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.unit.deploy.reading import ROOT, resources

RECIPE = ROOT / "deploy/docker/Dockerfile"
ENTRY = ROOT / "deploy/docker/entrypoint.sh"
CONFIGURATION = "data_dir: data\nservices: [{name: checkout}]\n"


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", RECIPE.read_text(encoding="utf-8"))
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def test_the_recipe_has_known_instructions_pinned_bases_and_no_user_of_root() -> None:
    found = instructions()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "VOLUME", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in found} <= known
    assert all(re.match(r"python:3\.\d+-slim-\w+( AS \w+)?$", told) for name, told in found if name == "FROM")
    assert [told for name, told in found if name == "USER"] == ["10001:10001"]


def test_what_the_recipe_copies_is_there() -> None:
    for name, told in instructions():
        if name == "COPY" and not told.startswith("--from"):
            assert all((ROOT / one).exists() for one in told.split()[:-1]), told


def test_the_task_mounts_what_the_image_may_write_to_and_runs_as_its_user() -> None:
    (container,) = resources("service")["Task"]["Properties"]["ContainerDefinitions"]
    (volumes,) = [told for name, told in instructions() if name == "VOLUME"]
    assert [one["ContainerPath"] for one in container["MountPoints"]] == re.findall(r'"([^"]+)"', volumes)
    assert container["User"] == "10001:10001"
    assert container["ReadonlyRootFilesystem"] is True


def entered(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "CONFIGURATION_FOLDER": str(folder),
        **more,
    }
    command = ["sh", str(ENTRY), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_entry_point_writes_the_configuration_privately_and_becomes_recoverops(tmp_path: Path) -> None:
    done = entered(tmp_path, "check", CONFIGURATION_YAML=CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 services" in done.stdout
    file = tmp_path / "recoverops.yaml"
    assert file.read_text() == f"{CONFIGURATION}\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_configuration_the_defaults_hold_and_what_is_wrong_ends_it(tmp_path: Path) -> None:
    assert entered(tmp_path, "version").returncode == 0
    assert not (tmp_path / "recoverops.yaml").exists()
    done = entered(tmp_path, "check", CONFIGURATION_YAML="services: nonsense\n")
    assert done.returncode == 3
    assert "services" in done.stderr + done.stdout
