"""The demo as plain lines, for pipes, logs and `--json`'s standard error; and its words for the live picture."""

from __future__ import annotations

from typing import TextIO

from recoverops.lab.events import (
    DemoEvent,
    Finished,
    Phase,
    PhaseBegan,
    PolicyShown,
    RequestsEnded,
    ScenarioEnded,
    StationsReached,
    Told,
)
from recoverops.lab.figures import DemoResult, Scenario
from recoverops.lab.traffic import PAGES


class Lines:
    """Prints each event as it comes. Customers show when one of their pages begins to fail, and when none fails
    any more."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._failing: set[tuple[str, str]] = set()
        """The pages whose newest request failed."""
        self._stations: set[str] = set()

    def __call__(self, event: DemoEvent) -> None:
        for line in self._lines_of(event):
            print(line, file=self._out, flush=True)

    def _lines_of(self, event: DemoEvent) -> list[str]:
        if isinstance(event, PolicyShown):
            told = [f"  {one.setting} = {one.here} (default {one.default}): {one.why}" for one in event.deviations]
            return ["lab policy; what differs from the defaults:", *told]
        if isinstance(event, PhaseBegan):
            if event.phase is Phase.FAULT:
                self._stations.clear()
            return [f"== {event.text}"]
        if isinstance(event, Told):
            return [f"{since(event.since_fault_s)} {event.who}: {event.text}"]
        if isinstance(event, RequestsEnded):
            return self._turns(event)
        return self._lines_of_progress(event)

    def _lines_of_progress(self, event: StationsReached | ScenarioEnded | Finished) -> list[str]:
        if isinstance(event, StationsReached):
            return self._new_stations(event)
        if isinstance(event, ScenarioEnded):
            return scenario_lines(event.scenario)
        return summary_lines(event.result)

    def _turns(self, event: RequestsEnded) -> list[str]:
        told = []
        for one in sorted(event.requests, key=lambda one: one.n):
            page, before = PAGES[one.n % len(PAGES)], bool(self._failing)
            (self._failing.discard if one.ok else self._failing.add)(page)
            if bool(self._failing) is not before:
                told.append(f"           customers: request {one.n} {'served' if one.ok else f'failed: {one.error}'}")
        return told

    def _new_stations(self, event: StationsReached) -> list[str]:
        new = {station: s for station, s in event.since_fault_s.items() if station not in self._stations}
        self._stations.update(new)
        return [f"{since(s)} loop: {station}" for station, s in new.items()]


def since(seconds: float | None) -> str:
    """ "[+  1.23 s]", in constant width."""
    return " " * 11 if seconds is None else f"[{seconds:+7.2f} s]"


def scenario_lines(scenario: Scenario) -> list[str]:
    """The figures of one scenario, one below the other."""
    rows = (
        ("fault", f"{scenario.fault} of {scenario.service}"),
        ("detected after", seconds(scenario.detected_s)),
        ("cause", f"{scenario.cause or '-'} (right: {scenario.cause_expected})"),
        ("runbook", scenario.runbook or "-"),
        ("actions", ", ".join(scenario.actions) or "-"),
        ("served again after", f"{seconds(scenario.recovered_s)} (as the customers saw it)"),
        ("verified", "yes" if scenario.verified else "no"),
        ("resolved after", seconds(scenario.resolved_s)),
        ("starts of the service", f"{scenario.service_starts} (by its own ledger)"),
    )
    width = max(len(name) for name, _ in rows)
    return [*(f"  {name:<{width}}  {value}" for name, value in rows), f"  {scenario.statement}"]


def summary_lines(result: DemoResult) -> list[str]:
    rows = [HEADINGS, *(table_row(scenario) for scenario in result.scenarios)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    table = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    figures = [f"{name}: {value}" for name, value in totals(result)]
    return ["", *table, "", *figures, *how_to_end(result), verdict(result)]


HEADINGS = ("fault", "detected", "cause", "actions", "verified", "served again")


def table_row(scenario: Scenario) -> tuple[str, ...]:
    """One scenario under `HEADINGS`."""
    is_right = scenario.cause == scenario.cause_expected
    return (
        scenario.fault,
        seconds(scenario.detected_s),
        (scenario.cause or "-") + ("" if is_right else f" (right: {scenario.cause_expected})"),
        ", ".join(scenario.actions) or "-",
        "yes" if scenario.verified else "no",
        seconds(scenario.recovered_s),
    )


def verdict(result: DemoResult) -> str:
    return "HEALED" if result.is_healed else f"NOT HEALED: {result.statement}"


def totals(result: DemoResult) -> tuple[tuple[str, str], ...]:
    return (
        ("false actions", str(result.false_actions)),
        ("false alarms", "; ".join(one.title for one in result.false_alarms) or "0"),
        ("requests", f"{result.traffic.sent} sent, {result.traffic.failed} failed"),
        *((f"left out, {one.fault}", one.why) for one in result.left_out),
    )


def how_to_end(result: DemoResult) -> list[str]:
    """Where what was kept can be found, and how to end it; nothing when nothing was kept."""
    if (kept := result.kept) is None:
        return []
    return [
        f"still running: RecoverOps at {kept.url}, its key in {kept.admin_key}",
        f"files: {kept.directory}",
        f"end all of it (it ends by itself after an hour): kill {kept.pid}",
    ]


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
