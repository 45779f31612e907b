"""The budget of false alarms as `/anomaly/status` tells it."""

from __future__ import annotations

import numpy as np

from recoverops.detection.metrics.streaming import Spending
from recoverops.operations.anomaly_status import MOST_SERIES, budget_of


def test_a_budget_is_summed_over_all_series_and_lists_those_with_the_most_alarms() -> None:
    count = MOST_SERIES + 50
    spent = Spending(alarms=np.arange(count), weeks=np.full(count, 2.0), level=np.full(count, 1.5), per_week=0.25)

    told = budget_of(tuple(f"service:s{number}/cpu" for number in range(count)), spent)

    assert (told.series_judged, told.alarms, told.weeks) == (count, count * (count - 1) // 2, 2.0 * count)
    assert len(told.series) == MOST_SERIES
    worst = told.series[0]
    assert (worst.series, worst.alarms, worst.allowed, worst.level) == (
        f"service:s{count - 1}/cpu",
        count - 1,
        0.5,
        1.5,
    )
