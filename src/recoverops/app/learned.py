"""Keeps what the baselines have learned in a file, so that a restart does not begin with a warm-up.

Called by the engine before its first sample and by the pipeline's own thread now and then. A file that cannot be read
or written is told of and costs what it held, never the engine.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from recoverops.model import PermanentError
from recoverops.ports import Clock
from recoverops.storage import write_durably

if TYPE_CHECKING:
    from recoverops.pipeline.baselines import Baselines

SAVE_EVERY = timedelta(minutes=5)
_LOG = logging.getLogger("recoverops.learned")


class Learned:
    def __init__(self, baselines: Baselines, path: Path, clock: Clock) -> None:
        self.baselines = baselines
        self._path = path
        self._clock = clock
        self._saved_at = clock.monotonic()

    def load(self) -> None:
        try:
            self.baselines.from_bytes(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, PermanentError) as error:
            _LOG.warning("learned_lost", extra={"path": str(self._path), "error": str(error)})

    def save_sometimes(self) -> None:
        if self._clock.monotonic() - self._saved_at >= SAVE_EVERY.total_seconds():
            self.save()

    def save(self) -> None:
        self._saved_at = self._clock.monotonic()
        try:
            write_durably(self._path, self.baselines.to_bytes())
        except OSError as error:
            _LOG.warning("learned_not_saved", extra={"path": str(self._path), "error": str(error)})
