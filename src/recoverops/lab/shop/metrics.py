"""What a service counts about itself, as the text that Prometheus scrapes."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Thread-safe. `gauges` are asked at each scrape."""

    def __init__(self, gauges: Mapping[str, Callable[[], float]]) -> None:
        self._gauges = gauges
        self._lock = threading.Lock()
        self._requests: Counter[int] = Counter()
        self._seconds = 0.0
        self._started = time.time()

    def count(self, code: int, *, seconds: float) -> None:
        """One request that has been answered."""
        with self._lock:
            self._requests[code] += 1
            self._seconds += seconds

    def text(self) -> str:
        with self._lock:
            requests, seconds = dict(self._requests), self._seconds
        lines = ["# TYPE http_requests_total counter"]
        lines += [f'http_requests_total{{code="{code}"}} {count}' for code, count in sorted(requests.items())]
        lines += ["# TYPE http_request_duration_seconds summary"]
        lines += [f"http_request_duration_seconds_sum {seconds:.6f}"]
        lines += [f"http_request_duration_seconds_count {sum(requests.values())}"]
        for name, value in (self._process() | {name: ask() for name, ask in self._gauges.items()}).items():
            lines += [f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"

    def _process(self) -> dict[str, float]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return {
            "process_cpu_seconds_total": used.ru_utime + used.ru_stime,
            "process_resident_memory_bytes": resident_pages * PAGE,
            "process_start_time_seconds": self._started,
            "process_open_fds": len(os.listdir("/proc/self/fd")),
            "process_threads": threading.active_count(),
        }
