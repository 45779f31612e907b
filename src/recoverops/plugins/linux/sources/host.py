"""This host as a whole: CPU, memory, disk, load and network, as psutil counts them.

Rates need two polls: the first one leaves them out. The loopback interface does not count as network.
"""

from __future__ import annotations

import socket
from datetime import timedelta

import psutil

from recoverops.model import Resource, ResourceKind, Sample, UnreachableError
from recoverops.ports import Clock

NAME = "host"


class HostSource:
    """Implements `ports.Source`."""

    name = NAME

    def __init__(self, *, disk: str, clock: Clock, every: timedelta) -> None:
        self._disk = disk
        self._clock = clock
        self._resource = Resource(kind=ResourceKind.HOST, name=socket.gethostname())
        self._cpu: tuple[float, float] | None = None
        self._network: tuple[float, int] | None = None
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        memory = psutil.virtual_memory()
        try:
            disk = psutil.disk_usage(self._disk)
        except OSError as error:
            raise UnreachableError(f"the file system of {self._disk} cannot be asked: {error.strerror}") from error
        load = psutil.getloadavg()[0]
        cpus = psutil.cpu_count() or 1
        found: list[tuple[str, float | None, str]] = [
            ("host.cpu.utilization", self._busy(), f"{cpus} CPUs"),
            ("host.memory.utilization", memory.percent / 100, f"{memory.available} of {memory.total} bytes available"),
            ("host.disk.utilization", disk.percent / 100, f"{self._disk}: {disk.free} bytes free"),
            ("host.load.per_cpu", load / cpus, f"load {load:.2f} on {cpus} CPUs"),
            ("host.network.bytes", self._rate(), "received and sent a second, without loopback"),
        ]
        now = self._clock.now()
        return tuple(
            Sample(resource=self._resource, metric=metric, value=value, at=now, source=NAME, detail=detail)
            for metric, value, detail in found
            if value is not None
        )

    def _busy(self) -> float | None:
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        before, self._cpu = self._cpu, (total, idle)
        if before is None or total <= before[0]:
            return None
        return min(1.0, max(0.0, 1.0 - (idle - before[1]) / (total - before[0])))

    def _rate(self) -> float | None:
        counters = psutil.net_io_counters(pernic=True)
        moved = sum(one.bytes_recv + one.bytes_sent for name, one in counters.items() if name != "lo")
        now = self._clock.monotonic()
        before, self._network = self._network, (now, moved)
        if before is None or now <= before[0] or moved < before[1]:
            return None
        return (moved - before[1]) / (now - before[0])
