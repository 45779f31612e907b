"""How long a segment may sleep. Both engines refuse the same."""

from __future__ import annotations

from datetime import timedelta

from recoverops.model import PermanentError

LONGEST_SLEEP = timedelta(seconds=60)


def checked_sleep(duration: timedelta) -> timedelta:
    """Raises PermanentError: a longer wait would hold a thread, and be lost with it."""
    if duration > LONGEST_SLEEP:
        raise PermanentError(
            f"a sleep of {duration.total_seconds():g} s was asked for, at most {LONGEST_SLEEP.total_seconds():g} s are "
            "allowed; park a wait and end the segment instead"
        )
    return duration
