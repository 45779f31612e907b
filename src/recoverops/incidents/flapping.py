"""Trouble that comes and goes: when an incident counts as flapping, and what it takes over from the one before. Pure.

Called by the pipeline at each onset. A flapping incident is not acted on: what was done so often did not last, so a
person is called, once. It stays one incident through every further onset and ends after a long quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from recoverops.incidents.settings import IncidentSettings
from recoverops.model import Condition, Incident

FLAPPING = "flapping"
"""The word beside the state, in the timeline and in the metric."""


def is_onset(incident: Incident, conditions: Iterable[Condition]) -> bool:
    """Whether the trouble came back since it was counted last: then every series at fault had been normal between.

    Series that follow one another into the same trouble are one onset.
    """
    began = [one.since for one in conditions if one.series in incident.series and one.is_bad]
    return bool(began) and (not incident.onsets or incident.onsets[-1] < min(began))


def with_onset(
    incident: Incident, *, at: datetime, settings: IncidentSettings, earlier: Incident | None = None
) -> Incident:
    """The incident with one more onset; `earlier` is the newest one of the same trouble, when this one is new.

    An earlier one that was flapping has had its quiet, or a person closed it: then counting starts anew.
    """
    before = earlier.onsets if earlier is not None and earlier.flapping_since is None else ()
    recent = [one for one in (*before, *incident.onsets) if at - one < settings.flap_window]
    onsets = (*recent, at)[-settings.flaps :]
    since = at if len(onsets) >= settings.flaps else None
    return msgspec.structs.replace(incident, onsets=onsets, flapping_since=incident.flapping_since or since)


def quiet_needed(incident: Incident, settings: IncidentSettings) -> timedelta:
    """How long everything has to be normal before it is closed by itself."""
    if incident.flapping_since is None:
        return settings.clear_after
    return max(settings.flap_quiet, settings.clear_after)


def in_words(incident: Incident, settings: IncidentSettings) -> str:
    first = incident.onsets[0] if incident.onsets else incident.opened_at
    return (
        f"flapping: the trouble came {len(incident.onsets)} times since {first:%H:%M:%S} UTC; nothing more is done "
        f"about it until it has been normal for {settings.flap_quiet.total_seconds():g} s"
    )
