"""Baselines that come after the start: their compiled detector is loaded when the engine has said that it is ready.

Loading it is a third of a start. Until it is there no sample is judged by the past of its series, as while the engine
was off, and what had been learned is kept as the bytes that it was stored as: a stop meanwhile writes back what was
found. When it cannot be loaded that is told, and stays so until the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from recoverops.app.kernels import loading_kernels
from recoverops.app.workers import Worker
from recoverops.model import Anomaly, ComponentState, ComponentStatus, MisconfiguredError, PermanentError, Sample
from recoverops.ports import Clock, Telemetry
from recoverops.redact import redact

if TYPE_CHECKING:  # they load the compiled detector
    from recoverops.detection.metrics.streaming import Spending
    from recoverops.pipeline.baselines import Baselines

_LOG = logging.getLogger("recoverops.learned")


class LateBaselines(Worker):
    """`pipeline.observe.Judge` and `app.learned.Remembers`. Its thread ends when they are loaded."""

    def __init__(self, name: str, make: Callable[[], Baselines], clock: Clock, telemetry: Telemetry) -> None:
        """`name`: of the detector. `make` imports it, and raises MisconfiguredError when its plugin is disabled."""
        super().__init__("detector", clock, telemetry)
        self._make = make
        self._now: Baselines | bytes = b""
        """What judges; before that, what it will go on from. One value, so that no save can fall between the two."""
        self._component = f"detector {name}"
        self._since = clock.now()
        self._state, self._told = ComponentState.STARTING, "is loading; until then no series is judged by its own past"

    def round(self) -> None:
        try:
            self._now = self._loaded(self._now)
            self._set(ComponentState.UP, "judges series by their own past")
        except MisconfiguredError as error:
            self._set(ComponentState.DISABLED, f"disabled, because {error}")
        except Exception as error:  # noqa: BLE001 - a worker's supervisor: told as a component, and not tried again
            told = redact(f"{type(error).__name__}: {error}")
            _LOG.error("detector_not_loaded", extra={"detector": self._component, "error": told}, exc_info=error)
            self._set(ComponentState.DEGRADED, f"could not be loaded, so no series is judged by its own past: {told}")
        self._stopping.set()

    def _loaded(self, learned: Baselines | bytes) -> Baselines:
        with loading_kernels():
            made = self._make()
        if isinstance(learned, bytes) and learned:
            try:
                made.from_bytes(learned)
            except PermanentError as error:
                _LOG.warning("learned_lost", extra={"of": self._component, "error": str(error)})
        return made

    def _set(self, state: ComponentState, told: str) -> None:
        self._state, self._told, self._since = state, told, self._clock.now()

    @property
    def status(self) -> ComponentStatus:
        state, told = self._state, self._told
        if not isinstance(self._now, bytes) and self._now.problem:
            state, told = ComponentState.DEGRADED, self._now.problem
        return ComponentStatus(name=self._component, state=state, statement=told, since=self._since)

    def take(self, samples: Sequence[Sample]) -> tuple[Anomaly, ...]:
        """None while they are not loaded."""
        return () if isinstance(self._now, bytes) else self._now.take(samples)

    def spending(self) -> tuple[tuple[str, ...], Spending] | None:
        return None if isinstance(self._now, bytes) else self._now.spending()

    def to_bytes(self) -> bytes:
        now = self._now
        return now if isinstance(now, bytes) else now.to_bytes()

    def from_bytes(self, blob: bytes) -> None:
        """Before it is started; the bytes are read when there is somebody who can."""
        self._now = blob
