"""The source `prometheus`: the answers of PromQL queries as samples of the inventory's services.

What cannot be attributed or trusted is left out and counted by reason, never guessed. While at least one query is
answered its samples are delivered, and each query that fails is logged once; when all fail, the source fails.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from recoverops.model import MisconfiguredError, RecoverOpsError, Sample, Service, UnreachableError
from recoverops.plugins.prometheus.server import Element, InstantAnswer, PrometheusServer
from recoverops.plugins.prometheus.settings import QuerySettings, ServerSettings
from recoverops.plugins.prometheus.together import Together
from recoverops.ports import Clock
from recoverops.redact import redact
from recoverops.topology import Inventory

NAME = "prometheus"

UNKNOWN_SERVICE = "unknown_service"
AMBIGUOUS = "ambiguous"
"""several elements for one service, and nobody says which one counts"""
NOT_A_NUMBER = "not_a_number"
STALE = "stale"

_GRACE_S = 0.25
_DETAIL = 200
_LOG = logging.getLogger("recoverops.plugins.prometheus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of one query's answer."""

    samples: tuple[Sample, ...]
    left_out: Mapping[str, int]
    """reason -> elements"""


class PromqlSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(
        self, server: PrometheusServer, services: Mapping[str, Service], *, settings: ServerSettings, clock: Clock
    ) -> None:
        self._server = server
        self._inventory = Inventory(services.values())
        self._settings = settings
        self._clock = clock
        self._queries = {query.metric: query for query in settings.queries}
        self._together = Together[InstantAnswer]()
        self._said: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    @property
    def every(self) -> timedelta:
        return self._settings.every

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many elements were left out since the start, by reason."""
        return dict(self._left_out)

    def poll(self) -> tuple[Sample, ...]:
        calls = {metric: partial(self._server.query, query.query) for metric, query in self._queries.items()}
        patience_s = self._settings.timeout.total_seconds() + _GRACE_S
        done = self._together.round(calls, patience_s=patience_s)
        samples: list[Sample] = []
        failures: dict[str, RecoverOpsError] = {
            metric: UnreachableError(f"{self._server.shown}: no answer within {patience_s:.3g} s")
            for metric in calls
            if metric not in done
        }
        for metric, future in done.items():
            try:
                samples += self._taken(self._queries[metric], future)
            except RecoverOpsError as error:
                failures[metric] = error
        for metric, failure in failures.items():
            self._say(f"query:{metric}", str(failure))
        if len(failures) == len(calls):
            raise _together(failures)
        return tuple(samples)

    def _taken(self, query: QuerySettings, future: Future[InstantAnswer]) -> tuple[Sample, ...]:
        answer = future.result()
        judged = judge(query, answer, self._inventory, now=self._clock.now(), max_age=self._settings.max_age)
        self._left_out.update(judged.left_out)
        self._say(f"query:{query.metric}", "")
        self._say(f"warnings:{query.metric}", "; ".join(answer.warnings))
        told = ", ".join(f"{reason} {number}" for reason, number in sorted(judged.left_out.items()))
        self._say(f"left out:{query.metric}", told)
        return judged.samples

    def _say(self, what: str, statement: str) -> None:
        """Logs each change once."""
        if statement == self._said.get(what, ""):
            return
        self._said[what] = statement
        level = logging.WARNING if statement else logging.INFO
        _LOG.log(level, "promql_changed", extra={"what": what, "statement": redact(statement) or "fine"})


def judge(
    query: QuerySettings, answer: InstantAnswer, inventory: Inventory, *, now: datetime, max_age: timedelta
) -> Judged:
    """The samples of an answer, and how many elements were left out why. Pure."""
    left_out: Counter[str] = Counter()
    found: dict[str, list[Element]] = {}
    for element in answer.elements:
        service = _service_of(element, query, inventory)
        if not math.isfinite(element.value):
            left_out[NOT_A_NUMBER] += 1
        elif abs(now - element.at) > max_age:
            left_out[STALE] += 1
        elif service is None:
            left_out[UNKNOWN_SERVICE] += 1
        else:
            found.setdefault(service.name, []).append(element)
    samples = []
    for name, elements in found.items():
        if len(elements) > 1:
            left_out[AMBIGUOUS] += len(elements)
            continue
        samples.append(_sample(query, inventory.services[name], elements[0], answer.warnings))
    return Judged(samples=tuple(samples), left_out=dict(left_out))


def _service_of(element: Element, query: QuerySettings, inventory: Inventory) -> Service | None:
    named = inventory.services.get(element.labels.get(query.service_label, ""))
    if named is not None:
        return named
    matching = inventory.matching(element.labels)
    return matching[0] if len(matching) == 1 else None


def _sample(query: QuerySettings, service: Service, element: Element, warnings: tuple[str, ...]) -> Sample:
    warned = f"; warning: {'; '.join(warnings)}" if warnings else ""
    detail = redact(f"{' '.join(query.query.split())}{warned}"[:_DETAIL])
    return Sample(
        resource=service.resource,
        metric=query.metric,
        value=element.value,
        at=element.at,
        source=NAME,
        detail=detail,
    )


def _together(failures: Mapping[str, RecoverOpsError]) -> RecoverOpsError:
    """Misconfigured only when every query is: an unreachable server says nothing about the rest."""
    told = tuple(dict.fromkeys(f"query for {metric}: {error}" for metric, error in failures.items()))
    if all(isinstance(error, MisconfiguredError) for error in failures.values()):
        return MisconfiguredError(*told)
    return UnreachableError("; ".join(dict.fromkeys(str(error) for error in failures.values())))
