"""The emergency stop. Engaging it needs no database; clearing it does, because that has to be audited first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recoverops.model import RecoverOpsError, StopState
from recoverops.notifications import compose
from recoverops.ports import Clock, StopSwitch, Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    state: StopState
    audited: bool
    """False when the store could not be written to; the stop holds all the same."""
    why_not: str = ""


def engage_stop(
    switch: StopSwitch,
    open_store: Callable[[], Store],
    clock: Clock,
    *,
    reason: str,
    by: str,
    channels: tuple[str, ...] = (),
) -> Stopped:
    """Engages first, writes the audit line second."""
    state = switch.engage(reason=reason, by=by)
    now = clock.now()

    def write(tx: Tx) -> None:
        tx.audit.append(at=now, actor=by, event="stop.engaged", subject="recoverops", detail={"reason": reason})
        if channels:
            tx.outbox.post(compose.stop_engaged(reason, by, at=now), channels=channels)

    try:
        open_store().write(write)
    except RecoverOpsError as error:
        return Stopped(state=state, audited=False, why_not=str(error))
    return Stopped(state=state, audited=True)


def clear_stop(switch: StopSwitch, store: Store, clock: Clock, *, by: str, channels: tuple[str, ...] = ()) -> StopState:
    """Audits first: without an audit line nothing may act again. Returns the state that was cleared."""
    before, now = switch.read(), clock.now()

    def write(tx: Tx) -> None:
        tx.audit.append(at=now, actor=by, event="stop.cleared", subject="recoverops", detail={"was": before.reason})
        if channels:
            tx.outbox.post(compose.stop_cleared(by, at=now), channels=channels)

    store.write(write)
    switch.clear()
    return before
