"""The demo as plain lines, for pipes, logs and `--json`'s standard error; and its words for the live picture."""

from __future__ import annotations

from typing import TextIO

from recoverops.lab.events import DemoEvent, PhaseBegan, PolicyShown, RequestsEnded, StationsReached, Told
from recoverops.lab.figures import DemoResult, Scenario


class Lines:
    """Prints each event as it comes. The customers' requests show only when their answers change."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._was_ok = True
        self._stations: set[str] = set()

    def __call__(self, event: DemoEvent) -> None:
        for line in self._lines_of(event):
            print(line, file=self._out, flush=True)

    def _lines_of(self, event: DemoEvent) -> list[str]:
        if isinstance(event, PolicyShown):
            told = [f"  {one.setting} = {one.here} (default {one.default}): {one.why}" for one in event.deviations]
            return ["lab policy; what differs from the defaults:", *told]
        if isinstance(event, PhaseBegan):
            return [f"== {event.text}"]
        if isinstance(event, Told):
            return [f"{since(event.since_fault_s)} {event.who}: {event.text}"]
        if isinstance(event, RequestsEnded):
            return self._turns(event)
        if isinstance(event, StationsReached):
            return self._new_stations(event)
        return summary_lines(event.result)

    def _turns(self, event: RequestsEnded) -> list[str]:
        told = []
        for one in sorted(event.requests, key=lambda one: one.n):
            if one.ok is not self._was_ok:
                told.append(f"           customers: request {one.n} {'served' if one.ok else f'failed: {one.error}'}")
            self._was_ok = one.ok
        return told

    def _new_stations(self, event: StationsReached) -> list[str]:
        new = {station: s for station, s in event.since_fault_s.items() if station not in self._stations}
        self._stations.update(new)
        return [f"{since(s)} loop: {station}" for station, s in new.items()]


def since(seconds: float | None) -> str:
    """ "[+  1.23 s]", in constant width."""
    return " " * 11 if seconds is None else f"[{seconds:+7.2f} s]"


def summary_lines(result: DemoResult) -> list[str]:
    rows = [row for scenario in result.scenarios for row in summary_rows(scenario)]
    width = max((len(name) for name, _ in rows), default=0)
    ended = [f"{name:<{width}}  {value}" for name, value in (*rows, *totals(result))]
    return ["", *ended, *how_to_end(result), "HEALED" if result.is_healed else f"NOT HEALED: {result.statement}"]


def summary_rows(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """The figures of one scenario, named."""
    return (
        ("fault", scenario.fault),
        ("detected after", _seconds(scenario.detected_s)),
        ("cause", f"{scenario.cause or '-'} (right: {scenario.cause_expected})"),
        ("runbook", scenario.runbook or "-"),
        ("actions", ", ".join(scenario.actions) or "-"),
        ("served again after", f"{_seconds(scenario.recovered_s)} (as the customers saw it)"),
        ("verified", "yes" if scenario.verified else "no"),
        ("resolved after", _seconds(scenario.resolved_s)),
        ("starts of the service", f"{scenario.service_starts} (by its own ledger)"),
    )


def totals(result: DemoResult) -> tuple[tuple[str, str], ...]:
    return (
        ("false actions", str(result.false_actions)),
        ("requests", f"{result.traffic.sent} sent, {result.traffic.failed} failed"),
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


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
