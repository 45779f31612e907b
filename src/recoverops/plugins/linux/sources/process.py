"""What the processes of each supervised service use: CPU, memory and its growth, how many there are, and whether
stopped.

One question to supervisord and one pass over /proc a poll, whatever the number of services. A service's tree is its
main process, all descendants, and the rest of the main process's group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from recoverops.model import MisconfiguredError, PermanentError, Sample, Service, UnreachableError
from recoverops.plugins.linux.process import ADDRESS, Process, process_name
from recoverops.plugins.linux.procfs import STATES, TICKS_PER_S, Processes, Stat, scan
from recoverops.plugins.linux.supervised import Supervised
from recoverops.ports import Clock

NAME = "process"
_POINTS = 40
"""Of memory's history; their 780 slopes cost a quarter of a millisecond."""
_FEWEST = 5


@dataclass(slots=True)
class _History:
    """What is remembered of one service between polls."""

    main: tuple[int, int]
    at_s: float
    ticks: dict[tuple[int, int], int]
    memory: list[tuple[float, float]] = field(default_factory=list)


class ProcessSource:
    """Implements `ports.Source`. Services without a supervisor address, or whose daemon is elsewhere, are left out.

    So are those whose process runs and is not to be seen (`hidepid`, another container): that is not none.
    """

    name = NAME

    def __init__(
        self,
        supervised: Supervised,
        services: Mapping[str, Service],
        *,
        clock: Clock,
        every: timedelta,
        growth_window: timedelta,
    ) -> None:
        self._supervised = supervised
        self._services = tuple(service for service in services.values() if ADDRESS in service.address)
        self._clock = clock
        self._window_s = growth_window.total_seconds()
        self._known: dict[str, _History] = {}
        self._daemon: int | None = None
        self.every = every

    def poll(self) -> tuple[Sample, ...]:
        try:
            processes, picture = self._supervised.all(), scan()
            if any(_is_unseen(_process(service, processes), picture) for service in self._services):
                processes, picture = self._supervised.all(), scan()  # it may have ended in between
            daemon = self._daemon_of(processes, picture)
        except PermanentError as error:
            raise UnreachableError(f"supervisor does not tell its processes: {error}") from error
        now, at_s = self._clock.now(), self._clock.monotonic()
        samples: list[Sample] = []
        for service in self._services:
            process = _process(service, processes)
            if process is None or _is_unseen(process, picture):
                continue
            main = picture.by_pid.get(process.pid)
            if main is not None and main.ppid != daemon:
                continue
            tree = picture.tree(process.pid) if process.pid else ()
            samples += self._of(service, process, tree, now=now, at_s=at_s)
        return tuple(samples)

    def _daemon_of(self, processes: Mapping[str, Process], picture: Processes) -> int:
        """supervisord's own pid; asked again only when its children have another parent than remembered."""
        parents = {main.ppid for one in processes.values() if (main := picture.by_pid.get(one.pid)) is not None}
        if self._daemon is None or parents - {self._daemon}:
            self._daemon = self._supervised.daemon_pid()
        return self._daemon

    def _of(
        self, service: Service, process: Process, tree: Sequence[Stat], *, now: datetime, at_s: float
    ) -> list[Sample]:
        def sample(metric: str, value: float, detail: str) -> Sample:
            return Sample(resource=service.resource, metric=metric, value=value, at=now, source=NAME, detail=detail)

        if not tree:
            self._known.pop(service.name, None)
            return [sample("process.count", 0.0, process.statement)]
        main, rss = tree[0], sum(stat.rss for stat in tree)
        state = f"{main.state} ({STATES.get(main.state, 'runs or sleeps')}), pid {main.pid}"
        shape = f"pid {main.pid}, {len(tree)} processes"
        samples = [
            sample("process.count", float(len(tree)), shape),
            sample("process.memory.rss", float(rss), f"{rss // 2**20} MiB in {shape}"),
            sample("process.stopped", 1.0 if main.state in {"T", "t"} else 0.0, state),
        ]
        cores, history = self._remember(service.name, tree, rss, at_s)
        if cores is not None:
            samples.append(sample("process.cpu.utilization", cores, f"{cores:.2f} cores, {shape}"))
        growth = growth_of(history.memory, window_s=self._window_s)
        if growth is not None:
            samples.append(
                sample("process.memory.growth", growth, f"{growth / 2**20:+.2f} MiB/s, now {rss // 2**20} MiB")
            )
        return samples

    def _remember(self, name: str, tree: Sequence[Stat], rss: int, at_s: float) -> tuple[float | None, _History]:
        """CPU cores used since the last poll, and the history with this poll in it. A new main process begins anew."""
        ticks = {stat.identity: stat.cpu_ticks for stat in tree}
        known = self._known.get(name)
        if known is None or known.main != tree[0].identity:
            known = _History(main=tree[0].identity, at_s=at_s, ticks=ticks)
            self._known[name] = known
            known.memory.append((at_s, float(rss)))
            return None, known
        elapsed = at_s - known.at_s
        used = sum(count - known.ticks.get(identity, 0) for identity, count in ticks.items())
        known.at_s, known.ticks = at_s, ticks
        if at_s - known.memory[-1][0] >= self._window_s / _POINTS:
            known.memory.append((at_s, float(rss)))
            self._forget(known.memory, at_s)
        return (max(0, used) / TICKS_PER_S / elapsed if elapsed > 0 else None), known

    def _forget(self, memory: list[tuple[float, float]], at_s: float) -> None:
        """Keeps what the window needs: everything in it and one point before, and never fewer than a slope needs."""
        while len(memory) > _FEWEST and memory[1][0] <= at_s - self._window_s:
            memory.pop(0)


def growth_of(memory: Sequence[tuple[float, float]], *, window_s: float) -> float | None:
    """Bytes a second: the median slope of all pairs (Theil and Sen), so that single jumps do not count. Pure.

    None while the history is shorter than the window.
    """
    if len(memory) < _FEWEST or memory[-1][0] - memory[0][0] < window_s:
        return None
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for position, earlier in enumerate(memory)
        for later in memory[position + 1 :]
    ]
    return float(median(slopes))


def _is_unseen(process: Process | None, picture: Processes) -> bool:
    """Whether supervisord names a process that /proc does not show. Pure."""
    return process is not None and process.pid != 0 and process.pid not in picture.by_pid


def _process(service: Service, processes: Mapping[str, Process]) -> Process | None:
    try:
        return processes.get(process_name(service))
    except MisconfiguredError:
        return None
