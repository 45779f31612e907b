"""Whether the false alarms that the operator pays for are the ones that come: measured against the budget.

Counted on everything that nobody labelled: NAB and Microsoft outside of the labelled rows, ASD and SMD before the
test part. Unlabelled is not proof of normal, so the figures err on the high side. Alarms are taken as Poisson for the
interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.labelled import Series
from benchmarks.detection.quality import THRESHOLD, scored
from recoverops.detection.metrics.streaming import StreamSettings

BUDGETS = (1.0, 2.0, 4.0)
MET = (0.5, 1.5)
_WEEK_S, _LONGEST_GAP_S = 604_800.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Alarms of one set of series at one budget."""

    series: str
    budget: float
    alarms: int
    weeks: float

    @property
    def expected(self) -> float:
        return self.budget * self.weeks

    @property
    def ratio(self) -> float:
        return self.alarms / self.expected

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Poisson (Byar's approximation), of the ratio."""
        low, high = _poisson_95(self.alarms)
        return low / self.expected, high / self.expected

    @property
    def is_met(self) -> bool:
        low, high = self.interval
        return low <= MET[1] and high >= MET[0]

    def plain(self) -> dict[str, Any]:
        low, high = self.interval
        return {
            "series": self.series,
            "budget per week": self.budget,
            "expected": round(self.expected),
            "alarms": self.alarms,
            "measured / budget": round(self.ratio, 2),
            "95 %": f"{low:.2f}–{high:.2f}",
            "met": "yes" if self.is_met else "no",
        }


def measure(sets: Mapping[str, Sequence[Series]], settings: StreamSettings) -> list[Calibration]:
    """Every set at every budget, then all of them together."""
    told = []
    for budget in BUDGETS:
        here = settings.model_copy(update={"false_alarms_per_week": budget})
        parts = [_count(name, series, here) for name, series in sets.items() if series]
        told += parts
        told.append(
            Calibration(
                series="all",
                budget=budget,
                alarms=sum(part.alarms for part in parts),
                weeks=sum(part.weeks for part in parts),
            )
        )
    return told


def plot(told: Sequence[Calibration], path: Path, *, digest: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(one.series for one in told))
    figure, axes = plt.subplots(figsize=(7.0, 4.0), dpi=110)
    axes.axhspan(*MET, color="#d9ead3", label="0.5 to 1.5 of the budget")
    axes.axhline(1.0, color="#6aa84f", linewidth=1)
    for place, name in enumerate(names):
        mine = [one for one in told if one.series == name]
        errors = np.array([[one.ratio - one.interval[0], one.interval[1] - one.ratio] for one in mine]).T
        shifted = [one.budget * 1.06 ** (place - len(names) / 2) for one in mine]
        axes.errorbar(shifted, [one.ratio for one in mine], yerr=errors, fmt="o", capsize=3, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(BUDGETS, [f"{budget:g}" for budget in BUDGETS])
    axes.set_xlabel("budget: false alarms per series and week")
    axes.set_ylabel("measured / budget, 95 % interval")
    axes.set_ylim(bottom=0.0)
    axes.set_title(f"configuration {digest}", fontsize=9)
    axes.legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _count(name: str, series: Sequence[Series], settings: StreamSettings) -> Calibration:
    alarms, seconds = 0, 0.0
    for one in series:
        score = scored(one, settings).score
        counts = ~one.is_labelled & ~np.isnan(score)
        elapsed = np.minimum(np.diff(one.at, prepend=one.at[0]), _LONGEST_GAP_S)
        alarms += int(np.sum(score[counts] >= THRESHOLD))
        seconds += float(np.sum(np.maximum(elapsed[counts], 0.0)))
    return Calibration(series=name, budget=settings.false_alarms_per_week, alarms=alarms, weeks=seconds / _WEEK_S)


def _poisson_95(count: int) -> tuple[float, float]:
    def end(events: int, z: float) -> float:
        return events * (1.0 - 1.0 / (9.0 * events) + z / (3.0 * math.sqrt(events))) ** 3

    return (end(count, -1.96) if count else 0.0), end(count + 1, 1.96)
