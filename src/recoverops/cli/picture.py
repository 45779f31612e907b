"""Draws series and the anomalies in them into a PNG file, for `detect --plot`. Needs the extra `ml`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recoverops.model import MisconfiguredError, UnreachableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverops.operations.detect import Judged

_MOST_COLUMNS = 8
_INCHES = 1.6
"""Height of one series."""
_DAY_S = 86_400.0


class Picture:
    """Raises MisconfiguredError when matplotlib is not installed."""

    def __init__(self, columns: tuple[str, ...], *, title: str) -> None:
        try:
            import matplotlib as mpl
        except ModuleNotFoundError as error:
            raise MisconfiguredError(
                "--plot needs matplotlib, which is not installed; install recoverops with the extra ml"
            ) from error
        mpl.use("Agg")
        self._columns = columns[:_MOST_COLUMNS]
        self._title = title if len(columns) <= _MOST_COLUMNS else f"{title} (first {_MOST_COLUMNS} of {len(columns)})"
        self._parts: list[Judged] = []

    def watching(self, parts: Iterable[Judged]) -> Iterator[Judged]:
        for part in parts:
            self._parts.append(part)
            yield part

    def save(self, path: Path) -> None:
        """Raises UnreachableError when the file cannot be written."""
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(
            len(self._columns) + 1, sharex=True, squeeze=False, figsize=(12, _INCHES * (len(self._columns) + 1) + 1)
        )
        for column, name in enumerate(self._columns):
            self._draw_series(axes[column][0], column, name)
        self._draw_scores(axes[-1][0])
        axes[0][0].set_title(self._title)
        axes[-1][0].xaxis_date()
        figure.autofmt_xdate()
        figure.tight_layout()
        try:
            figure.savefig(path, dpi=100)
        except OSError as error:
            raise UnreachableError(f"{path} cannot be written: {error}") from error
        finally:
            pyplot.close(figure)

    def _draw_series(self, axis: Axes, column: int, name: str) -> None:
        for part in self._parts:
            axis.plot(_times(part), part.rows.values[:, column], color="tab:blue", linewidth=0.7)
            for time in _times(part)[part.is_anomaly].tolist():
                axis.axvline(time, color="tab:red", linewidth=0.8, alpha=0.7)
        axis.set_ylabel(name, fontsize=8)

    def _draw_scores(self, axis: Axes) -> None:
        for part in self._parts:
            axis.plot(_times(part), part.score, color="tab:gray", linewidth=0.7)
        axis.axhline(0.5, color="tab:red", linewidth=0.6, linestyle="--")
        axis.set_ylim(0, 1)
        axis.set_ylabel("score", fontsize=8)


def _times(part: Judged) -> NDArray[np.float64]:
    """Days since 1970, as matplotlib counts them."""
    return part.rows.at / _DAY_S
