"""Which detector of single series and which kinds of models there are: the bundled ones, and those of plugins.

For the engine, which has loaded its plugins, and for commands, which load them only when a name is not bundled.
"""

from __future__ import annotations

from recoverops.app.loaded import Loaded
from recoverops.app.plugins import load_plugins
from recoverops.app.settings import Settings
from recoverops.clock import SystemClock
from recoverops.detection.metrics.joint import KINDS
from recoverops.detection.metrics.settings import STREAMING
from recoverops.detection.settings import DetectionSettings
from recoverops.model import MisconfiguredError
from recoverops.ports import JointKind, SeriesDetectorKind


def series_kind(name: str, settings: DetectionSettings, loaded: Loaded | None) -> SeriesDetectorKind:
    """`loaded` may be left out for the bundled one. Raises MisconfiguredError for one that no loaded plugin offers."""
    from recoverops.detection.metrics.series import GuardedKind, StreamingKind

    if name == STREAMING:
        return StreamingKind(settings.stream)
    if loaded is None or name not in loaded.detectors:
        known = ", ".join((STREAMING, *(loaded.detectors if loaded else ())))
        raise MisconfiguredError(f'no plugin offers the detector "{name}"{_why(loaded)}; known are: {known}')
    return GuardedKind(loaded.detectors[name])


def series_kind_for(name: str, settings: Settings) -> SeriesDetectorKind:
    """For a command. Raises MisconfiguredError."""
    loaded = None if name == STREAMING else load_plugins(settings, SystemClock())
    return series_kind(name, settings.detection, loaded)


def model_kinds_for(names: tuple[str, ...], settings: Settings) -> dict[str, JointKind]:
    """Those of plugins, when one of the names is not bundled. Raises MisconfiguredError for one that nobody offers."""
    foreign = [name for name in names if name not in KINDS]
    if not foreign:
        return {}
    loaded = load_plugins(settings, SystemClock())
    for name in foreign:
        if name not in loaded.model_kinds:
            known = ", ".join((*KINDS, *loaded.model_kinds))
            raise MisconfiguredError(f'no plugin offers the kind of model "{name}"{_why(loaded)}; known are: {known}')
    return loaded.model_kinds


def _why(loaded: Loaded | None) -> str:
    return "".join(f" ({one.name}: {one.statement})" for one in loaded.disabled) if loaded else ""
