"""Right or wrong: NAB's score with the threshold fixed at 0.5, and mean average precision row by row.

One configuration for all series, a fresh detector each, as `recoverops detect` would run it. Nothing is point-
adjusted and no threshold is chosen in hindsight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.labelled import Series
from recoverops.detection.metrics.streaming import Component, Scores, StreamDetector, StreamSettings
from recoverops.model.columns import Columns

THRESHOLD = 0.5
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
_SPLITS, _BUDGETS, _EPISODES = 6, (0.25, 0.5, 1.0, 2.0, 4.0), (15, 30, 60)


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


def nab_held_out(scorer: Any, series: Sequence[Series], settings: StreamSettings) -> list[dict[str, Any]]:
    """The standard score of files that had no say in the choice of budget and episode, beside that of the defaults on
    the same files: on both halves of random splits, and on each category of files by the choice of all the others.

    The other constants were chosen in view of all files, so this is only a part of what a new file may cost.
    """
    choices = [
        _nab_files(
            scorer, series, settings.model_copy(update={"false_alarms_per_week": budget, "episode_points": points})
        )
        for budget, points in itertools.product(_BUDGETS, _EPISODES)
    ]
    defaults, everything = _nab_files(scorer, series, settings), frozenset(range(len(series)))
    rng = np.random.default_rng(0)
    halves = [frozenset(rng.permutation(len(series))[: len(series) // 2].tolist()) for _ in range(_SPLITS)]
    halves += [everything - half for half in halves]
    kinds = {one.name.split("/")[0] for one in series if one.windows}
    parts = {kind: frozenset(i for i, one in enumerate(series) if one.name.startswith(f"{kind}/")) for kind in kinds}

    def held_out(places: frozenset[int]) -> tuple[float, float]:
        chosen = max(choices, key=lambda files: _standard(scorer, files, everything - places))
        return _standard(scorer, chosen, places), _standard(scorer, defaults, places)

    mean = np.mean([held_out(half) for half in halves], axis=0)
    told = [(f"half of the files, mean of {len(halves)}", len(series) // 2, (float(mean[0]), float(mean[1])))]
    told += [(kind, len(places), held_out(places)) for kind, places in sorted(parts.items())]
    return [
        {"held out": name, "files": count, "chosen on the others": round(found[0], 1), "defaults": round(found[1], 1)}
        for name, count, found in told
    ]


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


def _standard(scorer: Any, files: Sequence[Any], places: Iterable[int]) -> float:
    corpus = scorer.Corpus([files[place] for place in sorted(places)])
    return float(corpus.normalised("standard", corpus.raw("standard", THRESHOLD)))


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
