"""Right or wrong: NAB's score with the threshold fixed at 0.5, and mean average precision row by row.

One configuration for all series, a fresh detector each, as `recoverops detect` would run it. Nothing is point-
adjusted and no threshold is chosen in hindsight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.labelled import Series
from recoverops.detection.metrics.streaming import Component, Scores, StreamDetector, StreamSettings
from recoverops.model.columns import Columns

THRESHOLD = 0.5
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
_HALVES = 200


def scored(series: Series, settings: StreamSettings) -> Scores:
    columns = Columns(series=np.zeros(len(series.at), dtype=np.int32), at=series.at, values=series.values)
    return StreamDetector(settings).step(columns)


def nab_table(scorer: Any, series: Sequence[Series], settings: StreamSettings) -> list[dict[str, Any]]:
    """All components, then without each of them; the three profiles, and what was hit."""
    told = [_nab_row("all components", _nab_files(scorer, series, settings), scorer)]
    for component in Component:
        others = settings.model_copy(update={"components": settings.components - {component}})
        told.append(_nab_row(f"without {component.value}", _nab_files(scorer, series, others), scorer))
    return told


def nab_halves(scorer: Any, series: Sequence[Series], settings: StreamSettings) -> dict[str, float]:
    """The standard score on random halves of the files: how much of it is chance."""
    files, rng = _nab_files(scorer, series, settings), np.random.default_rng(0)
    found = []
    for _ in range(_HALVES):
        half = [files[place] for place in rng.permutation(len(files))[: len(files) // 2]]
        corpus = scorer.Corpus(half)
        found.append(corpus.normalised("standard", corpus.raw("standard", THRESHOLD)))
    low, middle, high = np.percentile(found, [10, 50, 90])
    return {"p10": round(low, 1), "median": round(middle, 1), "p90": round(high, 1)}


def cloud_precision(series: Sequence[Series], settings: StreamSettings) -> dict[str, float]:
    """Mean average precision over the series with a labelled row, of `degree` and of `score`."""
    pairs = [(one, scored(one, settings)) for one in series if one.is_labelled.any()]
    return {
        "series": len(pairs),
        "degree": round(float(np.mean([average_precision(one.is_labelled, told.degree) for one, told in pairs])), 3),
        "score": round(float(np.mean([average_precision(one.is_labelled, told.score) for one, told in pairs])), 3),
    }


def average_precision(is_labelled: NDArray[np.bool_], score: NDArray[np.float32]) -> float:
    """Sum of precision times gain of recall over all thresholds; NaN scores rank last, equal scores together."""
    ranked = np.where(np.isnan(score), -np.inf, score.astype(np.float64))
    order = np.argsort(-ranked, kind="stable")
    ends = np.flatnonzero(np.append(ranked[order][1:] != ranked[order][:-1], True))
    hits = np.cumsum(is_labelled[order])[ends]
    recall = hits / is_labelled.sum()
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * hits / (ends + 1)))


def _nab_files(scorer: Any, series: Sequence[Series], settings: StreamSettings) -> list[Any]:
    import pandas as pd

    return [
        scorer.points(
            one.name,
            pd.Series(one.timestamps),
            np.nan_to_num(scored(one, settings).score, nan=0.0),
            [list(window) for window in one.windows],
        )
        for one in series
    ]


def _nab_row(name: str, files: list[Any], scorer: Any) -> dict[str, Any]:
    corpus = scorer.Corpus(files)
    counts = corpus.counts(THRESHOLD)
    scores = {profile: round(corpus.normalised(profile, corpus.raw(profile, THRESHOLD)), 1) for profile in PROFILES}
    return {
        "detector": name,
        **scores,
        "hit": f"{counts['windows_detected']}/{counts['windows']}",
        "false alarms": counts["fp_rows"],
    }
