"""What a detector of several metrics together promises.

Implemented in `detection/metrics/joint`; `recoverops.testing.detector_kit` is the conformance kit for any other. A
detector is immutable. What it remembers between two rows is a state of plain bytes, handed in and handed back, so
that it can be stored, moved and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # every command imports the ports, most of them need no numpy
    from numpy.typing import NDArray

    from recoverops.model.joint import JointScores, MetricTable


class JointDetector(Protocol):
    """A trained model. Immutable: `step` leaves it, the state and the table as they were."""

    @property
    def kind(self) -> str:
        """Names the family of models; the store keeps it with each version."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The columns that a table must have, in this order."""

    def start(self) -> bytes:
        """The state before the first row."""

    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        """The state after the table, and one answer a row.

        Causal, and the same in batches of any size: the answers are bit for bit those of one row at a time. The state
        does not grow. Raises `PermanentError` for columns or a state that are not this detector's.
        """

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        """All of it as plain JSON values and arrays of numbers, for a `ModelStore`."""
