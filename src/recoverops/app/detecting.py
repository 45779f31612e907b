"""What judges single series while the engine runs: baselines and their detector, forecasts, and what they have learned.

Made once at start by the engine. No compiler is loaded where no metric has a baseline.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from recoverops.app.compiler_pages import give_back_compiler_pages
from recoverops.app.detectors import series_kind
from recoverops.app.files import LEARNED_FILE
from recoverops.app.learned import Learned, Remembers
from recoverops.app.plugins import Loaded
from recoverops.app.settings import Settings
from recoverops.detection.metrics.settings import STREAMING
from recoverops.model import ComponentState, ComponentStatus, MisconfiguredError
from recoverops.pipeline import Parts
from recoverops.pipeline.foresight import Foresight

if TYPE_CHECKING:  # it loads the compiled detectors
    from recoverops.pipeline.baselines import Baselines


class Detecting:
    def __init__(self, settings: Settings, parts: Parts, loaded: Loaded) -> None:
        """Reads what was learned before. A detector whose plugin is disabled is told of, and judges nothing."""
        self._name = settings.detection.detector
        self._disabled = ""
        self.baselines = self._made(parts, loaded) if parts.detection.baselines else None
        self.foresight = Foresight(parts.detection)
        learns: dict[str, Remembers] = {"forecasts": self.foresight}
        if self.baselines is not None:
            learns[f"baselines of {self._name}"] = self.baselines
        self.learned = Learned(learns, settings.data_dir / LEARNED_FILE, parts.clock)
        self.learned.load()

    def _made(self, parts: Parts, loaded: Loaded) -> Baselines | None:
        import numba  # noqa: F401 - first, so that what loading it needs is given back before the kernels need more

        give_back_compiler_pages()
        from recoverops.pipeline.baselines import Baselines

        try:
            kind = series_kind(self._name, parts.detection, loaded)
        except MisconfiguredError as error:  # its plugin is disabled; a name that nobody could offer was refused before
            self._disabled = f"disabled, because {error}"
            return None
        baselines = Baselines(parts.detection, parts.conditions, kind)
        give_back_compiler_pages()
        return baselines

    def statuses(self, since: datetime) -> tuple[ComponentStatus, ...]:
        """Of a detector that a plugin brings; the bundled one has nothing that could fail."""
        if self._name == STREAMING:
            return ()
        broken = self.baselines.problem if self.baselines is not None else ""
        state, told = ComponentState.UP, "judges series by their own past"
        if self._disabled or broken:
            state = ComponentState.DISABLED if self._disabled else ComponentState.DEGRADED
            told = self._disabled or broken
        return (ComponentStatus(name=f"detector {self._name}", state=state, statement=told, since=since),)
