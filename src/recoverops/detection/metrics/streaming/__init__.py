"""The streaming detector of single series: settings, detector, scores.

Everything but the settings loads numpy and the compiled kernel, so it is imported on first use: a command that only
reads the configuration must not wait for a compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recoverops.detection.metrics.streaming.settings import Component, StreamSettings

if TYPE_CHECKING:
    from recoverops.detection.metrics.streaming.detector import Spending, StreamDetector
    from recoverops.detection.metrics.streaming.scores import Reason, Scores

__all__ = ["Component", "Reason", "Scores", "Spending", "StreamDetector", "StreamSettings"]

_FILES = {"Spending": "detector", "StreamDetector": "detector", "Reason": "scores", "Scores": "scores"}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
