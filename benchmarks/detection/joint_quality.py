"""How well several metrics together are judged: mean average precision on labelled servers, the threshold fixed before.

`python -m benchmarks.detection.joint_quality [FOLDER]`, FOLDER holds `mts_asd` and `mts_smd` (default ../shared/data).
Every model is trained on the train part of a server and streamed over its test part, with the default settings for all.
Rows count one by one; nothing is point-adjusted.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import KINDS, Evaluation, JointModel, evaluate, table_of, train
from recoverops.model.joint import MetricTable

DATA = Path("../shared/data")
SETS = {"mts_asd": 300.0, "mts_smd": 60.0}
"""seconds between the rows of each set"""
FLOORS = {"mts_asd": (0.26, 0.45), "mts_smd": (0.56, 0.66)}
"""mean average precision of the better model: floor and aim"""
_TIMED_ROWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model on one server."""

    data: str
    server: str
    model: str
    evaluation: Evaluation
    train_s: float
    row_us: float
    """median time of scoring one row alone, in microseconds on the wall"""
    row_cpu_p99_us: float
    """99 % quantile of the same in microseconds of CPU, which a busy machine does not lengthen"""
    hits: tuple[float, float, float]
    """share of labelled metrics among the 1, 3 and 5 with the largest contribution, mean of the labelled stretches"""
    chance: float
    """the same for metrics drawn at random"""

    @property
    def average_precision(self) -> float:
        return self.evaluation.average_precision or 0.0


def measure(data: Path) -> list[Row]:
    """One row for each model and server; empty where the data is absent."""
    return [row for name in SETS for path in sorted((data / name).glob("*.npz")) for row in _server(name, path)]


def means(rows: Sequence[Row]) -> dict[tuple[str, str], float]:
    """(data, model) -> mean average precision."""
    return {
        (data, model): float(np.mean([row.average_precision for row in rows if (row.data, row.model) == (data, model)]))
        for data, model in dict.fromkeys((row.data, row.model) for row in rows)
    }


def _server(name: str, path: Path) -> Iterator[Row]:
    with np.load(path, allow_pickle=False) as archive:
        learned, seen = archive["train"].astype(np.float64), archive["test"].astype(np.float64)
        labels = archive["label"].ravel().astype(np.bool_)
    metrics = tuple(str(number + 1) for number in range(learned.shape[1]))
    values = np.vstack([learned, seen])
    table = table_of(metrics, np.arange(len(values)) * SETS[name], values)
    causes = _causes(path.with_suffix(".rootcause.txt"))
    for kind in KINDS:
        if kind == "isolation_forest" and importlib.util.find_spec("sklearn") is None:
            continue
        began = time.perf_counter()
        model = train(table.rows(0, len(learned)), kind=kind).model
        train_s = time.perf_counter() - began
        test = table.rows(len(learned), len(table))
        hits, chance = _hits(model, test, causes)
        wall_us, cpu_us = _row_times_us(model, test)
        yield Row(
            data=name,
            server=path.stem,
            model=kind,
            evaluation=evaluate(model, test, labels=labels, data=f"test part of {name}/{path.stem}"),
            train_s=train_s,
            row_us=float(np.median(wall_us)),
            row_cpu_p99_us=float(np.quantile(cpu_us, 0.99)),
            hits=hits,
            chance=chance,
        )


def _row_times_us(model: JointModel, table: MetricTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows one at a time, as the door gets them, with the answer made into a record."""
    state, wall, cpu = model.start(), [], []
    for row in range(min(_TIMED_ROWS, len(table))):
        one = table.rows(row, row + 1)
        began, worked = time.perf_counter(), time.thread_time()
        state, scores = model.step(state, one)
        scores.answer(0)
        cpu.append((time.thread_time() - worked) * 1e6)
        wall.append((time.perf_counter() - began) * 1e6)
    return np.array(wall), np.array(cpu)


def _causes(path: Path) -> list[tuple[int, int, set[int]]]:
    """(first row, row behind the last, metrics at fault from 0) of each labelled stretch."""
    stretches = []
    for line in path.read_text(encoding="utf-8").split():
        where, _, metrics = line.partition(":")
        first, _, last = where.partition("-")
        stretches.append((int(first), int(last) + 1, {int(one) - 1 for one in metrics.split(",")}))
    return stretches


def _hits(
    model: JointModel, table: MetricTable, causes: Sequence[tuple[int, int, set[int]]]
) -> tuple[tuple[float, float, float], float]:
    _, scores = model.step(model.start(), table)
    shares: list[list[float]] = []
    for first, end, at_fault in causes:
        order = np.argsort(-np.nanmean(scores.contributions[first:end], axis=0)).tolist()
        shares.append([len(at_fault & set(order[:k])) / k for k in (1, 3, 5)])
    one, three, five = np.mean(shares, axis=0).tolist()
    return (one, three, five), float(np.mean([len(at_fault) / len(table.metrics) for _, _, at_fault in causes]))


def table_lines(rows: Sequence[Row]) -> Iterator[str]:
    """The figures as a table in Markdown."""
    yield "| data | server | model | AP | F1 | precision | recall | hit@1 | hit@3 | hit@5 | chance | µs/row | CPU p99 |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        told = row.evaluation
        counted = [row.average_precision, told.f1, told.precision, told.recall, *row.hits, row.chance]
        shown = " | ".join("none" if value is None else f"{value:.2f}" for value in counted)
        yield f"| {row.data} | {row.server} | {row.model} | {shown} | {row.row_us:.0f} | {row.row_cpu_p99_us:.0f} |"
    for (data, model), mean in means(rows).items():
        floor, aim = FLOORS[data]
        yield f"| {data} | mean | {model} | {mean:.3f} | floor {floor}, aim {aim} | | | | | | | | |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    rows = measure(parser.parse_args().folder)
    if not rows:
        print("skipped: there is no mts_asd or mts_smd in that folder")
        return 0
    print("\n".join(table_lines(rows)))
    better = means([row for row in rows if row.model == KINDS[0]])
    return 0 if all(mean >= FLOORS[data][0] for (data, _), mean in better.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
