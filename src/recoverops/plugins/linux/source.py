"""Whether each service of the inventory runs, as its supervisord says: one call a poll.

The metric is 1 in the state RUNNING and 0 in every other. STARTING is 0, because a program that supervisord has not yet
seen stay up is not running: were it 1, a crash loop would look healthy at every start. STOPPING is 0, because it has
been told to end. Both pass within seconds in a planned restart, which is what a threshold's duration is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from recoverops.model import MisconfiguredError, Sample, Service, UnreachableError
from recoverops.plugins.linux.process import ADDRESS, Process, State, process_name, process_of
from recoverops.plugins.linux.rpc import FaultError, SupervisorClient
from recoverops.ports import Clock

METRIC = "service.running"
NAME = "supervisor"


class SupervisorSource:
    """Implements `ports.Source`. Services without a supervisor address are left out."""

    name = NAME

    def __init__(
        self,
        client: SupervisorClient,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        every: timedelta,
        timeout: timedelta,
    ) -> None:
        self._client = client
        self._services = services
        self._clock = clock
        self._every = every
        self._timeout_s = timeout.total_seconds()

    @property
    def every(self) -> timedelta:
        return self._every

    def poll(self) -> tuple[Sample, ...]:
        try:
            answer = self._client.call("getAllProcessInfo", timeout_s=self._timeout_s)
        except FaultError as error:
            raise UnreachableError(f"supervisor at {self._client.url} does not tell its processes: {error}") from error
        if not isinstance(answer, list):
            raise UnreachableError(f"supervisor at {self._client.url} answered {answer!r:.80} instead of a list")
        processes = {process.name: process for process in map(process_of, answer)}
        now = self._clock.now()
        supervised = [service for service in self._services.values() if ADDRESS in service.address]
        return tuple(sample_of(service, processes, at=now) for service in supervised)


def sample_of(service: Service, processes: Mapping[str, Process], *, at: datetime) -> Sample:
    """1 when its process is RUNNING, 0 with the reason otherwise; a process that does not exist does not run."""
    try:
        name = process_name(service)
    except MisconfiguredError as error:
        return _sample(service, 0.0, str(error), at)
    process = processes.get(name)
    if process is None:
        return _sample(
            service, 0.0, f'supervisor has no process "{name}"; check the address of service "{service.name}"', at
        )
    return _sample(service, 1.0 if process.state is State.RUNNING else 0.0, process.statement, at)


def _sample(service: Service, value: float, detail: str, at: datetime) -> Sample:
    return Sample(resource=service.resource, metric=METRIC, value=value, at=at, source=NAME, detail=detail)
