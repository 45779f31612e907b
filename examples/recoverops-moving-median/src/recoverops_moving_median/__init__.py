"""A RecoverOps plugin from outside: a detector of single series, and a kind of model of several metrics."""

from __future__ import annotations

from recoverops.ports import Plugin, PluginContext, PluginParts
from recoverops_moving_median.settings import MovingMedianSettings

__all__ = ["MovingMedianSettings", "plugin"]


def _build(settings: MovingMedianSettings, context: PluginContext) -> PluginParts:
    from recoverops_moving_median.detector import MovingMedianKind
    from recoverops_moving_median.together import MedianDistanceKind

    return PluginParts(detectors=(MovingMedianKind(settings),), model_kinds=(MedianDistanceKind(),))


plugin = Plugin(
    name="moving-median",
    settings=MovingMedianSettings,
    build=_build,
    addresses=(),
    summary="Compares points, and rows of several metrics, with the median of what came before.",
)
