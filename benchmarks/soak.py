"""Incidents without a pause, for as long as asked: what months of them do to memory, files, disk and speed.

`python -m benchmarks.run --only soak --minutes 30`. The same services break again and again: an alert, the call that
repairs it, the end of the alert, the verified recovery. Beside that it probes, judges baselines, keeps its history and
notifies. The figures compare the second fifth of the time with the last: what grows with what was done, and not with
what there is, shows in the difference.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.alerts import INTAKE, now, webhook
from benchmarks.engine import Engine, Setup, metrics, total, up, write_setup
from benchmarks.figures import Figure, median, percentile
from benchmarks.processes import HOST, cpu_seconds, memory_mb, running
from benchmarks.repairing import entry, repairing

SERVICES, PROBED = 100, 10
RATE = 5.0
"""Incidents a second; twenty seconds pass before the same service breaks again."""
MINUTES = 30.0
_REPAIRED_WITHIN_S = 15.0
_ENDS_AFTER_S = 0.5
_LOOK_EVERY_S = 5.0
_VERIFIED_WITHIN_S = 30.0
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the kernel says of the engine at one moment, in seconds since the beginning."""

    at: float
    memory_mb: float
    files: int
    threads: int
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    at: float
    took_ms: float


class Receiver:
    """When each service was last repaired, and how often any was, from the receiver's output."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._changed = threading.Condition()
        self._last_ns: dict[str, int] = {}
        self.calls = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._output:
            seen = json.loads(line)
            with self._changed:
                self._last_ns[seen["service"]] = seen["at_ns"]
                self.calls += 1
                self._changed.notify_all()

    def repaired(self, service: str, *, after_ns: int) -> int | None:
        """Nanoseconds on the monotonic clock; None when it was not within the time that is given to it."""
        with self._changed:
            self._changed.wait_for(lambda: self._last_ns.get(service, 0) > after_ns, timeout=_REPAIRED_WITHIN_S)
            at = self._last_ns.get(service, 0)
        return at if at > after_ns else None


@dataclass(slots=True)
class Course:
    """What happened, as it happened."""

    began: float
    looks: list[Look] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    sent: int = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def measure(directory: Path, *, minutes: float = MINUTES) -> Iterable[Figure]:
    with running(["-m", "benchmarks.receiver"], log=directory / "receiver.log") as (_, output):
        setup = _setup(directory, int(output.readline()))
        receiver = Receiver(output)
        with up(setup) as engine:
            course = Course(began=time.monotonic())
            _break_again_and_again(engine, receiver, course, seconds=minutes * 60)
            verified = _verified(engine, wanted=course.sent)
        yield from _figures(course, minutes=minutes)
        note = f"of {course.sent:,}; {receiver.calls - len(course.repairs):,} calls were repeated or came late"
        yield Figure(name="soak: verified and resolved", value=verified, unit="count", note=note)
        kb = (setup.data / "recoverops.sqlite").stat().st_size / 1e3 / course.sent
        yield Figure(name="soak: disk for each incident", value=kb, unit="kB", note="its audit lines stay for ever")


def _setup(directory: Path, port: int) -> Setup:
    parts = repairing(directory, [_service(number) for number in range(SERVICES)], port=port)
    health = f"http://{HOST}:{port}/health"
    probed = [{"name": f"probed-{number}", "address": {"http": health}} for number in range(PROBED)]
    given = parts.configuration
    given["services"] += probed
    given["plugins"].append({"name": "http"})
    given["decision"]["cooldown"] = "1s"
    given["incidents"] = {"flaps": 1000, "flap_window": "1m"}
    return write_setup(directory / "soak", given, files=parts.files, environment=parts.environment)


def _service(turn: int) -> str:
    return f"service-{turn % SERVICES:04d}"


def _break_again_and_again(engine: Engine, receiver: Receiver, course: Course, *, seconds: float) -> None:
    next_look = 0.0
    with ThreadPoolExecutor(_AT_ONCE) as breaking:
        while course.seconds < seconds:
            if course.seconds >= next_look:
                course.looks.append(_look(engine, at=course.seconds))
                next_look += _LOOK_EVERY_S
            breaking.submit(_break, _service(course.sent), engine, receiver, course)
            course.sent += 1
            time.sleep(max(0.0, course.sent / RATE - course.seconds))


def _break(service: str, engine: Engine, receiver: Receiver, course: Course) -> None:
    """The alert, the repair, the end of the alert."""
    key, at, starts_at, sent_ns = engine.key, course.seconds, now(), time.monotonic_ns()
    with engine.connection() as connection:
        connection.post(INTAKE, key=key, body=webhook([entry(service, starts_at=starts_at)]))
        repaired_ns = receiver.repaired(service, after_ns=sent_ns)
        if repaired_ns is not None:
            course.repairs.append(Repair(at=at, took_ms=(repaired_ns - sent_ns) / 1e6))
        time.sleep(_ENDS_AFTER_S)
        connection.post(INTAKE, key=key, body=webhook([entry(service, starts_at=starts_at, ends_at=now())]))


def _look(engine: Engine, *, at: float) -> Look:
    kernel = Path(f"/proc/{engine.pid}")
    return Look(
        at=at,
        memory_mb=memory_mb(engine.pid),
        files=len(list((kernel / "fd").iterdir())),
        threads=len(list((kernel / "task").iterdir())),
        cpu_s=cpu_seconds(engine.pid),
    )


def _verified(engine: Engine, *, wanted: int) -> float:
    """How many incidents were resolved because their run was verified."""
    end = time.monotonic() + _VERIFIED_WITHIN_S
    while True:
        found = total(metrics(engine), "recoverops_incidents_resolved_total", label='reason="verified"')
        if found >= wanted or time.monotonic() > end:
            return found
        time.sleep(0.5)


def _figures(course: Course, *, minutes: float) -> Iterable[Figure]:
    fifth = minutes * 60 / 5
    early = Part.of(course, since=fifth, until=2 * fifth)
    late = Part.of(course, since=4 * fifth, until=5 * fifth)
    for name, unit, before, after in (
        ("memory", "MB", early.memory_mb, late.memory_mb),
        ("open files", "count", early.files, late.files),
        ("threads", "count", early.threads, late.threads),
        ("processor", "% of a core", early.cpu_percent, late.cpu_percent),
        ("alert to action, p50", "ms", percentile(early.took_ms, 0.5), percentile(late.took_ms, 0.5)),
        ("alert to action, p99", "ms", percentile(early.took_ms, 0.99), percentile(late.took_ms, 0.99)),
    ):
        note = f"{before:,.1f} in the second fifth of {minutes:g} minutes, {RATE:g} incidents a second"
        yield Figure(name=f"soak: {name}, last fifth", value=after, unit=unit, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the time. Medians, but for the processor."""

    memory_mb: float
    files: float
    threads: float
    cpu_percent: float
    took_ms: Sequence[float]

    @classmethod
    def of(cls, course: Course, *, since: float, until: float) -> Part:
        looks = [one for one in course.looks if since <= one.at < until]
        if len(looks) < 2:  # the processor's share needs two
            raise ValueError(f"only {len(looks)} looks in {until - since:.0f} s; give the soak a minute or more")
        first, last = looks[0], looks[-1]
        return cls(
            memory_mb=median([one.memory_mb for one in looks]),
            files=median([one.files for one in looks]),
            threads=median([one.threads for one in looks]),
            cpu_percent=100 * (last.cpu_s - first.cpu_s) / (last.at - first.at),
            took_ms=[one.took_ms for one in course.repairs if since <= one.at < until],
        )
