"""Isolation forest inference, compiled: the mean path length of a row, and what each metric adds to the score.

Called by `forest.py`. Follows Liu, Ting and Zhou (2008): score = 2 ** (-mean path length / c(sample size)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@compiled("float64(float64[::1], int32[:, ::1], float64[::1], int32[::1], float64)")
def isolation(row: Floats, links: Ints, cuts: Floats, roots: Ints, normal_length: float) -> float:
    """0..1, larger is more abnormal. `links`: (n_nodes, 3) metric or -1 at a leaf, left, right.

    `cuts` holds the threshold of an inner node and the path length of a leaf.
    """
    total = 0.0
    for root in roots:
        node = root
        while links[node, 0] >= 0:
            goes_left = row[links[node, 0]] <= cuts[node]
            node = links[node, 1] if goes_left else links[node, 2]
        total += cuts[node]
    return math.pow(2.0, -total / len(roots) / normal_length)


@compiled(
    "void(float64[:, ::1], int32[:, ::1], float64[::1], int32[::1], float64, float64, float64[::1], float64[:, ::1])"
)
def score_rows(
    values: Floats,
    links: Ints,
    cuts: Floats,
    roots: Ints,
    normal_length: float,
    needed: float,
    usual: Floats,
    out: Floats,
) -> None:
    """`out`: (n, 1 + n_metrics), the score and the shares; NaN where too many metrics are missing.

    A missing value is taken as usual. A metric's share is how far the score falls when that metric alone is put back to
    its usual value.
    """
    n_metrics = values.shape[1]
    row = np.empty(n_metrics)
    for i in range(len(values)):
        present = ~np.isnan(values[i])
        if present.sum() < needed * n_metrics:
            out[i, :] = math.nan
            continue
        for j in range(n_metrics):
            row[j] = np.float64(np.float32(values[i, j] if present[j] else usual[j]))
        score = isolation(row, links, cuts, roots, normal_length)
        out[i, 0] = score
        total = 0.0
        for j in range(n_metrics):
            out[i, 1 + j] = 0.0
            if present[j]:
                kept = row[j]
                row[j] = np.float64(np.float32(usual[j]))
                out[i, 1 + j] = max(score - isolation(row, links, cuts, roots, normal_length), 0.0)
                total += out[i, 1 + j]
                row[j] = kept
        for j in range(n_metrics):
            if total > 0.0:
                out[i, 1 + j] /= total
            elif present[j]:
                out[i, 1 + j] = 1.0 / present.sum()
