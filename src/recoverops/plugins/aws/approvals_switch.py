"""The parameter `/smartcloudops/<env>/approvals/auto`: whether actions without a person's approval are wanted at all.

Only the plain word that they are leaves the configuration as it is. Everything else demands approval: that they are not
wanted, another text, no parameter, no permission, no answer. There is no value that loosens.
"""

from __future__ import annotations

from datetime import timedelta

from recoverops.model import Demand
from recoverops.plugins.aws.address import Place
from recoverops.plugins.aws.calls import Calls
from recoverops.plugins.aws.keeping import read_parameter

_WANTED = frozenset({"true", "yes", "on", "1", "enabled"})
_NOT_WANTED = frozenset({"false", "no", "off", "0", "disabled"})


class ApprovalsSwitch:
    """Implements `ports.CautionSwitch`, and `ports.LiveCheck`."""

    def __init__(self, calls: Calls, place: Place, *, env: str, every: timedelta) -> None:
        self._calls = calls
        self._place = place
        self._parameter = approvals_parameter(env)
        self.name = self._parameter
        self.every = every

    def look(self) -> Demand:
        """Raises what `calls` raises."""
        return demand_of(read_parameter(self._calls, self._place, self._parameter))


def approvals_parameter(env: str) -> str:
    return f"/smartcloudops/{env}/approvals/auto"


def demand_of(value: str | None) -> Demand:
    """What this value means. Pure. A value that nobody understands is not repeated: it may be there by mistake."""
    if value is None:
        return Demand(is_made=True, statement="there is no such parameter")
    word = value.strip().lower()
    if word in _WANTED:
        return Demand(is_made=False, statement=f'says "{word}": the configuration decides what is asked about')
    if word in _NOT_WANTED:
        return Demand(is_made=True, statement=f'it says "{word}"')
    known = ", ".join(sorted(_WANTED | _NOT_WANTED))
    return Demand(is_made=True, statement=f"it has a value that means nothing here; expected one of {known}")
