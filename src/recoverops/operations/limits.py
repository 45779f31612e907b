"""Every limit's use, in one picture: what was done lately, what that leaves, and what waits or is held back."""

from __future__ import annotations

from datetime import datetime, timedelta

from recoverops.model import Approval, Record, Silence, StopState, Wait
from recoverops.operations.stop import read_stop
from recoverops.ports import Clock, Lock, Standing, StopSwitch, Store, Tx

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Ceilings(Record, frozen=True, kw_only=True):
    """The limits themselves, as the installation set them."""

    per_hour: int
    per_day: int
    cooldown: timedelta


class Use(Record, frozen=True, kw_only=True):
    """Of one rolling window."""

    used: int
    most: int
    next_free_at: datetime | None
    """When the next action fits; None while one does."""


class Cooldown(Record, frozen=True, kw_only=True):
    """One that runs. A rule with a longer one of its own waits longer."""

    target: str
    acted_at: datetime
    ends_at: datetime


class LimitsView(Record, frozen=True, kw_only=True):
    at: datetime
    emergency_stop: StopState
    actions_in_last_hour: Use
    actions_in_last_day: Use
    cooldowns: tuple[Cooldown, ...]
    locks: tuple[Lock, ...]
    waits: tuple[Wait, ...]
    approvals: tuple[Approval, ...]
    silences: tuple[Silence, ...]


def limits_view(store: Store, clock: Clock, switch: StopSwitch, ceilings: Ceilings) -> LimitsView:
    """From one snapshot of the store. An emergency stop that cannot be read counts as engaged."""
    stop = read_stop(switch)
    return store.read(lambda tx: _view(tx, ceilings, stop, now=clock.now()))


def _view(tx: Tx, ceilings: Ceilings, stop: StopState, *, now: datetime) -> LimitsView:
    standing = tx.limits.standing(now=now, acted_after=now - ceilings.cooldown)
    return LimitsView(
        at=now,
        emergency_stop=stop,
        actions_in_last_hour=_use(standing.in_last_hour, ceilings.per_hour, standing.oldest_in_hour, HOUR),
        actions_in_last_day=_use(standing.in_last_day, ceilings.per_day, standing.oldest_in_day, DAY),
        cooldowns=_cooldowns(standing, ceilings.cooldown),
        locks=standing.locks,
        waits=tx.waits.listed(),
        approvals=tx.approvals.pending(),
        silences=tx.silences.active(now),
    )


def _use(used: int, most: int, oldest: datetime | None, window: timedelta) -> Use:
    is_spent = used >= most
    return Use(used=used, most=most, next_free_at=oldest + window if is_spent and oldest else None)


def _cooldowns(standing: Standing, cooldown: timedelta) -> tuple[Cooldown, ...]:
    return tuple(
        Cooldown(target=one.target, acted_at=one.at, ends_at=one.at + cooldown) for one in standing.last_actions
    )
