"""The isolation forest: rows that few random cuts set apart. The known method, kept as the yardstick.

Scored here from plain arrays; scikit-learn (extra `ml`) is needed to learn one, never to use one. It remembers nothing
between rows, so order and time do not matter to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import forest_kernel as kernel
from recoverops.detection.metrics.joint.core import KERNEL_ROWS, Floats
from recoverops.detection.metrics.joint.settings import ISOLATION_FOREST, JointSettings
from recoverops.detection.metrics.joint.table import fitting
from recoverops.model import MisconfiguredError, PermanentError
from recoverops.model.joint import ROW_STATUSES, Evidence, MetricTable, RowStatus

KIND = ISOLATION_FOREST
_ROWS_PER_TREE = 256
_EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestCore:
    """The trees as arrays; see `forest_kernel`."""

    metrics: tuple[str, ...]
    links: NDArray[np.int32]
    cuts: Floats
    roots: NDArray[np.int32]
    usual: Floats
    """(n_metrics,) medians of the history"""
    rows_per_tree: int
    needed_share: float
    kind: str = KIND

    def start(self) -> bytes:
        return b""

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]:
        if state:
            raise PermanentError(f"the state has {len(state)} bytes, this model keeps none; begin anew with start()")
        _, values = fitting(table, self.metrics)
        out = np.empty((len(values), 1 + len(self.metrics)))
        rows = max(1, min(KERNEL_ROWS, KERNEL_ROWS // len(self.metrics)))
        for begin in range(0, len(values), rows):
            kernel.score_rows(
                values[begin : begin + rows],
                self.links,
                self.cuts,
                self.roots,
                path_length(self.rows_per_tree),
                self.needed_share,
                self.usual,
                out[begin : begin + rows],
            )
        scored = ~np.isnan(out[:, 0])
        codes = [ROW_STATUSES.index(RowStatus.TOO_MUCH_MISSING), ROW_STATUSES.index(RowStatus.SCORED)]
        return state, Evidence(
            status=np.where(scored, codes[1], codes[0]).astype(np.int8),
            raw=out[:, 0].copy(),
            contributions=out[:, 1:].copy(),
            missing=np.isnan(values),
        )

    def started_at(self, state: bytes) -> ForestCore:
        return self

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        description = {
            "metrics": list(self.metrics),
            "rows_per_tree": self.rows_per_tree,
            "needed_share": self.needed_share,
        }
        return description, {"links": self.links, "cuts": self.cuts, "roots": self.roots, "usual": self.usual}


def path_length(rows: int) -> float:
    """Mean length of an unsuccessful search in a binary search tree of so many rows: c(n) of the paper."""
    if rows <= 1:
        return 0.0
    return 1.0 if rows == 2 else 2.0 * (math.log(rows - 1.0) + _EULER) - 2.0 * (rows - 1.0) / rows


def learn(table: MetricTable, settings: JointSettings) -> ForestCore:
    """Grow the trees. Raises `MisconfiguredError` when scikit-learn is not installed."""
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError as error:
        raise MisconfiguredError(
            "training an isolation forest needs scikit-learn: install recoverops[ml], or train the kind residual"
        ) from error
    usual = np.nanmedian(table.values, axis=0)
    rows_per_tree = min(_ROWS_PER_TREE, len(table))
    forest = IsolationForest(n_estimators=settings.trees, max_samples=rows_per_tree, random_state=settings.seed)
    forest.fit(np.where(np.isnan(table.values), usual, table.values))
    links, cuts, roots = _arrays(forest)
    return ForestCore(
        metrics=table.metrics,
        links=links,
        cuts=cuts,
        roots=roots,
        usual=usual,
        rows_per_tree=rows_per_tree,
        needed_share=settings.needed_share,
    )


def _arrays(forest: Any) -> tuple[NDArray[np.int32], Floats, NDArray[np.int32]]:
    """Every tree of scikit-learn's forest, one behind the other."""
    links, cuts, roots, first = [], [], [], 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        left, right = tree.children_left, tree.children_right
        leaf = left < 0
        depth = _depths(left, right)
        length = depth + np.array([path_length(int(rows)) for rows in tree.n_node_samples])
        links.append(
            np.column_stack(
                [np.where(leaf, -1, tree.feature), np.where(leaf, 0, left + first), np.where(leaf, 0, right + first)]
            )
        )
        cuts.append(np.where(leaf, length, tree.threshold))
        roots.append(first)
        first += len(left)
    return (
        np.ascontiguousarray(np.vstack(links), dtype=np.int32),
        np.ascontiguousarray(np.concatenate(cuts), dtype=np.float64),
        np.array(roots, dtype=np.int32),
    )


def _depths(left: NDArray[Any], right: NDArray[Any]) -> Floats:
    """Cuts above each node; a child always stands behind its parent."""
    depth = np.zeros(len(left))
    for node in range(len(left)):
        if left[node] >= 0:
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth


def restore(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ForestCore:
    """The core that `describe` wrote. Raises KeyError, ValueError or TypeError otherwise; the caller words it."""
    metrics = tuple(str(name) for name in description["metrics"])
    core = ForestCore(
        metrics=metrics,
        links=np.array(arrays["links"], dtype=np.int32, order="C"),
        cuts=np.array(arrays["cuts"], dtype=np.float64, order="C"),
        roots=np.array(arrays["roots"], dtype=np.int32, order="C"),
        usual=np.array(arrays["usual"], dtype=np.float64, order="C"),
        rows_per_tree=int(description["rows_per_tree"]),
        needed_share=float(description["needed_share"]),
    )
    _refuse_loops(core)
    return core


def _refuse_loops(core: ForestCore) -> None:
    """The kernel trusts its arrays: a link outside them, or back to a node above, must never reach it."""
    n = len(core.cuts)
    if core.links.shape != (n, 3) or core.usual.shape != (len(core.metrics),) or not len(core.roots):
        raise ValueError("the arrays of the forest do not fit each other")
    inner = core.links[:, 0] >= 0
    ahead = core.links[inner, 1:] > np.flatnonzero(inner)[:, np.newaxis]
    if (core.links[:, 0] >= len(core.metrics)).any() or not ahead.all() or (core.links[inner, 1:] >= n).any():
        raise ValueError("a node of the forest points outside of it, or backwards")
    if ((core.roots < 0) | (core.roots >= n)).any() or core.rows_per_tree < 2:
        raise ValueError("a root of the forest points outside of it")
