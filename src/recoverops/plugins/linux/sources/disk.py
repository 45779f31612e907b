"""How full the file system under each service's address `disk` is: `disk.utilization`, as df counts it.

Blocks that only root may use count as used, because the service cannot have them. Meant for local file systems: a
network file system that hangs would hang the poll.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta

from recoverops.model import Sample, Service, UnreachableError
from recoverops.ports import Clock

ADDRESS = "disk"
METRIC = "disk.utilization"
NAME = "disk"


class DiskSource:
    """Implements `ports.Source`. A path that cannot be asked is left out; when none can, nothing is known."""

    name = NAME

    def __init__(self, services: Mapping[str, Service], *, clock: Clock, every: timedelta) -> None:
        self._services = tuple(service for service in services.values() if ADDRESS in service.address)
        self._clock = clock
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        now, samples, problem = self._clock.now(), list[Sample](), None
        for service in self._services:
            path = service.address[ADDRESS]
            try:
                samples.append(sample_of(service, path, os.statvfs(path), at=now))
            except OSError as error:
                problem = f"{path} of {service.name}: {(error.strerror or str(error)).lower()}"
        if problem is not None and not samples:
            raise UnreachableError(f"no file system can be asked; {problem}")
        return tuple(samples)


def sample_of(service: Service, path: str, status: os.statvfs_result, *, at: datetime) -> Sample:
    used = status.f_blocks - status.f_bfree
    usable = used + status.f_bavail
    return Sample(
        resource=service.resource,
        metric=METRIC,
        value=used / usable if usable else 0.0,
        at=at,
        source=NAME,
        detail=f"{path}: {status.f_bavail * status.f_frsize} bytes free",
    )
