"""Where pushed metrics go: from the intake's thread to whoever watches series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # numpy takes a tenth of a second to import, and most commands never push a sample
    import numpy as np
    from numpy.typing import NDArray

    from recoverops.model.pushed import Kind, Pushed


class SeriesNames(Protocol):
    """What series numbers mean. Asked on the intake's thread only, and only while a sink is being called."""

    def labels(self, series: int) -> Mapping[str, str]:
        """All labels; the metric's name is under `__name__`."""

    def kind(self, series: int) -> Kind: ...

    def kinds(self) -> NDArray[np.uint8]:
        """The `Kind` of every number, by number."""

    def last_seen(self, series: int) -> float:
        """When it was last pushed, seconds since the epoch."""


class SampleSink(Protocol):
    """Takes what was pushed. One thread calls it, one delivery after the other."""

    def offer(self, pushed: Pushed, names: SeriesNames, *, source: str) -> bool:
        """False: there is no room and nothing of it was taken; the sender repeats the delivery later.

        `source` says over what it came: "remote-write" or "otlp".
        """

    def forget(self, series: NDArray[np.int32]) -> None:
        """These numbers are free now and will mean other series."""
