"""How incidents and events look in a terminal. Imported by whoever prints them: `up` does without."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recoverops.model import Decision, Event, GateAnswer, Incident, IncidentState, Run
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


def console() -> Console:
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PIPE_WIDTH)


def incidents_table(incidents: Sequence[Incident]) -> RenderableType:
    if not incidents:
        return Text("no incidents")
    table = Table(box=None, pad_edge=False)
    for column in ("incident", "state", "severity", "kind", "resource", "opened (UTC)", "why so"):
        table.add_column(column)
    for one in incidents:
        table.add_row(
            one.id,
            Text(one.state, style=STATE_STYLES[one.state]),
            one.severity,
            one.kind,
            Text(str(one.resource)),
            f"{one.opened_at:%Y-%m-%d %H:%M:%S}",
            one.reason,
        )
    return table


def events_table(page: EventPage) -> RenderableType:
    if not page.events:
        return Text("no events")
    table = Table(box=None, pad_edge=False)
    for column in ("at (UTC)", "kind", "of", "by", "what"):
        table.add_column(column)
    for stored in page.events:
        one = stored.event
        about = ", ".join(map(str, one.resources)) or "-"
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, Text(one.kind), Text(about), Text(one.actor or "-"), Text(one.summary))
    if page.next is not None:
        table.caption = f"more: --before {page.next}"
    return table


def story(told: IncidentStory) -> RenderableType:
    incident = told.incident
    head = Text.assemble(
        (incident.state, STATE_STYLES[incident.state]),
        f"  {incident.severity}  {incident.kind}  {incident.resource}\n{incident.title}",
    )
    parts: list[RenderableType] = [Panel(head, title=incident.id, title_align="left", expand=False)]
    parts.append(_section("What it looked like"))
    parts.extend(_hypotheses(told))
    if told.events:
        parts.append(_section("What was changed before"))
        parts.extend(_event(event) for event in told.events)
    parts.append(_section("What was decided, and why"))
    parts.extend(_decision(decision) for decision in _telling(told.decisions))
    if told.approval is not None:
        parts.append(Text(f"  approval {told.approval.id}: {told.approval.state} ({told.approval.plan.summary})"))
    if told.wait is not None:
        parts.append(Text(f"  waits ({told.wait.kind}) until {told.wait.due_at:%H:%M:%S} UTC"))
    parts.append(_section("What was done"))
    parts.extend(_run(run) for run in told.runs)
    if not told.runs:
        parts.append(Text("  nothing"))
    parts.append(_section("Timeline (UTC)"))
    parts.append(_timeline((one.at, one.actor, one.event, one.text) for one in told.timeline))
    if told.what_to_do:
        parts.append(_section("What to do"))
        parts.append(Text(f"  {told.what_to_do}"))
    return Group(*parts)


def _section(title: str) -> RenderableType:
    return Text(f"\n{title}", style="bold")


def _hypotheses(told: IncidentStory) -> Iterable[RenderableType]:
    if not told.hypotheses:
        yield Text("  no cause is known")
    for one in told.hypotheses:
        yield Text(f"  {one.cause} of {one.resource}, confidence {one.confidence:.2f}")
        for evidence in one.evidence:
            mark, style = ("+", "red") if evidence.supports else ("-", "green")
            yield Text(f"    {mark} {evidence.statement}", style=style)


def _event(event: Event) -> RenderableType:
    by = f" by {event.actor}" if event.actor else ""
    return Text(f"  {event.at:%H:%M:%S} {event.kind}{by}: {event.summary}")


def _telling(decisions: Sequence[Decision]) -> Iterable[Decision]:
    """Without the repetitions of a decision that only waited for the same reason."""
    for position, decision in enumerate(decisions):
        following = decisions[position + 1] if position + 1 < len(decisions) else None
        if following is None or (following.mode, following.reason) != (decision.mode, decision.reason):
            yield decision


def _decision(decision: Decision) -> RenderableType:
    lines = [Text(f"  {decision.at:%H:%M:%S} {decision.mode}: {decision.statement} ({decision.reason})", style="bold")]
    lines.extend(Text(f"      rule {one.rule}: {one.answer} ({one.statement})", style="dim") for one in decision.rules)
    for gate in decision.gates:
        mark, style = GATE_STYLES[gate.answer]
        lines.append(Text(f"      {mark} {gate.gate}: {gate.statement}", style=style))
    return Group(*lines)


def _run(told: RunStory) -> RenderableType:
    run = told.run
    lines = [Text(f"  {run.started_at:%H:%M:%S} {run.runbook}: {_meant(run)} (for {run.requested_by}): {run.state}")]
    for action in told.actions:
        outcome = f"{action.outcome.status}: {action.outcome.statement}" if action.outcome else "no outcome yet"
        lines.append(Text(f"      {action.plan.action} [{action.key}] {outcome}"))
    if run.verdict is not None:
        lines.append(Text(f"      verdict {run.verdict.status}: {run.verdict.statement}"))
    return Group(*lines)


def _meant(run: Run) -> str:
    return f"undo of {run.undoes}" if run.undoes else run.plan.summary


def _timeline(lines: Iterable[tuple[datetime, str, str, str]]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for at, actor, event, text in lines:
        table.add_row(f"  {at:%H:%M:%S.%f}"[:-3], Text(event), Text(actor, style="dim"), Text(text))
    return table
