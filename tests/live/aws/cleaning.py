"""Removes what runs made, finds what a killed one left, and says what is still there.

Nothing is ever removed but what carries the tag of the run that is cleaned up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.live.aws.ground import Ground, expiry_of
from tests.live.aws.kinds import KINDS, Found, Kind

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is there, as far as AWS told."""

    found: tuple[Found, ...]
    """In the order in which they can be removed."""
    unknown: tuple[str, ...] = ()
    """Kinds that AWS did not list, each with the reason: of these nobody knows."""


def look_around(ground: Ground, *, run: str | None = None) -> Around:
    """By the tags; of all runs unless one is named. A kind that is not to be had keeps the others from nothing."""
    from botocore.exceptions import BotoCoreError, ClientError

    found, unknown = [], []
    for kind in KINDS:
        try:
            found += [one for one in _of_kind(ground, kind) if run is None or one.run == run]
        except (ClientError, BotoCoreError) as error:
            unknown.append(f"{kind.name}: {error}")
    return Around(found=tuple(found), unknown=tuple(unknown))


def remove_all(ground: Ground, given: Iterable[Found], tell: Tell, *, within: timedelta) -> tuple[Found, ...]:
    """Users of things before the things, each kind until it is gone; what is left when the time is over."""
    end = ground.clock.now() + within
    wanted = frozenset(given)
    left: list[Found] = []
    for kind in KINDS:
        own = frozenset(one for one in wanted if one.kind == kind.name)
        if own:
            left += _remove_kind(ground, kind, own, tell, end=end)
    return tuple(left)


def _remove_kind(ground: Ground, kind: Kind, own: frozenset[Found], tell: Tell, *, end: datetime) -> list[Found]:
    """Each is told to go once at least, because AWS may not list yet what was just made."""
    from botocore.exceptions import BotoCoreError, ClientError

    left, why = sorted(own, key=str), ""
    while left:
        for one in left:
            why = _told_to_go(ground, kind, one) or why
        try:
            left = [one for one in _of_kind(ground, kind) if one in own]
        except (ClientError, BotoCoreError) as error:
            why = str(error)  # nobody knows, so all of them count as there
        if left and ground.clock.now() >= end:
            tell(f"not gone in time: {', '.join(map(str, left))}{f' ({why})' if why else ''}")
            return left
        if left:
            ground.clock.sleep(ground.pause_s)
    return left


def _told_to_go(ground: Ground, kind: Kind, one: Found) -> str:
    """Empty, or why not: it is in use still, or on its way out already. Whether it went is looked at afterwards."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        kind.remove(ground, one.ident)
    except (ClientError, BotoCoreError) as error:
        return str(error)
    return ""


def _of_kind(ground: Ground, kind: Kind) -> list[Found]:
    return [Found(kind=kind.name, ident=ident, run=run) for ident, run in kind.find(ground)]


def to_clean(ground: Ground, found: Iterable[Found], *, run: str) -> tuple[tuple[Found, ...], tuple[Found, ...]]:
    """What may be removed: of the named run, else of those whose time is over. And what stays."""
    now = ground.clock.now()
    going: list[Found] = []
    staying: list[Found] = []
    for one in found:
        may_go = one.run == run if run else bool(one.run) and expiry_of(one.run) <= now
        (going if may_go else staying).append(one)
    return tuple(going), tuple(staying)
