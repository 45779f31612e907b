"""When a model is due to be trained anew by itself: a pure decision, asked now and then by the engine.

Only models that were learned from the stored history of a resource are: of a file nobody knows the newest part. One
that was refused or stayed behind is not tried again before its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from recoverops.operations.model_training import LoadedModel


def next_due(
    models: Iterable[LoadedModel], tried: Mapping[str, datetime], *, every: timedelta, now: datetime
) -> LoadedModel | None:
    """The model that waits longest, or None. `every` of zero means never; `tried`: by name, when it was last begun."""
    if every <= timedelta(0):
        return None
    waiting = [
        (max(model.version.created_at, tried.get(model.version.name, model.version.created_at)), model)
        for model in models
        if model.origin is not None and model.origin.resource is not None
    ]
    began, model = min(waiting, key=lambda one: (one[0], one[1].version.name), default=(now, None))
    return model if now - began >= every else None
