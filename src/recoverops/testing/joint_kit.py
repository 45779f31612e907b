"""The conformance kit for kinds of models of several metrics: the author of one calls `check_joint_kind` in a test."""

from __future__ import annotations

import numpy as np

from recoverops.model import PermanentError
from recoverops.model.joint import ROW_STATUSES, Evidence, MetricTable, RowStatus
from recoverops.ports import JointCore, JointKind
from recoverops.testing.claims import claim

_SCORED = ROW_STATUSES.index(RowStatus.SCORED)
_SUM_TOLERANCE = 1e-9
_BEGIN = 1_770_000_000.0


def check_joint_kind(kind: JointKind, history: MetricTable | None = None) -> JointCore:
    """Learns from the older half of a history and checks what was learned on the newer one; returns the core.

    Yours: normal operation, at least 400 rows; by default the kit makes one. Raises `ConformanceError`.
    """
    claim(bool(kind.name), "it has no name")
    claim(bool(kind.summary), "it has no summary")
    history = history if history is not None else usual_history()
    half = len(history) // 2
    older, newer = history.rows(0, half), history.rows(half, len(history))
    kept = older.values.copy()
    core = kind.learn(older)
    claim(np.array_equal(kept, older.values, equal_nan=True), "learning changes the history")
    claim(core.kind == kind.name, f"its core says that it is {core.kind!r}")
    claim(core.metrics == history.metrics, f"its core has the metrics {core.metrics}")
    again = kind.learn(older)
    evidence = _claim_unmoved(core, newer)
    claim(_equal(again.run(again.start(), newer)[1], evidence), "the same history gives another core the second time")
    _claim_evidence(evidence, newer)
    _claim_batches(core, newer, evidence)
    _claim_causal(core, newer, evidence)
    _claim_bounded(core, newer)
    _claim_survives(kind, core, newer, evidence)
    _claim_missing(core, newer)
    _claim_refuses(core, newer)
    return core


def usual_history(rows: int = 2000) -> MetricTable:
    """Three metrics that follow one load, a row a minute."""
    random = np.random.default_rng(5)
    times = np.asarray(_BEGIN + 60.0 * np.arange(rows), dtype=np.float64)
    load = 50 + 20 * np.sin(times / 13_750) + random.normal(0, 2, rows)
    values = np.column_stack(
        [load, 60 + load / 10 + random.normal(0, 0.5, rows), load * 10 + random.normal(0, 5, rows)]
    )
    return MetricTable(metrics=("cpu", "memory", "requests"), times=times, values=values)


def _claim_unmoved(core: JointCore, table: MetricTable) -> Evidence:
    before = table.values.copy()
    parts = {name: array.copy() for name, array in core.describe()[1].items()}
    start = core.start()
    claim(isinstance(start, bytes), f"its state is a {type(start).__name__}, expected bytes")
    _, evidence = core.run(start, table)
    claim(np.array_equal(before, table.values, equal_nan=True), "scoring changes the table")
    for name, array in core.describe()[1].items():
        claim(np.array_equal(parts[name], array, equal_nan=array.dtype.kind == "f"), f"scoring changes its {name}")
        claim(array.dtype.kind in "biuf", f"its {name} holds {array.dtype}, a model holds numbers only")
    claim(_equal(core.run(start, table)[1], evidence), "the same rows and state give other evidence the second time")
    return evidence


def _claim_evidence(evidence: Evidence, table: MetricTable) -> None:
    shapes = (np.shape(evidence.raw), np.shape(evidence.status), np.shape(evidence.contributions))
    claim(shapes == ((len(table),), (len(table),), table.values.shape), f"its evidence has the shapes {shapes}")
    scored = evidence.status == _SCORED
    claim(bool(scored.any()), "it scores no row at all")
    claim(bool(np.isfinite(evidence.raw[scored]).all()), "a scored row has no evidence")
    claim(bool(np.isnan(evidence.raw[~scored]).all()), "a row that was not scored has evidence")
    shares = evidence.contributions[scored]
    claim(bool((np.abs(shares.sum(axis=1) - 1) < _SUM_TOLERANCE).all()), "contributions do not sum to 1")
    claim(bool((shares >= 0).all()), "a contribution is negative")


def _claim_batches(core: JointCore, table: MetricTable, expected: Evidence) -> None:
    for size in (1, 7, 50):
        state = core.start()
        for begin in range(0, len(table), size):
            state, evidence = core.run(state, table.rows(begin, begin + size))
            claim(_equal(evidence, _part(expected, begin, begin + size)), f"batches of {size} rows give other evidence")


def _claim_causal(core: JointCore, table: MetricTable, expected: Evidence) -> None:
    half = len(table) // 2
    values = table.values.copy()
    values[half:] = values[half:] * 3 + 1
    _, evidence = core.run(core.start(), MetricTable(metrics=table.metrics, times=table.times, values=values))
    claim(_equal(_part(evidence, 0, half), _part(expected, 0, half)), "later rows change the evidence of earlier ones")


def _claim_bounded(core: JointCore, table: MetricTable) -> None:
    state, _ = core.run(core.start(), table.rows(0, len(table) // 2))
    later, _ = core.run(state, table.rows(len(table) // 2, len(table)))
    claim(len(later) == len(state), f"its state grows from {len(state)} to {len(later)} bytes")


def _claim_survives(kind: JointKind, core: JointCore, table: MetricTable, expected: Evidence) -> None:
    again = kind.restore(*core.describe())
    claim(_equal(again.run(again.start(), table)[1], expected), "what was described and restored gives other evidence")
    half = len(table) // 2
    state, _ = core.run(core.start(), table.rows(0, half))
    _, rest = again.run(state, table.rows(half, len(table)))
    claim(_equal(rest, _part(expected, half, len(table))), "it does not go on where its state left off")
    began = core.started_at(state)
    claim(began.metrics == core.metrics, "begun where a state left off it has other metrics")
    _, fresh = began.run(began.start(), table.rows(half, len(table)))
    claim(bool((fresh.status == _SCORED).any()), "begun where a state left off it scores nothing")
    try:
        kind.restore({}, {})
    except (KeyError, ValueError, TypeError):
        return
    claim(False, "it restores a core from nothing")


def _claim_missing(core: JointCore, table: MetricTable) -> None:
    values = table.values.copy()
    values[-1] = np.nan
    _, evidence = core.run(core.start(), MetricTable(metrics=table.metrics, times=table.times, values=values))
    claim(int(evidence.status[-1]) != _SCORED, "a row without any value is scored")
    claim(bool(evidence.missing[-1].all()), "missing values are not told")


def _claim_refuses(core: JointCore, table: MetricTable) -> None:
    other = MetricTable(metrics=table.metrics[::-1], times=table.times, values=table.values)
    for state, rows, what in ((core.start(), other, "other metrics"), (b"nonsense", table, "a state of another model")):
        try:
            core.run(state, rows)
        except PermanentError as error:
            claim(bool(str(error)), f"{what} are refused without a word")
        else:
            claim(False, f"it takes {what}")


def _part(evidence: Evidence, begin: int, end: int) -> Evidence:
    return Evidence(
        status=evidence.status[begin:end],
        raw=evidence.raw[begin:end],
        contributions=evidence.contributions[begin:end],
        missing=evidence.missing[begin:end],
    )


def _equal(one: Evidence, other: Evidence) -> bool:
    return (
        np.array_equal(one.raw, other.raw, equal_nan=True)
        and np.array_equal(one.status, other.status)
        and np.array_equal(one.contributions, other.contributions, equal_nan=True)
    )
