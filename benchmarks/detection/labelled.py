"""The labelled public series that quality is measured on, read from a folder outside of the project; never copied
into it.

Lays out as its README says: `nab`, `msft_cloud_monitoring`, `mts_asd`, `mts_smd`. A set that is not there is an empty
tuple.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

_NO_CLOCK_STEP_S = {"mts_asd": 300.0, "mts_smd": 60.0}
_NO_CLOCK_START = 1_577_836_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series with its labels."""

    name: str
    at: NDArray[np.float64]
    values: NDArray[np.float64]
    is_labelled: NDArray[np.bool_]
    """(n,) inside of a labelled window, or labelled by row"""
    windows: tuple[tuple[str, str], ...] = ()
    """of NAB: first and last timestamp, as they stand in the file"""
    timestamps: tuple[str, ...] = ()
    """of NAB: as they stand in the file"""


def nab(folder: Path) -> tuple[Series, ...]:
    labels = folder / "nab" / "combined_windows.json"
    if not labels.is_file():
        return ()
    told: dict[str, list[list[str]]] = json.loads(labels.read_text(encoding="utf-8"))
    return tuple(_nab_series(folder / "nab" / "data" / name, name, windows) for name, windows in told.items())


def cloud(folder: Path) -> tuple[Series, ...]:
    """Microsoft's cloud monitoring dataset."""
    return tuple(_cloud_series(path) for path in sorted((folder / "msft_cloud_monitoring").glob("*/*.csv.gz")))


def normal_servers(folder: Path) -> tuple[Series, ...]:
    """Every metric of the train parts of ASD and SMD, which are held to be normal."""
    found = []
    for kind, step_s in _NO_CLOCK_STEP_S.items():
        for path in sorted((folder / kind).glob("*.npz")):
            with np.load(path, allow_pickle=False) as arrays:
                table = arrays["train"].astype(np.float64)
            at = _NO_CLOCK_START + step_s * np.arange(len(table), dtype=np.float64)
            found += [
                Series(
                    name=f"{kind}/{path.stem}/{column}",
                    at=at,
                    values=table[:, column],
                    is_labelled=np.zeros(len(table), dtype=np.bool_),
                )
                for column in range(table.shape[1])
            ]
    return tuple(found)


def scorer(folder: Path) -> Any:
    """The shared NAB scorer as a module, or None when it or pandas is not there."""
    path = folder / "nab_score.py"
    if not path.is_file() or importlib.util.find_spec("pandas") is None:
        return None
    spec = importlib.util.spec_from_file_location("nab_score", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["nab_score"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def _nab_series(path: Path, name: str, windows: list[list[str]]) -> Series:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    at = np.array([_epoch(row["timestamp"]) for row in rows])
    is_labelled = np.zeros(len(rows), dtype=np.bool_)
    for first, last in windows:
        is_labelled |= (at >= _epoch(first)) & (at <= _epoch(last))
    return Series(
        name=name,
        at=at,
        values=np.array([float(row["value"]) for row in rows]),
        is_labelled=is_labelled,
        windows=tuple((first, last) for first, last in windows),
        timestamps=tuple(row["timestamp"] for row in rows),
    )


def _cloud_series(path: Path) -> Series:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = list(_fields(file))
    return Series(
        name=f"{path.parent.name}/{path.name.removesuffix('.csv.gz')}",
        at=np.array([_epoch(row[0]) for row in rows]),
        values=np.array([float(row[1]) if row[1] else np.nan for row in rows]),
        is_labelled=np.array([row[2] == "1" for row in rows]),
    )


def _fields(file: TextIO) -> Iterable[list[str]]:
    lines = csv.reader(file)
    next(lines)
    return (line[:3] for line in lines if line)


def _epoch(text: str) -> float:
    told = datetime.fromisoformat(text)
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
