"""What a detector of several metrics together promises.

A `JointDetector` is a `JointCore` with a calibration. Plugins may bring kinds of cores; splitting a history,
calibrating and evaluating are the same for all of them, so that their figures can be compared. The conformance
kits are `recoverops.testing.joint_kit` and `recoverops.testing.detector_kit`.

Both are immutable. What they remember between two rows is a state of plain bytes, handed in and handed back, so that it
can be stored, moved and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # every command imports the ports, most of them need no numpy
    from numpy.typing import NDArray

    from recoverops.model.joint import Evidence, JointScores, MetricTable


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


class JointCore(Protocol):
    """Rows in, raw evidence out. Immutable, causal, and the same in batches of any size."""

    @property
    def kind(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def start(self) -> bytes:
        """The state before the first row."""

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]:
        """The state after the table, and the evidence of each row. Raises `PermanentError` as `JointDetector.step`."""

    def started_at(self, state: bytes) -> JointCore:
        """The same core, beginning where that state left off; moving averages may be forgotten."""

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        """All of it as plain JSON values and arrays of numbers."""


class JointKind(Protocol):
    """What a plugin offers: how a core is learned, and read back."""

    @property
    def name(self) -> str:
        """The `kind` of its cores; `recoverops train --kind` and `detection.model_kind` choose by it."""

    @property
    def summary(self) -> str:
        """A sentence for people."""

    def learn(self, history: MetricTable) -> JointCore:
        """From rows of normal operation, which were checked: enough, moving, not one-sided. NaN = missing.

        Raises `PermanentError` with what is missing all the same. The same history gives the same core.
        """

    def restore(self, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> JointCore:
        """The core that `describe` wrote. Raises KeyError, ValueError or TypeError for anything else."""
