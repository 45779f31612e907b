"""Whether the customers are served again, judged by their requests alone. Pure.

Called by the demo and by every lab scenario. Nothing that RecoverOps says about itself goes in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recoverops.lab.traffic import Request

QUIET = timedelta(seconds=5)
"""A hundred requests in a row at the usual twenty a second: more than a flapping service gets through by luck."""


class NotYet(StrEnum):
    NOTHING_SEEN = "nothing_seen"
    """no request has ended since the fault: nothing is known"""
    NEVER_FAILED = "never_failed"
    """no customer has felt the fault so far, so there is nothing to recover from yet"""
    STILL_FAILING = "still_failing"
    """the newest known request, or the one before a gap, failed"""
    NOT_QUIET_YET = "not_quiet_yet"
    """served again, but for less than the quiet time, or with requests in it whose result nobody knows"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    recovered_s: float
    """From the fault to the answer of the first request sent after the last failed one."""
    at: datetime
    failed: int
    """Requests that failed since the fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecovered:
    reason: NotYet
    failed: int


def judge_recovery(
    requests: Iterable[Request], *, fault_at: datetime, quiet: timedelta = QUIET
) -> Recovery | NotRecovered:
    """Recovered when the requests after the last failed one have been served without a break for `quiet`.

    The order of `requests` does not matter. A number missing among them ends what is known: a request that nobody
    knows the result of may have failed.
    """
    in_order = sorted(requests, key=lambda one: one.n)
    ended = [one for one in in_order if one.finished_at >= fault_at]
    if not ended:
        return NotRecovered(reason=NotYet.NOTHING_SEEN, failed=0)
    failed = [one for one in ended if not one.ok]
    if not failed:
        return NotRecovered(reason=NotYet.NEVER_FAILED, failed=0)
    served = _served_since(failed[-1], in_order, fault_at)
    if not served:
        return NotRecovered(reason=NotYet.STILL_FAILING, failed=len(failed))
    if served[-1].sent_at - served[0].sent_at < quiet:
        return NotRecovered(reason=NotYet.NOT_QUIET_YET, failed=len(failed))
    at = served[0].finished_at
    return Recovery(recovered_s=(at - fault_at).total_seconds(), at=at, failed=len(failed))


def _served_since(last_failed: Request, in_order: Sequence[Request], fault_at: datetime) -> tuple[Request, ...]:
    """The unbroken row of requests after the last failed one. Those sent before the fault prove nothing about it."""
    after = [one for one in in_order if one.n > last_failed.n]
    unbroken = [one for place, one in enumerate(after, start=last_failed.n + 1) if one.n == place]
    return tuple(one for one in unbroken if one.sent_at >= fault_at)


def served_for(requests: Iterable[Request], *, since: datetime) -> timedelta:
    """For how long, up to the newest request, every request sent since `since` has been served. Zero when none was."""
    in_order = sorted((one for one in requests if one.sent_at >= since), key=lambda one: one.n)
    row: list[Request] = []
    for one in in_order:
        is_next = not row or one.n == row[-1].n + 1
        row = [*row, one] if one.ok and is_next else [one] if one.ok else []
    return row[-1].sent_at - row[0].sent_at if row else timedelta(0)
