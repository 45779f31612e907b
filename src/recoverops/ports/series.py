"""What a detector of single series promises. Plugins may bring others; the bundled one is called `streaming`.

`recoverops.testing.series_kit` is the conformance kit. A detector is fed points as columns and judges each
one before it learns it. One thread at a time calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # every command imports the ports, most of them need no numpy
    from recoverops.model.columns import Columns
    from recoverops.model.series import SeriesScores


class SeriesDetector(Protocol):
    """One that runs, with what it has learned of every series so far."""

    @property
    def series_count(self) -> int:
        """The highest series number seen, plus one."""

    def step(self, columns: Columns) -> SeriesScores:
        """Judges every row, then learns it; one answer a row. The columns are left as they were.

        The same in batches of any size, and of each series whatever else is in the batch; a later point never changes
        an earlier answer. A new series is *not judged* until there is enough of it. A point that is NaN, infinite,
        late or a repetition is not judged and not learned.
        """

    def to_bytes(self) -> bytes:
        """All that was learned; it does not grow with the number of points, and changes nothing."""


class SeriesDetectorKind(Protocol):
    """What a plugin offers: how such a detector begins."""

    @property
    def name(self) -> str:
        """The configuration chooses by it: `detection.detector`."""

    @property
    def summary(self) -> str:
        """A sentence for people."""

    def start(self) -> SeriesDetector:
        """One that has learned nothing. Two of them share nothing."""

    def restore(self, blob: bytes) -> SeriesDetector:
        """The one that was saved; it goes on exactly as that would. Raises `PermanentError` for other bytes."""
