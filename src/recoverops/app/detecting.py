"""What judges single series while the engine runs: baselines and their detector, forecasts, and what they have learned.

Made once at start by the engine. No compiler is loaded before the engine is ready, and none where no metric has a
baseline.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from recoverops.app.detectors import series_kind
from recoverops.app.files import LEARNED_FILE
from recoverops.app.late_baselines import LateBaselines
from recoverops.app.learned import Learned, Remembers
from recoverops.app.loaded import Loaded
from recoverops.app.settings import Settings
from recoverops.model import ComponentStatus
from recoverops.pipeline import Parts
from recoverops.pipeline.foresight import Foresight

if TYPE_CHECKING:  # it loads the compiled detectors
    from recoverops.pipeline.baselines import Baselines


class Detecting:
    def __init__(self, settings: Settings, parts: Parts, loaded: Loaded) -> None:
        """Reads what was learned before. A detector whose plugin is disabled is told of, and judges nothing."""
        name = settings.detection.detector
        self.baselines: LateBaselines | None = None
        """None when no metric is judged by its own past. Whoever starts the engine's threads starts it, last."""
        self.foresight = Foresight(parts.detection)
        learns: dict[str, Remembers] = {"forecasts": self.foresight}
        if parts.detection.baselines:
            make = partial(_baselines, name, parts, loaded)
            self.baselines = LateBaselines(name, make, parts.clock, parts.telemetry)
            learns[f"baselines of {name}"] = self.baselines
        self.learned = Learned(learns, settings.data_dir / LEARNED_FILE, parts.clock)
        self.learned.load()

    @property
    def statuses(self) -> tuple[ComponentStatus, ...]:
        return (self.baselines.status,) if self.baselines is not None else ()


def _baselines(name: str, parts: Parts, loaded: Loaded) -> Baselines:
    from recoverops.pipeline.baselines import Baselines

    return Baselines(parts.detection, parts.conditions, series_kind(name, parts.detection, loaded))
