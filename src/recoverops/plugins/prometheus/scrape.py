"""The source `scrape`: request rate, error ratio, duration and gauges from the services' own metrics pages.

A page that does not come says nothing about requests: no sample, and the service's next page only begins a new pair.
Whether the service works is the probes' business. When no page at all came, the source is unreachable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from recoverops.egress import Fetcher, Target, target_of
from recoverops.model import MisconfiguredError, PermanentError, RecoverOpsError, Sample, Service, UnreachableError
from recoverops.plugins.prometheus.exposition import Page, page_of, readings
from recoverops.plugins.prometheus.settings import ScrapeSettings
from recoverops.plugins.prometheus.together import Together
from recoverops.ports import Clock
from recoverops.redact import redact

ADDRESS = "metrics"
"""The key in a service's address that this source understands."""
NAME = "scrape"

_PATIENCE_S = 0.5
"""How long the samples of the others wait for a slow page; it is handed over in a later round, with its own time."""
_LONGEST_GAP = 5
"""Scrapes: two pages that lie further apart say nothing about now."""
_LOG = logging.getLogger("recoverops.plugins.prometheus")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scraped:
    page: Page
    at: datetime


class Scrape:
    """Implements `ports.Source`. Services without a metrics address are left out."""

    name = NAME

    def __init__(self, services: Mapping[str, Service], *, settings: ScrapeSettings, clock: Clock) -> None:
        """Raises `MisconfiguredError` naming every address that must not or cannot be asked."""
        self._settings = settings
        self._clock = clock
        self._services = {one.name: one for one in services.values() if ADDRESS in one.address}
        self._targets = _targets(self._services)
        self._fetcher = Fetcher(timeout_s=settings.timeout.total_seconds(), max_bytes=settings.max_bytes, clock=clock)
        self._together = Together[_Scraped]()
        self._before: dict[str, Page] = {}
        self._failing: dict[str, str] = {}

    @property
    def every(self) -> timedelta:
        return self._settings.every

    def poll(self) -> tuple[Sample, ...]:
        self._fetcher.prepare()
        calls = {name: partial(self._scrape, target) for name, target in self._targets.items()}
        done = self._together.round(calls, patience_s=_PATIENCE_S)
        samples = tuple(sample for name, future in done.items() for sample in self._taken(name, future))
        if self._targets and len(self._failing) == len(self._targets):
            raise UnreachableError(f"no metrics page came: {'; '.join(sorted(set(self._failing.values())))}")
        return samples

    def _scrape(self, target: Target) -> _Scraped:
        """On a thread of its own."""
        headers = {"Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1"}
        answer = self._fetcher.fetch("GET", target, headers=headers)
        at, at_s = self._clock.now(), self._clock.monotonic()
        if answer.status != 200:
            raise PermanentError(f"{target.shown}: status {answer.status}, expected 200 with a page of metrics")
        content_type = answer.headers.get("content-type", "")
        if content_type.startswith("text/html"):
            raise PermanentError(f"{target.shown}: the answer is {content_type}, no page of metrics")
        try:
            page = page_of(answer.body.decode(), self._settings, at_s=at_s)
        except UnicodeDecodeError as error:
            raise PermanentError(f"{target.shown}: the page is not UTF-8") from error
        return _Scraped(page=page, at=at)

    def _kept(self, name: str, page: Page) -> Page | None:
        """The page before, also over a few that did not come: a restart must not cost two scrapes more."""
        before = self._before.get(name)
        longest_s = _LONGEST_GAP * self._settings.every.total_seconds()
        return before if before is not None and page.at_s - before.at_s <= longest_s else None

    def _taken(self, name: str, future: Future[_Scraped]) -> tuple[Sample, ...]:
        try:
            scraped = future.result()
        except RecoverOpsError as error:
            self._note(name, redact(str(error)))
            return ()
        self._note(name, "")
        before, self._before[name] = self._kept(name, scraped.page), scraped.page
        return tuple(
            Sample(
                resource=self._services[name].resource,
                metric=reading.metric,
                value=reading.value,
                at=scraped.at,
                source=NAME,
                detail=reading.detail,
            )
            for reading in readings(before, scraped.page, self._settings)
        )

    def _note(self, name: str, reason: str) -> None:
        """Remembers who fails, and logs each change once."""
        if reason == self._failing.get(name, ""):
            return
        _LOG.log(
            logging.WARNING if reason else logging.INFO,
            "scrape_changed",
            extra={"service": name, "statement": reason or "answers"},
        )
        if reason:
            self._failing[name] = reason
        else:
            del self._failing[name]


def _targets(services: Mapping[str, Service]) -> dict[str, Target]:
    targets, problems = dict[str, Target](), list[str]()
    for name, service in services.items():
        try:
            targets[name] = target_of(service.address[ADDRESS], where=f'service "{name}": its address "{ADDRESS}"')
        except MisconfiguredError as error:
            problems += error.problems
    if problems:
        raise MisconfiguredError(*problems)
    return targets
