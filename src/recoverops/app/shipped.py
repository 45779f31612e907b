"""Where the shipped rules and runbooks are: package data in a wheel, the folder `configs/` in a source checkout."""

from __future__ import annotations

from pathlib import Path


def shipped_configs() -> Path:
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"
