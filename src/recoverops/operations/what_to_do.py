"""What a person can do about an incident that RecoverOps does not act on, by the word that says why. Pure.

Shown by `recoverops why` and the API. The table of docs/rules.md has the same sentences; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import Approval, ApprovalState, Incident, IncidentState, Reason

NOTHING = "nothing"
ADVICE: Mapping[Reason, str] = {
    Reason.OK: NOTHING,
    Reason.EMERGENCY_STOP: "`recoverops resume` when it is safe; it does not take this incident up again by that",
    Reason.STOP_STATE_UNKNOWN: "make the data directory readable; it counts as stopped until then",
    Reason.TARGET_PROTECTED: "act by hand, or change `decision.protected`",
    Reason.LAST_HEALTHY_MEMBER: "heal another member of the group first",
    Reason.SILENCED: "nothing, or `recoverops unsilence`; a silence does not count for `decision.give_up_after`",
    Reason.NOT_ON_ALLOW_LIST: "act by hand, or add a pattern to `decision.allow`",
    Reason.TARGET_UNKNOWN: "add the service to `services:`, or its labels to a `match:`",
    Reason.EVIDENCE_STALE: "see whether the sources answer: `/status`, `recoverops_source_up`",
    Reason.NOT_FIRING: "nothing; it closes when it stays normal for `incidents.clear_after`",
    Reason.HOLDING: NOTHING,
    Reason.COOLING_DOWN: "nothing; if it happens often, the action does not cure it",
    Reason.RATE_HOUR_SPENT: "act by hand; see what eats the actions before you raise `decision.max_actions_per_hour`",
    Reason.RATE_DAY_SPENT: "act by hand; see what eats the actions before you raise `decision.max_actions_per_day`",
    Reason.TARGET_LOCKED: "nothing; the other run ends within its runbook's timeout",
    Reason.BLAST_RADIUS_COUNT: "act by hand, or raise `decision.max_targets`",
    Reason.BLAST_RADIUS_SHARE: "act by hand, or raise `decision.max_share_of_group`",
    Reason.OBSERVE_ONLY: "act by hand; raise the mode when you agree with what it would have done",
    Reason.APPROVAL_NEEDED: "`recoverops approve` or `recoverops deny`",
    Reason.APPROVED: NOTHING,
    Reason.DENIED: "act by hand",
    Reason.APPROVAL_EXPIRED: "act by hand; `decision.approval_ttl` says how long a question stays open",
    Reason.PLAN_CHANGED: "look at the new plan",
    Reason.REQUEST_EXPIRED: "ask again; the sentence says what held it for `decision.act_within`",
    Reason.NO_HYPOTHESIS: "act by hand; a rule for the symptom would make it act the next time",
    Reason.NO_RULE_MATCHED: "act by hand; `recoverops why` shows each rule's condition and its answer",
    Reason.RULE_UNKNOWN: "see why the metric that the rule names is not measured: `/status`",
    Reason.DEPENDENCY_AT_FAULT: "heal the service in `depends_on` that it names; nothing is done here meanwhile",
    Reason.ANOTHER_INCIDENT: "see the other incident of this resource; when nobody works on that, a person is called",
    Reason.PLAN_FAILED: "correct what the sentence says, for example the service's address",
    Reason.RULES_CHANGED: "nothing; the new rules are asked",
    Reason.GAVE_UP: "act by hand; it waited `decision.give_up_after` for what the sentence says",
}
AFTER_AN_ACTION: Mapping[str, str] = {
    "flapping": "find out why it comes back; it is closed after `incidents.flap_quiet` without trouble",
    "verdict_no_effect": "act by hand; the action was done and did not help",
    "verdict_unknown": "see whether it helped, and why nothing is measured: `/status`",
    "undone": "act by hand; what was done is taken back",
    "undo_failed": "see whether the change is still in place, and take it back by hand",
    "undo_gated": "see whether the change is still in place, and take it back by hand",
    "undo_expired": "see whether the change is still in place, and take it back by hand",
    "undo_unknown": "see whether the change is still in place, and take it back by hand",
    "action_failed": "act by hand; the sentence says why it failed, and `recoverops undo` takes back what can be",
    "action_unknown": "see whether the action was done before you do it again, or take it back: `recoverops undo`",
    "internal_error": "see the log of the engine, and act by hand",
}
_CLOSED_BY_RECOVERY = "It closes by itself once everything is normal; `recoverops close` closes it at once."


def what_to_do(incident: Incident, approval: Approval | None) -> str:
    """Empty for one that is over, and while nothing is to be done."""
    if incident.state is IncidentState.RESOLVED:
        return ""
    if approval is not None and approval.state is ApprovalState.PENDING:
        return f"recoverops approve {approval.id}, or recoverops deny {approval.id}"
    advice = AFTER_AN_ACTION.get(incident.reason) or _of_reason(incident.reason)
    if incident.state is IncidentState.ESCALATED and advice:
        return f"{advice}. {_CLOSED_BY_RECOVERY}"
    return advice


def _of_reason(word: str) -> str:
    """Empty for words that need nobody."""
    advice = ADVICE[Reason(word)] if word in set(Reason) else NOTHING
    return "" if advice == NOTHING else advice
