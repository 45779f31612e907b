"""The action `lambda-concurrency`: how many calls of a function may run at once; undo sets what was.

Setting and removing are two permissions. So that an undo does not fail for want of one, the present state is set once
more before it is changed: a call that changes nothing, with the permission that undo will need.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.functions import TAGS_OF_FUNCTION, tags_of
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_GET, _PUT = "lambda:GetFunctionConcurrency", "lambda:PutFunctionConcurrency"
_DELETE = "lambda:DeleteFunctionConcurrency"
NONE = "none"


class ReserveConcurrency(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "lambda-concurrency"
    summary = "Sets or removes the reserved concurrency of the service's Lambda function."
    kind = Kind.LAMBDA
    parameters = (
        Parameter(
            name="reserved",
            pattern=r"none|0|[1-9][0-9]{0,4}",
            meaning="how many calls may run at once; none removes the limit, 0 stops the function",
        ),
    )
    grants = (
        TAGS_OF_FUNCTION,
        Grant(action=_GET, on=Kind.LAMBDA, why="to see the reserved concurrency", changes=False),
        Grant(action=_PUT, on=Kind.LAMBDA, why="to set the reserved concurrency"),
        Grant(action=_DELETE, on=Kind.LAMBDA, why="to remove the reserved concurrency"),
    )
    cost = "none; what one function reserves, the others of the account cannot use"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, function = self.reach.ident(service, Kind.LAMBDA)
        self.reach.check_scope(function, tags_of(self.calls, address.place, function))
        now, goal = self._reserved(address.place, function), arguments["reserved"]
        check_reserved(function, now, goal, most=self.reach.settings.bounds.max_reserved_concurrency)
        stops = "; every call will be refused" if goal == "0" else ""
        return Aim(
            address=address,
            summary=f"set the reserved concurrency of the function {function} of {service.name} from {now} to {goal}"
            f"{stops}",
            before={"function": function, "state": now, "goal": goal},
            chosen=("function",),
            felt=Felt(others={Kind.LAMBDA: frozenset({function})}),
        )

    def state(self, plan: Plan) -> str:
        return self._reserved(place_of(plan), plan.before["function"])

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence({"reserved": self.state(plan)})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        place, function = place_of(plan), plan.before["function"]
        self.reach.check_scope(function, tags_of(self.calls, place, function))
        if wanted == "goal":
            self._set(place, function, plan.before["state"])  # it is that already; see above
        self._set(place, function, plan.before[wanted])
        attempt.begun(f"the reserved concurrency of {function} was set to {plan.before[wanted]}, but ")

    def _reserved(self, place: Place, function: str) -> str:
        found = self.calls.read(place, _GET, FunctionName=function).get("ReservedConcurrentExecutions")
        return NONE if found is None else str(found)

    def _set(self, place: Place, function: str, reserved: str) -> None:
        if reserved == NONE:
            self.calls.change(place, _DELETE, FunctionName=function)
        else:
            self.calls.change(place, _PUT, FunctionName=function, ReservedConcurrentExecutions=int(reserved))


def check_reserved(function: str, now: str, goal: str, *, most: int) -> None:
    """Pure. Raises `PermanentError` when there is nothing to set, or it is too much."""
    if now == goal:
        raise PermanentError(f"nothing to set: the reserved concurrency of {function} is {now} already")
    if goal != NONE and int(goal) > most:
        raise PermanentError(f"{function} cannot reserve {goal}: bounds.max_reserved_concurrency is {most}")
