"""Installs the example plugin beside the product, as a user would, into a directory of the benchmark's own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.processes import ROOT

_PACKAGE = "recoverops-http-action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    version: str
    environment: dict[str, str]
    """What makes Python find it."""


def install_example(directory: Path) -> Installed:
    """Fetches nothing. Raises CalledProcessError with pip's own words."""
    target = directory / "plugins"
    fetch_nothing = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            *fetch_nothing,
            "--target",
            target,
            ROOT / "examples" / _PACKAGE,
        ],
        check=True,
        timeout=120,
    )
    version = next(one.version for one in distributions(path=[str(target)]) if one.name == _PACKAGE)
    path = os.pathsep.join(part for part in (str(target), os.environ.get("PYTHONPATH", "")) if part)
    return Installed(version=version, environment={"PYTHONPATH": path})
