"""The action `lambda-rollback`: an alias back to the version before; undo goes forward again.

The update names the revision of the alias that was looked at, so AWS itself refuses it when somebody was faster.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.functions import (
    TAGS_OF_FUNCTION,
    Alias,
    alias_called,
    previous_version,
    routing_of,
    tags_of,
    versions_of,
)
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_UPDATE = "lambda:UpdateAlias"


class RollBackAlias(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "lambda-rollback"
    summary = "Points an alias of the service's Lambda function to the version before."
    kind = Kind.LAMBDA
    parameters = (
        Parameter(
            name="alias", pattern=r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}", meaning="the alias that is called, e.g. live"
        ),
    )
    grants = (
        TAGS_OF_FUNCTION,
        Grant(action="lambda:GetAlias", on=Kind.LAMBDA, why="to see the version of the alias", changes=False),
        Grant(
            action="lambda:ListVersionsByFunction",
            on=Kind.LAMBDA,
            why="to find the version before",
            changes=False,
        ),
        Grant(action=_UPDATE, on=Kind.LAMBDA, why="to point the alias to another version"),
    )
    cost = "none"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, function = self.reach.ident(service, Kind.LAMBDA)
        self.reach.check_scope(function, tags_of(self.calls, address.place, function))
        alias = alias_called(self.calls, address.place, function, arguments["alias"])
        known = [one["Version"] for one in versions_of(self.calls, address.place, function)]
        goal = previous_version(alias, known)
        return Aim(
            address=address,
            summary=f"point the alias {alias.name} of the function {function} of {service.name} from {alias.told} back "
            f"to {goal}",
            before={"function": function, "alias": alias.name, "state": alias.told, "goal": goal},
            chosen=("function", "alias", "goal"),
            felt=Felt(others={Kind.LAMBDA: frozenset({function})}),
        )

    def state(self, plan: Plan) -> str:
        return self._alias(plan).told

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        versions = versions_of(self.calls, place_of(plan), plan.before["function"])
        newest = sorted(versions, key=lambda one: str(one.get("LastModified", "")), reverse=True)[:5]
        told = (f"{one['Version']} of {one.get('LastModified', '?')}" for one in newest)
        return evidence({"alias": self._alias(plan).told, "versions": "; ".join(told)})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        function, alias = plan.before["function"], self._alias(plan)
        self.reach.check_scope(function, tags_of(self.calls, place_of(plan), function))
        expected = plan.before["state" if wanted == "goal" else "goal"]
        if alias.told != expected:
            raise PermanentError(f"the alias was changed meanwhile: it is {alias.told}, expected {expected}")
        version, also = routing_of(plan.before[wanted])
        self.calls.change(
            place_of(plan),
            _UPDATE,
            FunctionName=function,
            Name=alias.name,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": also},
            RevisionId=alias.revision,
        )
        attempt.begun(f"the alias {alias.name} was pointed to {plan.before[wanted]}, but ")

    def _alias(self, plan: Plan) -> Alias:
        return alias_called(self.calls, place_of(plan), plan.before["function"], plan.before["alias"])
