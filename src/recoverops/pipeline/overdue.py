"""Tells a person about an effect whose call does not return, once. Called by the sweep.

Nothing else changes: the incident stays as it is, its target stays locked, and when the call returns the response goes
on. How long it takes is counted from when the call began in this process: after a restart it is another call, which
probes first. That it was told stands in the timeline, so the next process tells nobody again.
"""

from __future__ import annotations

from functools import partial

from recoverops.model import ActionRecord
from recoverops.notifications import compose
from recoverops.pipeline.calls import Call
from recoverops.pipeline.parts import ENGINE, Parts
from recoverops.pipeline.story import tell
from recoverops.ports import Tx

SLACK_S = 60.0
"""Beyond the action's own limit: it keeps evidence before the effect, and may be probed after it."""
OVERDUE = "action_overdue"
"""The event in the timeline, and the reason in the metric."""


class Overdue:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._told: set[str] = set()

    def tell(self) -> None:
        now, calls = self._parts.clock.monotonic(), self._parts.calls.under_way()
        self._told &= {one.intent.key for one in calls}
        for call in calls:
            if call.intent.key not in self._told and _is_overdue(call, now):
                self._parts.store.write(partial(self._write, call.intent, took_s=now - call.began))
                self._told.add(call.intent.key)
                self._parts.nudge(None)

    def _write(self, intent: ActionRecord, tx: Tx, *, took_s: float) -> None:
        if all(one.intent.key != intent.key for one in self._parts.calls.under_way()):
            return  # it returned while this waited for its turn to write
        incident = tx.incidents.get(tx.runs.get(intent.run_id).incident_id)
        lines = tx.incidents.timeline(incident.id)
        if any(one.event == OVERDUE and one.detail.get("call") == intent.key for one in lines):
            return
        now, plan = self._parts.clock.now(), intent.plan
        told = (
            f"{'the undo of ' if intent.is_undo else ''}{plan.action} on {plan.target} has not returned for "
            f"{took_s:.0f} s, its limit is {plan.timeout_s:g} s. Nobody knows what it has done, and the target stays "
            "locked until it returns. See what it hangs on; a restart of RecoverOps gives it up, and probes"
        )
        tell(tx, incident, OVERDUE, told, at=now, actor=ENGINE, detail={"call": intent.key})
        self._parts.post(tx, compose.incident_escalated(incident, told, at=now))
        self._parts.telemetry.count("recoverops_escalations_total", reason=OVERDUE)


def _is_overdue(call: Call, now: float) -> bool:
    return now - call.began > call.intent.plan.timeout_s + SLACK_S
