"""What a service runs: the release that its symlink `current` pointed to when it was started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    folder: Path
    """The release itself, not the symlink: a switch takes effect at the next start."""
    settings: Mapping[str, Any]
    """Read where they are needed; one that is missing fails there, as it does in every other program."""


def current_release(home: Path) -> Release:
    folder = (home / "current").resolve()
    return Release(folder=folder, settings=json.loads((folder / "release.json").read_text(encoding="utf-8")))
