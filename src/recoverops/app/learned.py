"""Keeps what was learned in a file, so that a restart does not begin with a warm-up.

One for the baselines and forecasts, saved by the pipeline's own thread, one for the rolling windows and the drift watch
behind `POST /anomaly`, saved by the thread of the models. A file that cannot be read or written is told of and costs
what it held, never the engine.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from recoverops.model import PermanentError
from recoverops.ports import Clock
from recoverops.storage.state_file import packed_state, read_state, write_state

SAVE_EVERY_S = 5.0
BYTES_A_SECOND = 1_000_000.0
"""What is written on the long run, at most: 10,000 series of baselines are saved every 5 s, not every moment."""
BUSY_SHARE = 0.02
"""Of its thread's time a save may take, at most: on a slow disk it comes less often."""
_LOG = logging.getLogger("recoverops.learned")


class Remembers(Protocol):
    """Something that learns. Called on one thread, or it takes its own turns."""

    def to_bytes(self) -> bytes:
        """Everything learned so far."""

    def from_bytes(self, blob: bytes) -> None:
        """Go on from there, exactly. Raises PermanentError, and changes nothing, when it is damaged or unfit."""


class Learned:
    def __init__(self, parts: Mapping[str, Remembers], path: Path, clock: Clock) -> None:
        """`parts`: by the name under which each stands in the file."""
        self.parts = parts
        self._path = path
        self._clock = clock
        self._due = clock.monotonic() + SAVE_EVERY_S
        self._written = b""

    def load(self) -> None:
        """A part that cannot be read is learned anew; the others are not touched by that."""
        try:
            saved = read_state(self._path)
        except FileNotFoundError:
            return
        except (OSError, PermanentError) as error:
            self._lost(str(error))
            return
        for name, part in self.parts.items():
            if name not in saved:
                continue
            try:
                part.from_bytes(saved[name])
            except PermanentError as error:
                self._lost(f"{name}: {error}")

    def save_sometimes(self) -> None:
        if self._clock.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        began = self._clock.monotonic()
        packed = packed_state({name: part.to_bytes() for name, part in self.parts.items()})
        digest = hashlib.sha256(packed).digest()
        wrote = 0
        if digest != self._written:
            try:
                write_state(self._path, packed)
                self._written, wrote = digest, len(packed)
            except OSError as error:
                _LOG.warning("learned_not_saved", extra={"path": str(self._path), "error": str(error)})
        now = self._clock.monotonic()
        self._due = now + max(SAVE_EVERY_S, wrote / BYTES_A_SECOND, (now - began) / BUSY_SHARE)

    def _lost(self, error: str) -> None:
        _LOG.warning("learned_lost", extra={"path": str(self._path), "error": error})
