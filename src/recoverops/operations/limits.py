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
    """When the next action fits; None while one does, and where none ever will: `most` is 0."""


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
        actions_in_last_hour=_use(tx, standing.in_last_hour, ceilings.per_hour, HOUR, now=now),
        actions_in_last_day=_use(tx, standing.in_last_day, ceilings.per_day, DAY, now=now),
        cooldowns=_cooldowns(standing, ceilings.cooldown),
        locks=standing.locks,
        waits=tx.waits.listed(),
        approvals=tx.approvals.pending(),
        silences=tx.silences.active(now),
    )


def _use(tx: Tx, used: int, most: int, window: timedelta, *, now: datetime) -> Use:
    return Use(used=used, most=most, next_free_at=tx.limits.free_at(most=most, window=window, now=now))


def _cooldowns(standing: Standing, cooldown: timedelta) -> tuple[Cooldown, ...]:
    return tuple(
        Cooldown(target=one.target, acted_at=one.at, ends_at=one.at + cooldown) for one in standing.last_actions
    )
