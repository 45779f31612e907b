"""Silences: a person says that nothing acts on these resources until then, and may take it back earlier.

Work while no engine runs. The audit line is written first: it takes the lock that serialises decisions, so a decision
is made either before the change or on it, and no response is parked behind a silence that has just ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

from recoverops.model import (
    Incident,
    IncidentState,
    NotFoundError,
    PermanentError,
    Reason,
    Silence,
    SilenceId,
    format_duration,
    new_silence_id,
)
from recoverops.ports import Clock, Store, Tx
from recoverops.topology import Inventory, has_wildcard, never_matches

LONGEST = timedelta(days=30)
"""What has to stay untouched for longer belongs into `decision.protected`."""


def list_silences(store: Store, clock: Clock, *, ended_too: bool = False, limit: int = 100) -> tuple[Silence, ...]:
    """Those that count now, the oldest first; with the ended ones newest first."""
    if ended_too:
        return store.read(lambda tx: tx.silences.listed(limit=limit))
    return store.read(lambda tx: tx.silences.active(clock.now()))


def silence(
    store: Store, clock: Clock, inventory: Inventory, *, pattern: str, duration: timedelta, by: str, reason: str
) -> Silence:
    """Nothing acts on what `pattern` matches (* and ?, over `kind:name`) for `duration` from now on.

    Raises NotFoundError when the pattern names nothing, PermanentError without a reason or for a duration out of
    bounds.
    """
    wrong = why_no_silence(duration=duration, reason=reason)
    if wrong:
        raise PermanentError(wrong)
    _check_pattern(pattern, [str(service.resource) for service in inventory.services.values()])
    now = clock.now()
    begun = Silence(
        id=new_silence_id(now),
        pattern=pattern,
        starts_at=now,
        ends_at=now + duration,
        by=by,
        reason=reason.strip(),
    )
    store.write(lambda tx: _begin(tx, begun, covered=", ".join(covered_now(inventory, begun))))
    return begun


def why_no_silence(*, duration: timedelta, reason: str) -> str:
    """What is wrong with the wish, whatever it is for; empty when nothing is."""
    if not reason.strip():
        return "a silence needs a reason; everybody who meets it will see it"
    if timedelta(0) < duration <= LONGEST:
        return ""
    return (
        f"a silence of {format_duration(duration)} is not possible, expected more than 0s and at most "
        f"{format_duration(LONGEST)}; what has to stay untouched for longer belongs into decision.protected"
    )


def covered_now(inventory: Inventory, silence: Silence) -> tuple[str, ...]:
    """The services of the inventory that it covers; a pattern may also cover none, e.g. only `service:unlisted/...`."""
    return tuple(sorted(one.name for one in inventory.services.values() if silence.covers(one.resource)))


def _check_pattern(pattern: str, known: Iterable[str]) -> None:
    """Refuses what can only be a slip of the pen: a name that nothing has, or a pattern that no resource can match."""
    names = list(known)
    if has_wildcard(pattern):
        if (why := never_matches(pattern, names)) is not None:
            raise NotFoundError(f'the pattern "{pattern}" matches nothing: {why}')
        return
    if pattern in names:
        return
    nearest = get_close_matches(pattern, names, n=1, cutoff=0.3)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"known are: {', '.join(sorted(names)) or 'none'}"
    raise NotFoundError(f'nothing in the inventory is called "{pattern}"; {hint}')


def _begin(tx: Tx, silence: Silence, *, covered: str) -> None:
    tx.audit.append(
        at=silence.starts_at,
        actor=silence.by,
        event="silence.begun",
        subject=silence.id,
        detail={
            "pattern": silence.pattern,
            "until": silence.ends_at.isoformat(),
            "reason": silence.reason,
            "covered": covered,
        },
    )
    tx.silences.insert(silence)


def end_silence(store: Store, clock: Clock, silence_id: str, *, by: str) -> Silence:
    """The silence, ended now. Responses that it held are due at once.

    Raises NotFoundError, and ConflictError when it is over already.
    """
    return store.write(lambda tx: _end(tx, clock, SilenceId(silence_id), by=by))


def _end(tx: Tx, clock: Clock, silence_id: SilenceId, *, by: str) -> Silence:
    now = clock.now()
    known = tx.silences.get(silence_id)
    detail = {"pattern": known.pattern, "planned": known.ends_at.isoformat()}
    tx.audit.append(at=now, actor=by, event="silence.ended", subject=silence_id, detail=detail)
    ended = tx.silences.end(silence_id, by=by, at=now)
    for incident in tx.incidents.listed(states=(IncidentState.WAITING,), limit=10_000):
        if incident.reason == Reason.SILENCED and _was_held(tx, incident, ended):
            tx.waits.make_due(incident.id, at=now)
    return ended


def _was_held(tx: Tx, incident: Incident, silence: Silence) -> bool:
    """By its own resource, or by something else that the plan would touch."""
    plans = [decision.plan for decision in tx.decisions.of_incident(incident.id)[-1:] if decision.plan]
    felt = {incident.resource, *(resource for plan in plans for resource in (plan.target, *plan.touches))}
    return any(map(silence.covers, felt))
