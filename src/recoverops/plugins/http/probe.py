"""Whether each service answers over HTTP, and how fast. All services are asked at once.

A refused connection, no answer in time, an expired certificate and an unexpected status are facts about the service:
0, with the reason. When this host has run out of sockets, or does not know the issuer of the certificate, nothing is
known about the service: no sample, and a line in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoverops.egress import Fetcher, NoAnswerError, Target, target_of
from recoverops.model import MisconfiguredError, Sample, Service, UnreachableError
from recoverops.plugins.http.rates import Rates
from recoverops.plugins.http.settings import ProbeSettings
from recoverops.ports import Clock
from recoverops.redact import redact

_LOG = logging.getLogger("recoverops.plugins.http")

ADDRESS = "http"
"""The key in a service's address that this plugin understands."""
NAME = "http-probe"
SUCCESS = "http.probe.success"
DURATION = "http.probe.duration"

_AT_ONCE = 64
"""Threads at most; each costs about 50 microseconds a round and a stack that is hardly touched."""
_GRACE_S = 0.25
"""How much longer than the timeout a round waits, for answers that come in at the last moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one request: a status with its duration, or why there is none."""

    status: int | None
    seconds: float
    reason: str = ""
    own_trouble: bool = False


class HttpProbe:
    """Implements `ports.Source`. Services without an http address are left out."""

    name = NAME

    def __init__(
        self, services: Mapping[str, Service], *, settings: ProbeSettings, clock: Clock, rates: Rates | None = None
    ) -> None:
        """Raises `MisconfiguredError` naming every address that must not or cannot be asked."""
        self._services = services
        self._settings = settings
        self._clock = clock
        self._rates = rates or Rates(settings.every)
        self._asked_at: dict[str, float] = {}
        self._timeout_s = settings.timeout.total_seconds()
        self._fetcher = Fetcher(timeout_s=self._timeout_s, max_bytes=0, cuts=True, clock=clock)
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._under_way: dict[str, Future[Answer]] = {}
        self._unknown: dict[str, str] = {}
        self._targets = _targets_of(services)

    @property
    def every(self) -> timedelta:
        return self._rates.shortest

    def poll(self) -> tuple[Sample, ...]:
        self._fetcher.prepare()
        probed = self._due()
        asked = {service.name: self._ask(service) for service in probed}
        wait([future for future in asked.values() if future is not None], timeout=self._timeout_s + _GRACE_S)
        answers = {service.name: self._answer(asked[service.name]) for service in probed}
        for name, answer in answers.items():
            self._note(name, "" if answer is None or not answer.own_trouble else redact(answer.reason))
        now = self._clock.now()
        samples = tuple(
            sample
            for service in probed
            for sample in samples_of(service, answers[service.name], self._settings, at=now)
        )
        if probed and not samples:
            reasons = sorted({answer.reason for answer in answers.values() if answer is not None})
            raise UnreachableError(
                f"no service could be probed from here: {'; '.join(reasons) or 'no thread was free'}"
            )
        return samples

    def _note(self, name: str, why: str) -> None:
        """Remembers of whom nothing is known, and logs each change once: the other services hide that it is missing."""
        if why == self._unknown.get(name, ""):
            return
        self._unknown[name] = why
        level = logging.WARNING if why else logging.INFO
        _LOG.log(level, "probe_changed", extra={"service": name, "statement": why or "can be probed"})

    def _due(self) -> list[Service]:
        """Those whose turn it is: all of them, unless some are asked more often than the others now."""
        now = self._clock.monotonic()
        due = []
        for service in self._services.values():
            asked_at = self._asked_at.get(service.name)
            since_s = None if asked_at is None else now - asked_at
            if ADDRESS in service.address and self._rates.is_due(service.name, since_asked_s=since_s):
                self._asked_at[service.name] = now
                due.append(service)
        return due

    def look(self, service: Service) -> str:
        """What one request finds now, as a sentence; bounded by the timeout."""
        self._fetcher.prepare()
        answer = self._get(target_of(service.address[ADDRESS], where=f'service "{service.name}"'))
        return f"status {answer.status} after {answer.seconds:.3f} s" if answer.status is not None else answer.reason

    def _ask(self, service: Service) -> Future[Answer] | None:
        """The request on its way; None when every thread is busy. One that still hangs is not asked a second time."""
        hanging = self._under_way.get(service.name)
        if hanging is not None and not hanging.done():
            return hanging
        if not self._slots.acquire(blocking=False):
            return None
        future: Future[Answer] = Future()
        try:
            threading.Thread(target=self._run, args=(service, future), daemon=True).start()
        except RuntimeError:  # this host has no room for another thread
            self._slots.release()
            return None
        self._under_way[service.name] = future
        return future

    def _run(self, service: Service, future: Future[Answer]) -> None:
        try:
            future.set_result(self._get(self._targets[service.name]))
        except Exception as error:  # noqa: BLE001 - this thread's supervisor: a bug in one probe is told, and stays there
            reason = f"the probe itself failed ({type(error).__name__})"
            future.set_result(Answer(status=None, seconds=0.0, reason=reason, own_trouble=True))
        finally:
            self._slots.release()

    def _get(self, target: Target) -> Answer:
        started = self._clock.monotonic()
        try:
            head = self._fetcher.fetch("GET", target, headers={"Accept": "*/*"})
        except NoAnswerError as error:
            seconds = self._clock.monotonic() - started
            return Answer(status=None, seconds=seconds, reason=error.reason, own_trouble=error.is_own_trouble)
        return Answer(status=head.status, seconds=self._clock.monotonic() - started)

    def _answer(self, future: Future[Answer] | None) -> Answer | None:
        if future is None:
            return None
        answer = future.result() if future.done() else None
        if answer is None or (answer.status is not None and answer.seconds > self._timeout_s):
            return Answer(status=None, seconds=self._timeout_s, reason=f"no answer within {self._timeout_s:.3g} s")
        return answer


def samples_of(service: Service, answer: Answer | None, settings: ProbeSettings, *, at: datetime) -> tuple[Sample, ...]:
    """Success, and the duration when there was an answer; nothing when nothing is known. Pure."""
    if answer is None or answer.own_trouble:
        return ()
    if answer.status is None:
        return (_sample(service, SUCCESS, 0.0, answer.reason, at),)
    success = 1.0 if settings.expects(answer.status) else 0.0
    return (
        _sample(service, SUCCESS, success, f"status {answer.status} after {answer.seconds:.3f} s", at),
        _sample(service, DURATION, answer.seconds, f"status {answer.status}", at),
    )


def _sample(service: Service, metric: str, value: float, detail: str, at: datetime) -> Sample:
    return Sample(resource=service.resource, metric=metric, value=value, at=at, source=NAME, detail=detail)


def _targets_of(services: Mapping[str, Service]) -> dict[str, Target]:
    """By the name of the service. Raises `MisconfiguredError` naming every bad address."""
    targets: dict[str, Target] = {}
    problems: list[str] = []
    for service in services.values():
        if ADDRESS not in service.address:
            continue
        try:
            where = f'service "{service.name}": its address "{ADDRESS}"'
            targets[service.name] = target_of(service.address[ADDRESS], where=where)
        except MisconfiguredError as error:
            problems += error.problems
    if problems:
        raise MisconfiguredError(*problems)
    return targets
