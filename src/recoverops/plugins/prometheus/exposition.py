"""What two pages of metrics say together about a service's requests. Pure.

Pages are in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/. Only the lines of
metrics that somebody asked for are parsed: a page may have 100,000 others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recoverops.model import PermanentError
from recoverops.plugins.prometheus.settings import DURATION, ERROR_RATIO, RATE, ScrapeSettings

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The wanted values of one scrape; `at_s` is on the monotonic clock."""

    at_s: float
    values: Mapping[str, Mapping[Labels, float]]
    """metric -> labels -> value; NaN and infinities are left out"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    metric: str
    value: float
    detail: str


def page_of(text: str, settings: ScrapeSettings, *, at_s: float) -> Page:
    """Raises PermanentError naming the line that is not in the format."""
    from prometheus_client.parser import text_string_to_metric_families

    wanted = settings.wanted
    lines = [line for line in text.split("\n") if line.lstrip().startswith(tuple(wanted))]
    values: dict[str, dict[Labels, float]] = {}
    for line in lines:
        try:
            samples = [one for family in text_string_to_metric_families(line) for one in family.samples]
        except (ValueError, IndexError) as error:
            raise PermanentError(f"its page has a line that is no metric: {line[:80]!r}") from error
        for sample in samples:
            if sample.name in wanted and math.isfinite(sample.value):
                values.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = float(sample.value)
    return Page(at_s=at_s, values=values)


def readings(before: Page | None, now: Page, settings: ScrapeSettings) -> tuple[Reading, ...]:
    """The gauges of the page, and what the counters did since the page before."""
    gauges = tuple(_gauge(now, name, metric) for name, metric in settings.gauges.items() if now.values.get(name))
    if before is None or now.at_s <= before.at_s:
        return gauges
    return (*gauges, *_requests(before, now, settings), *_duration(before, now, settings))


def _gauge(page: Page, name: str, metric: str) -> Reading:
    """The sum over its series: several pools are one supply."""
    series = page.values[name].values()
    return Reading(metric=metric, value=math.fsum(series), detail=f"{name}, {_plural(len(series), 'series', 'series')}")


def _requests(before: Page, now: Page, settings: ScrapeSettings) -> Iterable[Reading]:
    grown = _growth(before, now, settings.requests)
    if grown is None:
        return
    over_s = now.at_s - before.at_s
    total = math.fsum(grown.values())
    counted = f"{_plural(total, 'request', 'requests')} in {over_s:.1f} s"
    yield Reading(metric=RATE, value=total / over_s, detail=counted)
    told = {labels: status for labels in grown if (status := _status(labels, settings)) is not None}
    judged = math.fsum(grown[labels] for labels in told)
    if judged > 0:
        errors = math.fsum(grown[labels] for labels, status in told.items() if status.startswith("5"))
        yield Reading(metric=ERROR_RATIO, value=errors / judged, detail=f"{errors:g} of {judged:g} failed: {counted}")


def _duration(before: Page, now: Page, settings: ScrapeSettings) -> Iterable[Reading]:
    count = _growth(before, now, settings.duration_count)
    seconds = _growth(before, now, settings.duration_sum)
    if count is None or seconds is None:
        return
    requests = math.fsum(count.values())
    if requests > 0:
        mean_s = math.fsum(seconds.values()) / requests
        detail = f"mean of {_plural(requests, 'request', 'requests')} in {now.at_s - before.at_s:.1f} s"
        yield Reading(metric=DURATION, value=mean_s, detail=detail)


def _growth(before: Page, now: Page, name: str) -> Mapping[Labels, float] | None:
    """How much each series grew; None when the metric is not there.

    A counter that became smaller began again at 0 in between. A series that is new began at 0 too: clients show a
    series from its first event on, and the first failure is the one that must not be missed.
    """
    new = now.values.get(name)
    if new is None:
        return None
    old = before.values.get(name, {})
    return {
        labels: value - start if value >= (start := old.get(labels, 0.0)) else value for labels, value in new.items()
    }


def _status(labels: Labels, settings: ScrapeSettings) -> str | None:
    found = dict(labels)
    return next((found[name] for name in settings.status_labels if name in found), None)


def _plural(number: float, one: str, several: str) -> str:
    return f"{number:g} {one if number == 1 else several}"
