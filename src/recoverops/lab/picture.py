"""The demo as a live picture in a terminal: the customers' requests, the loop's stations, the story, the figures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from recoverops.lab.events import (
    DemoEvent,
    Phase,
    PhaseBegan,
    PolicyShown,
    RequestsEnded,
    ScenarioEnded,
    StationsReached,
    Told,
)
from recoverops.lab.figures import DemoResult, Scenario, Station
from recoverops.lab.lines import HEADINGS, how_to_end, since, table_row, totals, verdict
from recoverops.lab.policy import Deviation
from recoverops.lab.traffic import Request

CELL = timedelta(milliseconds=625)
CELLS = 64
"""40 seconds, in a row that with its label fits a terminal of 80 columns."""
LABEL = "requests  "
STORY_LINES = 10
"""With everything else 20 lines, so that a terminal of 24 shows all of it while it runs."""
REFRESHES_PER_S = 8


class Cell(StrEnum):
    """What became of the requests of one cell's time. The shapes differ, not the colours alone."""

    NONE = "·"
    SERVED = "█"
    FAILED = "×"


STYLES = {Cell.NONE: "dim", Cell.SERVED: "green", Cell.FAILED: "bold red"}


class Picture:
    """Redraws itself at each event, between `with` and its end; the last picture stays on the screen.

    The policy is printed once, above it.
    """

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=REFRESHES_PER_S, transient=False)
        self._headline = ""
        self._requests: deque[Request] = deque(maxlen=4000)
        self._now: datetime | None = None
        self._fault_at: datetime | None = None
        self._stations: Mapping[Station, float] = {}
        self._story: deque[Text] = deque(maxlen=STORY_LINES)
        self._ended: list[Scenario] = []
        self._result: DemoResult | None = None

    def __enter__(self) -> Picture:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def __call__(self, event: DemoEvent) -> None:
        self._take(event)
        self._live.update(self.draw())

    def draw(self) -> RenderableType:
        """The whole picture as it is now."""
        parts: list[RenderableType] = [_line(self._headline, style="bold"), Text()]
        if self._now is not None:
            parts += [strip(self._requests, now=self._now, fault_at=self._fault_at), Text()]
        if self._ended:
            parts += [_line(done(self._ended)), Text()]
        parts += [loop(self._stations), Text(), *self._story]
        if self._result is not None:
            parts += [Text(), _summary(self._result)]
        return Group(*parts)

    def _take(self, event: DemoEvent) -> None:
        if isinstance(event, PolicyShown):
            self._live.console.print(_policy(event.deviations))
        elif isinstance(event, PhaseBegan):
            self._headline = event.text
            if event.phase is Phase.FAULT:
                self._fault_at = event.at
                self._stations = {}
                self._story.clear()
                self._story.append(_line(f"{since(0.0)} {event.text}", style="red"))
        elif isinstance(event, RequestsEnded):
            self._requests.extend(event.requests)
            self._now = event.now
        elif isinstance(event, StationsReached):
            self._stations = event.since_fault_s
        elif isinstance(event, Told):
            self._story.append(_line(f"{since(event.since_fault_s)} {event.who}: {event.text}"))
        elif isinstance(event, ScenarioEnded):
            self._ended.append(event.scenario)
        else:
            self._result = event.result


def _line(text: str, *, style: str = "") -> Text:
    """One line that is cut off at the terminal's edge, so that the picture keeps its height."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def cells(requests: Iterable[Request], *, now: datetime) -> tuple[Cell, ...]:
    """The last `CELLS` cells, the newest at the end. One failed request makes a cell failed."""
    drawn = [Cell.NONE] * CELLS
    for one in requests:
        place = _place(one.sent_at, now)
        if place is None or drawn[place] is Cell.FAILED:
            continue
        drawn[place] = Cell.SERVED if one.ok else Cell.FAILED
    return tuple(drawn)


def strip(requests: Iterable[Request], *, now: datetime, fault_at: datetime | None) -> RenderableType:
    row = Text(LABEL)
    for cell in cells(requests, now=now):
        row.append(cell, style=STYLES[cell])
    place = None if fault_at is None else _place(fault_at, now)
    mark = Text(" " * (len(LABEL) + place) + "▲ fault", style="red") if place is not None else Text()
    return Group(row, mark)


def _place(at: datetime, now: datetime) -> int | None:
    """The cell of that time; None when it lies outside the strip."""
    place = CELLS - 1 - (now - at) // CELL
    return place if 0 <= place < CELLS else None


def loop(reached: Mapping[Station, float]) -> RenderableType:
    """The stations in a row; those that were reached are lit, with the seconds since the fault below them."""
    table = Table.grid(padding=(0, 2))
    names, times = [], []
    for station in Station:
        seconds = reached.get(station)
        lit = seconds is not None
        names.append(Text(f"{'●' if lit else '○'} {station}", style="bold green" if lit else "dim"))
        times.append(Text("" if seconds is None else f"  {seconds:+.2f} s", style="green"))
    table.add_row(*names)
    table.add_row(*times)
    return table


def done(ended: Iterable[Scenario]) -> str:
    """The scenarios so far, in one line."""
    return "done: " + ", ".join(f"{one.fault} {'healed' if one.is_healed else 'NOT healed'}" for one in ended)


def _policy(deviations: Iterable[Deviation]) -> RenderableType:
    table = Table(title="lab policy: what differs from the defaults", title_justify="left", box=None)
    for heading in ("setting", "default", "here", "why"):
        table.add_column(heading)
    for one in deviations:
        table.add_row(one.setting, one.default, one.here, one.why, style="dim")
    return table


def _summary(result: DemoResult) -> RenderableType:
    table = Table(title="measured", title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading)
    for scenario in result.scenarios:
        table.add_row(*table_row(scenario))
    figures = (Text(f"{name}: {value}") for name, value in totals(result))
    end = Text(verdict(result), style="bold green" if result.is_healed else "red")
    return Group(table, *figures, end, *(Text(line) for line in how_to_end(result)))
