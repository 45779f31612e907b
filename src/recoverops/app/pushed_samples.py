"""The bridge from pushed columns to the pipeline: series of known services become samples, the others are counted.

`ports.SampleSink`; the metric intake's thread is its only caller. What becomes of every sample is one of `OUTCOMES`,
and all of them are on /metrics. Counters become rates on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoverops.model import Sample
from recoverops.model.pushed import Pushed
from recoverops.ports import Clock, SeriesNames
from recoverops.sources import IntakeSettings
from recoverops.sources.rates import Rates
from recoverops.sources.routing import Route, Unrouted, route
from recoverops.topology import Inventory

USED, NO_VALUE, TOO_OLD, TOO_NEW, UNLISTED, AMBIGUOUS, CONFLICTING, TOO_MANY = OUTCOMES = (
    "used",
    "no_value",
    "too_old",
    "too_new",
    "unlisted",
    "ambiguous",
    "conflicting",
    "too_many_metrics",
)
LARGEST_LEAD = timedelta(seconds=10)
"""How far a sender's clock may be ahead of ours."""
MOST_METRICS = 20_000
"""Different metrics of all services together that the pipeline is ever told of; it remembers the newest of each."""

_UNSEEN: Final = -1
_REASONS: Final = {UNLISTED: -2, AMBIGUOUS: -3, CONFLICTING: -4, TOO_MANY: -5}
_CODES: Final = {Unrouted.UNLISTED: _REASONS[UNLISTED], Unrouted.AMBIGUOUS: _REASONS[AMBIGUOUS]}

Tell = Callable[[str, str, int], None]
"""(source, outcome, how many)"""


class PipelineSink:
    def __init__(
        self,
        settings: IntakeSettings,
        inventory: Inventory,
        clock: Clock,
        *,
        has_room: Callable[[int], bool],
        push: Callable[[tuple[Sample, ...]], None],
        tell: Tell,
    ) -> None:
        """`has_room(n)`: whether `push` would take n more samples."""
        self._settings = settings
        self._inventory = inventory
        self._clock = clock
        self._has_room = has_room
        self._push = push
        self._tell = tell
        self._rates = Rates(limit=settings.max_series)
        self._places = np.full(settings.max_series, _UNSEEN, np.int32)
        """By series number: position in `_routes`, or a negative reason."""
        self._routes: list[Route] = []
        self._place_of: dict[Route, int] = {}
        self._owners: dict[int, int] = {}
        """Place -> the series that speaks for it. Two would take turns with their values."""

    def offer(self, pushed: Pushed, names: SeriesNames, *, source: str) -> bool:
        if not self._has_room(len(pushed.columns)):
            return False
        columns = self._rates.step(pushed, names.kinds())
        self._find_places(columns.series, names)
        now = self._clock.now().timestamp()
        places = self._places[columns.series]
        outcome = self._outcomes(places, columns.values, columns.at - now)
        used = np.flatnonzero(outcome == OUTCOMES.index(USED))
        if len(used):
            self._push(
                tuple(
                    self._sample(int(place), float(at), float(value), source)
                    for place, at, value in zip(places[used], columns.at[used], columns.values[used], strict=True)
                )
            )
        for code, count in Counter(outcome.tolist()).items():
            self._tell(source, OUTCOMES[code], count)
        self._release_ended(columns.series[pushed.stale])
        return True

    def forget(self, series: NDArray[np.int32]) -> None:
        self._release_ended(series)
        self._places[series] = _UNSEEN
        self._rates.forget(series)

    def release_silent(self, names: SeriesNames, *, before: float) -> None:
        """A series that nobody sent since `before` no longer keeps another from speaking for the same metric."""
        silent = [series for series in self._owners.values() if names.last_seen(series) < before]
        self._release_ended(np.array(silent, np.int32))

    def _outcomes(
        self, places: NDArray[np.int32], values: NDArray[np.float64], ahead_s: NDArray[np.float64]
    ) -> NDArray[np.int8]:
        """(n,) position in OUTCOMES. A series that is nobody's is told as that, whatever its value."""
        age_s = self._settings.max_sample_age.total_seconds()
        outcome = np.full(len(places), OUTCOMES.index(USED), np.int8)
        outcome[np.isnan(values)] = OUTCOMES.index(NO_VALUE)
        outcome[ahead_s < -age_s] = OUTCOMES.index(TOO_OLD)
        outcome[ahead_s > LARGEST_LEAD.total_seconds()] = OUTCOMES.index(TOO_NEW)
        for reason, code in _REASONS.items():
            outcome[places == code] = OUTCOMES.index(reason)
        return outcome

    def _sample(self, place: int, at: float, value: float, source: str) -> Sample:
        route_ = self._routes[place]
        return Sample(
            resource=route_.resource,
            metric=route_.metric,
            value=value,
            at=datetime.fromtimestamp(at, UTC),
            source=source,
        )

    def _find_places(self, series: NDArray[np.int32], names: SeriesNames) -> None:
        for number in np.unique(series[self._places[series] == _UNSEEN]).tolist():
            self._places[number] = self._place(number, names)

    def _place(self, number: int, names: SeriesNames) -> int:
        found = route(names.labels(number), names.kind(number), self._inventory, self._settings.target_labels)
        if isinstance(found, Unrouted):
            return _CODES[found]
        place = self._place_of.get(found)
        if place is None:
            if len(self._routes) == MOST_METRICS:
                return _REASONS[TOO_MANY]
            place = self._place_of[found] = len(self._routes)
            self._routes.append(found)
        if self._owners.setdefault(place, number) != number:
            return _REASONS[CONFLICTING]
        return place

    def _release_ended(self, series: NDArray[np.int32]) -> None:
        """These no longer speak for their metric; whoever was kept from it is looked at again."""
        owned = [number for number in series.tolist() if self._owners.get(int(self._places[number])) == number]
        for number in owned:
            del self._owners[int(self._places[number])]
            self._places[number] = _UNSEEN
        if owned:
            self._places[self._places == _REASONS[CONFLICTING]] = _UNSEEN
