"""The emergency stop. Engaging it needs no database; clearing it does, because that has to be audited first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from recoverops.model import (
    STOP_CLEARED,
    STOP_ENGAGED,
    STOP_SUBJECT,
    ConflictError,
    Incident,
    IncidentState,
    Reason,
    RecoverOpsError,
    StopState,
    UnreachableError,
)
from recoverops.notifications import compose
from recoverops.ports import Clock, StopSwitch, Store, Tx

_BY_STOP = frozenset({Reason.EMERGENCY_STOP, Reason.STOP_STATE_UNKNOWN})
"""A stop that could not be read held as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    state: StopState
    audited: bool
    """False when the store could not be written to; the stop holds all the same."""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Where a stop is written down, and over which channels people hear of it."""

    store: Store
    channels: tuple[str, ...]


def read_stop(switch: StopSwitch) -> StopState:
    """One that cannot be read counts as engaged, and says why it cannot."""
    try:
        return switch.read()
    except UnreachableError as error:
        return StopState(stopped=True, reason=str(error))


def engage_stop(switch: StopSwitch, telling: Callable[[], Telling], clock: Clock, *, reason: str, by: str) -> Stopped:
    """Engages first; opens the store and writes the audit line second, and only if that works."""
    return tell_of_stop(switch.engage(reason=reason, by=by), telling, clock, reason=reason, by=by)


def tell_of_stop(state: StopState, telling: Callable[[], Telling], clock: Clock, *, reason: str, by: str) -> Stopped:
    """The second half: what is engaged already is written down. Takes as long as the store does."""
    now = clock.now()
    try:
        told = telling()
        told.store.write(lambda tx: _write_stop(tx, told.channels, reason=reason, by=by, now=now))
    except RecoverOpsError as error:
        return Stopped(state=state, audited=False, why_not=str(error))
    return Stopped(state=state, audited=True)


def _write_stop(tx: Tx, channels: tuple[str, ...], *, reason: str, by: str, now: datetime) -> None:
    tx.audit.append(at=now, actor=by, event=STOP_ENGAGED, subject=STOP_SUBJECT, detail={"reason": reason})
    if channels:
        tx.outbox.post(compose.stop_engaged(reason, by, at=now), channels=channels)


def clear_stop(switch: StopSwitch, store: Store, clock: Clock, *, by: str, channels: tuple[str, ...] = ()) -> StopState:
    """Audits first: without an audit line nothing may act again. Returns the state that was cleared.

    Where nothing was stopped nothing is written down and nobody is told.

    Raises ConflictError when somebody stops it in this very moment: that stop is not the one to clear.
    """
    before, now = switch.read(), clock.now()
    if not before.stopped:
        return before

    def write(tx: Tx) -> None:
        if (standing := switch.read(tx)) != before:
            raise ConflictError(standing.engaged_anew)
        tx.audit.append(at=now, actor=by, event=STOP_CLEARED, subject=STOP_SUBJECT, detail={"was": before.reason})
        if channels:
            tx.outbox.post(compose.stop_cleared(by, at=now), channels=channels)

    store.write(write)
    switch.clear(before)
    return before


def left_by_stop(store: Store) -> tuple[Incident, ...]:
    """The open incidents that an emergency stop left with a person, newest first. Resuming does not take them up."""
    escalated = store.read(lambda tx: tx.incidents.listed(states=(IncidentState.ESCALATED,), limit=1000))
    return tuple(one for one in escalated if one.reason in _BY_STOP)
