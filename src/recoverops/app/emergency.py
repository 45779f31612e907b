"""The emergency stop for commands: where it is written, who finds it there, and how it is read beside an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recoverops.app.load import DataDir
from recoverops.app.settings import Settings
from recoverops.clock import SystemClock
from recoverops.model import MisconfiguredError
from recoverops.ports import Clock, StopSwitch
from recoverops.storage import STOP_FILE, EngineHere, SharedStop, SqlStore, StopFile, engine_on

__all__ = ["EngineHere", "StopPlace", "engine_of", "is_shared", "shared_stop", "stop_place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlace:
    """A data directory in which a stop is written."""

    data_dir: Path
    switch: StopSwitch

    @property
    def engine(self) -> EngineHere:
        """Whether an engine runs there now, and so stops at once."""
        return engine_on(self.data_dir)

    @property
    def has_no_engine(self) -> bool:
        return self.engine is EngineHere.NONE


def stop_place(given: DataDir, *, clock: Clock | None = None) -> StopPlace:
    """Needs no engine and no store: an engine that is started there later finds the stop.

    Raises MisconfiguredError when nobody said that the data are there and nothing is, or when it cannot be made.
    """
    data_dir = given.path
    if not given.is_configured and not data_dir.exists():
        raise MisconfiguredError(
            f"nothing was stopped: there is no configuration here, and {data_dir} does not exist; "
            "name the engine's configuration with -c FILE, or cd to its directory"
        )
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise MisconfiguredError(
            f"nothing was stopped: the data directory {data_dir} cannot be made ({error.strerror}); "
            "correct data_dir, or run it as the user that runs the engine, e.g. sudo -u recoverops"
        ) from error
    return StopPlace(data_dir=data_dir, switch=StopFile(data_dir / STOP_FILE, clock=clock or SystemClock()))


def is_shared(settings: Settings) -> bool:
    """Whether a stop that is in the audit log reaches engines on other hosts."""
    return bool(settings.storage.url.get_secret_value())


def engine_of(settings: Settings) -> EngineHere:
    """Whether somebody works on this store now. On PostgreSQL an engine may run on another host."""
    return EngineHere.UNKNOWN if is_shared(settings) else engine_on(settings.data_dir)


def shared_stop(settings: Settings, store: SqlStore) -> StopSwitch:
    """The stop as the engine sees it, from whatever host. Makes no data directory."""
    here = StopFile(settings.data_dir / STOP_FILE, clock=SystemClock())
    if not is_shared(settings):
        return here
    return SharedStop(here if settings.data_dir.exists() else None, store)
