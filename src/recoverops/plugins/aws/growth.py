"""By how much storage may grow: what `rds-storage` and `ebs-grow` share. Pure."""

from __future__ import annotations

from recoverops.model import PermanentError
from recoverops.plugins.aws.action_bounds import BoundsSettings
from recoverops.ports import Parameter

PERCENT = Parameter(name="percent", pattern=r"[1-9][0-9]{0,2}", meaning="by how much of its size it grows, e.g. 20")


def grown(what: str, size: int, percent: int, bounds: BoundsSettings) -> int:
    """The new size in GiB, rounded up. Raises `PermanentError` beyond the bounds."""
    goal = -(-size * (100 + percent) // 100)
    if percent > bounds.max_growth_percent:
        raise PermanentError(
            f"{what} cannot grow by {percent} % at once: bounds.max_growth_percent is {bounds.max_growth_percent}"
        )
    if goal > bounds.max_storage_gib:
        raise PermanentError(f"{what} cannot grow to {goal} GiB: bounds.max_storage_gib is {bounds.max_storage_gib}")
    return goal
