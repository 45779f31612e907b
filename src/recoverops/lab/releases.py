"""The releases of the shop's services on disk: `releases/<number>`, and the symlink `current` to one of them.

The lab deploys as a deployment does: a new numbered folder, then the symlink in one move. The services only read.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

YESTERDAY_S = 24 * 3600.0

Files = Mapping[str, Any]
"""File name -> what it holds, as JSON."""

PRICES: Mapping[str, Mapping[str, int]] = {
    "tea.json": {"tea": 450, "green tea": 480, "white tea": 620},
    "coffee.json": {"coffee": 520, "espresso": 390},
    "cake.json": {"cake": 380, "cheesecake": 460},
    "bread.json": {"bread": 310, "rolls": 90},
    "jam.json": {"jam": 540},
    "honey.json": {"honey": 790},
    "juice.json": {"juice": 350},
    "water.json": {"water": 150},
}
"""The catalogue's price lists, a file each."""

FIRST: Mapping[str, Files] = {
    "gateway": {"release.json": {"version": "1.0.0"}},
    "catalogue": {
        "release.json": {"version": "1.0.0", "price_lists": list(PRICES)},
        **PRICES,
    },
    "orders": {"release.json": {"version": "1.0.0", "tax_percent": 19}},
    "payments": {"release.json": {"version": "1.0.0", "limit_cents": 100_000}},
    "worker": {"release.json": {"version": "1.0.0", "batch": 20}},
    "database": {"release.json": {"version": "1.0.0", "pool_size": 4}},
}


def install_first(home: Path, service: str) -> None:
    """Release 1, in use since yesterday."""
    release = install(home, FIRST[service])
    switch(home, release)
    age(home, release)


def age(home: Path, release: Path) -> None:
    """As if it had been installed and switched to yesterday."""
    then = time.time() - YESTERDAY_S
    os.utime(release, (then, then))
    os.utime(home / "current", (then, then), follow_symlinks=False)


def install(home: Path, files: Files) -> Path:
    """The folder of a new release, numbered after the newest; not in use yet."""
    numbers = [int(one.name) for one in (home / "releases").glob("*") if one.name.isdigit()]
    release = home / "releases" / str(max(numbers, default=0) + 1)
    release.mkdir(parents=True)
    for name, content in files.items():
        (release / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return release


def switch(home: Path, release: Path) -> None:
    """In one move: a reader finds the old one or the new one, never none."""
    new = home / "current.new"
    new.unlink(missing_ok=True)
    new.symlink_to(Path("releases") / release.name)
    new.replace(home / "current")


def in_use(home: Path) -> Path:
    return (home / "current").resolve()


def remove(release: Path) -> None:
    shutil.rmtree(release, ignore_errors=True)
