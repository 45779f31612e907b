"""From an alert's webhook to the call of the action, as the called service sees it. Everything durable, as it ships.

The driver stamps the moment at which it sends; the receiver, another process, stamps the moment at which the call has
arrived. In between lie: intake with its durable write, incident, diagnosis, rule, gates twice, reservation, intent, and
the action's own two questions to its endpoint. Afterwards the alert is resolved, so that every run is verified.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from benchmarks.alerts import INTAKE, now, webhook
from benchmarks.engine import Engine, Setup, metrics, total, up, write_setup
from benchmarks.figures import Figure, percentile
from benchmarks.processes import running
from benchmarks.repairing import entry, repairing

IN_TURN, AT_RATE, WARM_UP = 200, 300, 20
RATE = 20.0
TARGET_P50_MS, TARGET_P99_MS = 40.0, 150.0
_ACTION_WITHIN_S = 10.0
_IN_TURN_WITHIN_S = _AT_RATE_WITHIN_S = 45.0
"""An engine that is slower than this is left at what it did by then; the note says how much that was."""
_VERIFIED_WITHIN_S = 20.0
_RESOLVE_EVERY_S = 0.5
_RESOLVE_AFTER_S = 0.25
"""Evidence of recovery counts only when it is younger than the action."""


class Arrivals:
    """The calls that the receiver has seen, read from its output on a thread of its own."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._changed = threading.Condition()
        self._at_ns: dict[str, int] = {}
        self.repeated = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._output:
            seen = json.loads(line)
            with self._changed:
                self.repeated += seen["service"] in self._at_ns
                self._at_ns.setdefault(seen["service"], seen["at_ns"])
                self._changed.notify_all()

    def wait_for(self, service: str, *, until: float) -> int | None:
        """Nanoseconds on the monotonic clock; None when it did not come until then."""
        with self._changed:
            self._changed.wait_for(lambda: service in self._at_ns, timeout=max(0.0, until - time.monotonic()))
            return self._at_ns.get(service)

    def all(self) -> dict[str, int]:
        with self._changed:
            return dict(self._at_ns)


def measure(directory: Path) -> Iterable[Figure]:
    with running(["-m", "benchmarks.receiver"], log=directory / "receiver.log") as (_, output):
        setup = _setup(directory, int(output.readline()))
        arrivals = Arrivals(output)
        with up(setup) as engine, Ending(engine, arrivals):
            warm_up, in_turn, at_rate = _names()
            _send_in_turn(engine, arrivals, warm_up)
            one_by_one = _send_in_turn(engine, arrivals, in_turn)
            steady = _send_at_rate(engine, arrivals, at_rate)
            verified = _verified(engine, wanted=len(warm_up) + len(in_turn) + len(at_rate))
    yield from _figures("one after another", one_by_one, wanted=IN_TURN)
    yield from _figures(f"at {RATE:g} a second", steady, wanted=AT_RATE)
    note = f"of {WARM_UP + IN_TURN + AT_RATE}; {arrivals.repeated} calls were repeated"
    yield Figure(name="alert to action, verified and resolved", value=verified, unit="count", note=note)


def _names() -> tuple[list[str], list[str], list[str]]:
    names = [f"service-{number:04d}" for number in range(WARM_UP + IN_TURN + AT_RATE)]
    return names[:WARM_UP], names[WARM_UP : WARM_UP + IN_TURN], names[WARM_UP + IN_TURN :]


def _setup(directory: Path, port: int) -> Setup:
    parts = repairing(directory, [name for part in _names() for name in part], port=port)
    return write_setup(directory / "latency", parts.configuration, files=parts.files, environment=parts.environment)


class Ending:
    """Resolves the alerts of repaired services, a few at a time, as Alertmanager would."""

    def __init__(self, engine: Engine, arrivals: Arrivals) -> None:
        self._engine, self._arrivals = engine, arrivals
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._resolve, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _resolve(self) -> None:
        resolved: set[str] = set()
        key = self._engine.key
        with self._engine.connection() as connection:
            while not self._stopping.wait(_RESOLVE_EVERY_S):
                old_enough = time.monotonic_ns() - int(_RESOLVE_AFTER_S * 1e9)
                fixed = [name for name, at in self._arrivals.all().items() if at < old_enough and name not in resolved]
                if fixed:
                    at = now()
                    connection.post(
                        INTAKE, key=key, body=webhook(entry(name, starts_at=at, ends_at=at) for name in fixed)
                    )
                    resolved.update(fixed)


def _send_in_turn(engine: Engine, arrivals: Arrivals, services: Iterable[str]) -> list[float]:
    """Milliseconds of each; the next is sent when the action of the one before has arrived."""
    took = []
    key, end = engine.key, time.monotonic() + _IN_TURN_WITHIN_S
    with engine.connection() as connection:
        for service in services:
            if time.monotonic() > end:
                break
            body = webhook([entry(service, starts_at=now())])
            sent_ns = time.monotonic_ns()
            connection.post(INTAKE, key=key, body=body)
            arrived_ns = arrivals.wait_for(service, until=min(end, time.monotonic() + _ACTION_WITHIN_S))
            if arrived_ns is not None:
                took.append((arrived_ns - sent_ns) / 1e6)
    return took


def _send_at_rate(engine: Engine, arrivals: Arrivals, services: Iterable[str]) -> list[float]:
    """Milliseconds of each, counted from the planned moment, so that a late sender flatters nobody."""
    planned: dict[str, int] = {}
    key = engine.key
    with engine.connection() as connection:
        began_ns = time.monotonic_ns()
        for number, service in enumerate(services):
            if time.monotonic_ns() - began_ns > _AT_RATE_WITHIN_S * 1e9:
                break
            planned[service] = began_ns + int(number / RATE * 1e9)
            time.sleep(max(0.0, (planned[service] - time.monotonic_ns()) / 1e9))
            connection.post(INTAKE, key=key, body=webhook([entry(service, starts_at=now())]))
    end = time.monotonic() + _ACTION_WITHIN_S
    came = {service: arrivals.wait_for(service, until=end) for service in planned}
    return [(at - planned[service]) / 1e6 for service, at in came.items() if at is not None]


def _verified(engine: Engine, *, wanted: int) -> float:
    """How many incidents were resolved because their run was verified."""
    end = time.monotonic() + _VERIFIED_WITHIN_S
    while True:
        found = total(metrics(engine), "recoverops_incidents_resolved_total", label='reason="verified"')
        if found >= wanted or time.monotonic() > end:
            return found
        time.sleep(0.5)


def _figures(how: str, took: list[float], *, wanted: int) -> Iterable[Figure]:
    note = f"{len(took)} of {wanted} alerts acted on, slowest {max(took, default=0):.0f} ms"
    for name, share, target in (("p50", 0.5, TARGET_P50_MS), ("p99", 0.99, TARGET_P99_MS)):
        yield Figure(
            name=f"alert to action, {how}, {name}", value=percentile(took, share), unit="ms", below=target, note=note
        )
