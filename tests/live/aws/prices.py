"""What a scene costs at most. Pure: declared prices, rounded up, of a few regions; nothing is looked up.

Everything is counted as if it lived from the beginning to the end of the run, by whole hours, and nothing were free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

REGIONS = frozenset({"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1", "eu-west-2", "eu-north-1"})
"""Where the prices below are not exceeded, as far as their author knew; see docs/aws.md."""

CLEANING = timedelta(minutes=60)
"""How long an action that is under way and the clean-up may take after the run's time is over; it is paid for too."""

PRICES: dict[str, Decimal] = {
    "t3.micro": Decimal("0.015"),
    "t3.small": Decimal("0.030"),
    "public IPv4 address": Decimal("0.005"),
    "GiB of volume": Decimal("0.00020"),
    "GiB of snapshot": Decimal("0.00010"),
    "detailed monitoring": Decimal("0.0050"),
    "custom metric": Decimal("0.0010"),
    "load balancer": Decimal("0.050"),
    "alarm": Decimal("0.0010"),
    "Kinesis shard": Decimal("0.025"),
    "secret": Decimal("0.0010"),
    "requests": Decimal("0.01"),
}
"""USD for one of it and an hour. `requests`: all calls of a scene, however long it takes, with room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """So many of something that is paid by the hour."""

    what: str
    count: int = 1


def most_usd(uses: Iterable[Use], *, lasts: timedelta) -> Decimal:
    """What these cost at most, rounded up to a cent. Raises `KeyError` for what has no price."""
    hours = math.ceil((lasts + CLEANING) / timedelta(hours=1))
    whole = sum((PRICES[one.what] * one.count * hours for one in uses), Decimal(0))
    return whole.quantize(Decimal("0.01"), rounding="ROUND_UP")


def machine(*, of: str = "t3.micro", count: int = 1, is_public: bool = False) -> tuple[Use, ...]:
    """Instances with their root volumes."""
    public = (Use(what="public IPv4 address", count=count),) if is_public else ()
    return (Use(what=of, count=count), Use(what="GiB of volume", count=8 * count), *public)
