"""How incidents and events look in a terminal. Imported by whoever prints them: `up` does without.

Every text goes through `_text`: what others wrote can neither steer the terminal nor fake a line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recoverops.model import (
    Decision,
    Delivery,
    DeliveryState,
    Event,
    GateAnswer,
    Incident,
    IncidentState,
    Run,
    printable,
)
from recoverops.operations import EventPage, IncidentStory, RunStory

STATE_STYLES = {
    IncidentState.OPEN: "bold red",
    IncidentState.WAITING: "bold yellow",
    IncidentState.ACTING: "bold cyan",
    IncidentState.VERIFYING: "cyan",
    IncidentState.ESCALATED: "bold magenta",
    IncidentState.RESOLVED: "green",
}
GATE_STYLES = {
    GateAnswer.PASS: ("✓", "green"),
    GateAnswer.ASK: ("?", "yellow"),
    GateAnswer.OBSERVE: ("o", "yellow"),
    GateAnswer.WAIT: ("…", "yellow"),
    GateAnswer.REFUSE: ("✗", "bold red"),
    GateAnswer.NOT_ASKED: (" ", "dim"),
}


PIPE_WIDTH = 240
"""Into a pipe or a file nothing is folded or cut."""
_WIDE, _NARROW = 110, 60
"""Columns of a terminal from which on there is room for everything, and below which there is room for little."""
_COLUMNS = ("state", "severity", "kind", "resource", "opened (UTC)", "why so")


def console() -> Console:
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PIPE_WIDTH)


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def incidents_table(incidents: Sequence[Incident], *, width: int) -> RenderableType:
    """The id is never folded or cut: it is what the other commands take. Where it is narrow, columns that `why` tells
    as well are left out."""
    if not incidents:
        return Text("no incidents")
    left_out = {"kind"} if width < _WIDE else set()
    if width < _NARROW:
        left_out = {"severity", "kind", "resource", "opened (UTC)", "why so"}
    table = Table(box=None, pad_edge=False)
    table.add_column("incident", no_wrap=True, min_width=max(len(one.id) for one in incidents))
    for column in _COLUMNS:
        if column not in left_out:
            table.add_column(column, overflow="fold")
    for one in incidents:
        cells = {
            "state": _text(one.state, STATE_STYLES[one.state]),
            "severity": _text(one.severity),
            "kind": _text(one.kind),
            "resource": _text(str(one.resource)),
            "opened (UTC)": _text(f"{one.opened_at:%Y-%m-%d %H:%M:%S}"),
            "why so": _text(one.reason),
        }
        table.add_row(_text(one.id), *(cells[column] for column in _COLUMNS if column not in left_out))
    return table


def events_table(page: EventPage) -> RenderableType:
    if not page.events:
        return _text("no events")
    table = Table(box=None, pad_edge=False)
    for column in ("at (UTC)", "kind", "of", "by", "what"):
        table.add_column(column)
    for stored in page.events:
        one = stored.event
        about = ", ".join(map(str, one.resources)) or "-"
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, _text(one.kind), _text(about), _text(one.actor or "-"), _text(one.summary))
    if page.next is not None:
        table.caption = f"more: --before {page.next}"
    return table


def story(told: IncidentStory) -> RenderableType:
    incident = told.incident
    head = Text.assemble(
        (incident.state, STATE_STYLES[incident.state]),
        f"  {incident.severity}  {incident.kind}  {printable(str(incident.resource))}\n{printable(incident.title)}",
    )
    title = _text(incident.id)
    parts: list[RenderableType] = [Panel(head, title=title, title_align="left", expand=False)]
    parts.append(_section("What it looked like"))
    parts.extend(_hypotheses(told))
    if told.events:
        parts.append(_section("What was changed before"))
        parts.extend(_event(event) for event in told.events)
    parts.append(_section("What was decided, and why"))
    parts.extend(_decision(decision) for decision in _telling(told.decisions))
    if told.approval is not None:
        parts.append(_text(f"  approval {told.approval.id}: {told.approval.state} ({told.approval.plan.summary})"))
    if told.wait is not None:
        parts.append(_text(f"  waits ({told.wait.kind}) until {told.wait.due_at:%H:%M:%S} UTC"))
    parts.append(_section("What was done"))
    parts.extend(_run(run) for run in told.runs)
    if not told.runs:
        parts.append(_text("  nothing"))
    parts.append(_section("Who was told"))
    parts.extend(_delivery(one) for one in told.deliveries)
    if not told.deliveries:
        parts.append(_text("  nobody"))
    parts.append(_section("Timeline (UTC)"))
    parts.append(_timeline((one.at, one.actor, one.event, one.text) for one in told.timeline))
    if told.what_to_do:
        parts.append(_section("What to do"))
        parts.append(_text(f"  {told.what_to_do}"))
    return Group(*parts)


def _section(title: str) -> RenderableType:
    return Text(f"\n{title}", style="bold")


def _hypotheses(told: IncidentStory) -> Iterable[RenderableType]:
    if not told.hypotheses:
        yield _text("  no cause is known")
    for one in told.hypotheses:
        yield _text(f"  {one.cause} of {one.resource}, confidence {one.confidence:.2f}")
        for evidence in one.evidence:
            mark, style = ("+", "red") if evidence.supports else ("-", "green")
            yield _text(f"    {mark} {evidence.statement}", style=style)


def _event(event: Event) -> RenderableType:
    by = f" by {event.actor}" if event.actor else ""
    return _text(f"  {event.at:%H:%M:%S} {event.kind}{by}: {event.summary}")


def _telling(decisions: Sequence[Decision]) -> Iterable[Decision]:
    """Without the repetitions of a decision that only waited for the same reason."""
    for position, decision in enumerate(decisions):
        following = decisions[position + 1] if position + 1 < len(decisions) else None
        if following is None or (following.mode, following.reason) != (decision.mode, decision.reason):
            yield decision


def _decision(decision: Decision) -> RenderableType:
    lines = [_text(f"  {decision.at:%H:%M:%S} {decision.mode}: {decision.statement} ({decision.reason})", style="bold")]
    lines.extend(_text(f"      rule {one.rule}: {one.answer} ({one.statement})", style="dim") for one in decision.rules)
    for gate in decision.gates:
        mark, style = GATE_STYLES[gate.answer]
        lines.append(_text(f"      {mark} {gate.gate}: {gate.statement}", style=style))
    return Group(*lines)


def _run(told: RunStory) -> RenderableType:
    run = told.run
    lines = [_text(f"  {run.started_at:%H:%M:%S} {run.runbook}: {_meant(run)} (for {run.requested_by}): {run.state}")]
    for action in told.actions:
        outcome = f"{action.outcome.status}: {action.outcome.statement}" if action.outcome else "no outcome yet"
        lines.append(_text(f"      {action.plan.action} [{action.key}] {outcome}"))
    if run.verdict is not None:
        lines.append(_text(f"      verdict {run.verdict.status}: {run.verdict.statement}"))
    return Group(*lines)


def _delivery(one: Delivery) -> RenderableType:
    told = one.notification
    head = f"  {told.at:%H:%M:%S} {told.event} by {one.channel}"
    if one.state is DeliveryState.SENT:
        when = f" at {one.done_at:%H:%M:%S} UTC" if one.done_at else ""
        return _text(f"{head}: sent{when}" + (f", at attempt {one.attempts}" if one.attempts > 1 else ""))
    if one.state is DeliveryState.FAILED:
        return _text(f"{head}: given up after attempt {one.attempts}, because {one.last_error}", "bold red")
    if one.attempts:
        waits = f"waits for attempt {one.attempts + 1} at {one.next_at:%H:%M:%S} UTC, because {one.last_error}"
        return _text(f"{head}: {waits}", "yellow")
    return _text(f"{head}: waits for its turn", "yellow")


def _meant(run: Run) -> str:
    return f"undo of {run.undoes}" if run.undoes else run.plan.summary


def _timeline(lines: Iterable[tuple[datetime, str, str, str]]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for at, actor, event, text in lines:
        table.add_row(f"  {at:%H:%M:%S.%f}"[:-3], _text(event), _text(actor, style="dim"), _text(text))
    return table
