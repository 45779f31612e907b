"""The actions `elb-shift-weights` and `elb-shift-rule-weights`: other shares of the requests for two target groups.

One for a listener's default action, one for a rule: they are changed by different calls. Undo restores the whole
forward action as it was, and only if nobody has changed any of it since.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.balancers import DESCRIBE_HEALTH, DESCRIBE_TAGS, tags_of, targets
from recoverops.plugins.aws.forwarding import Forward, actions_of, forward_of, gaining, parsed, shifted
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.policy import arn_of
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_NONE = "AWS has no resource-level permission for it"
_LISTENERS, _RULES = "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"
_MODIFY_LISTENER, _MODIFY_RULE = "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"


class _Shift(StateAction):
    parameters = (
        Parameter(name="to", pattern=r"[A-Za-z0-9][A-Za-z0-9-]{0,31}", meaning="the name of a target group, e.g. blue"),
        Parameter(
            name="percent",
            pattern=r"[0-9]|[1-9][0-9]|100",
            meaning="its share of the requests; the other gets the rest",
        ),
    )
    cost = "none"

    @abstractmethod
    def forwards(self, place: Place, arn: str) -> Sequence[Mapping[str, Any]]:
        """The actions of the listener or rule now."""

    @abstractmethod
    def set_forward(self, place: Place, arn: str, actions: Sequence[Mapping[str, Any]]) -> None:
        """Give it these actions."""

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, self.kind)
        arn = arn_of(self.kind, ident, address.place)
        now = self._forward(address.place, arn)
        goal = shifted(ident, now, to=arguments["to"], percent=int(arguments["percent"]))
        more = gaining(now, goal)
        self._check_healthy(address.place, arn, more)
        return Aim(
            address=address,
            summary=f"shift the requests of the {self.kind} {ident} of {service.name} from {now.told} to {goal.told}",
            before={"arn": arn, "state": now.told, "goal": goal.told, "more": more},
            chosen=("arn", "goal"),
            felt=Felt(others={self.kind: frozenset({ident})}),
        )

    def state(self, plan: Plan) -> str:
        return self._forward(place_of(plan), plan.before["arn"]).told

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        place, arn = place_of(plan), plan.before["arn"]
        now = self._forward(place, arn)
        found = {one: targets(self.calls, place, _prefix(arn) + one) for one in sorted(now.weights)}
        told = " | ".join(f"{one}: {'; '.join(target.told for target in here)}" for one, here in found.items())
        return evidence({"forward": now.told, "targets": told})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        place, arn, goal = place_of(plan), plan.before["arn"], parsed(plan.before[wanted])
        if wanted == "goal":
            self._check_healthy(place, arn, plan.before["more"])
        self.set_forward(place, arn, actions_of(goal, _prefix(arn)))
        attempt.begun(f"the requests were shifted to {goal.told}, but ")

    def _forward(self, place: Place, arn: str) -> Forward:
        ident = arn.partition("/")[2]
        self.reach.check_scope(ident, tags_of(self.calls, place, arn))
        return forward_of(ident, self.forwards(place, arn))

    def _check_healthy(self, place: Place, arn: str, group: str) -> None:
        """Nothing is shifted to where nobody answers. Raises `PermanentError`."""
        found = targets(self.calls, place, _prefix(arn) + group)
        if not any(one.state == "healthy" for one in found):
            told = "; ".join(one.told for one in found) or "none"
            raise PermanentError(f"the target group {group} would get more requests, and has no healthy target: {told}")


class ShiftListener(_Shift):
    """Implements `ports.ReversibleAction`."""

    name = "elb-shift-weights"
    summary = "Shifts the weights between the two target groups of the service's listener."
    kind = Kind.ELB_LISTENER
    grants = (
        DESCRIBE_TAGS,
        DESCRIBE_HEALTH,
        Grant(action=_LISTENERS, why="to see how the listener forwards", no_resource=_NONE, changes=False),
        Grant(action=_MODIFY_LISTENER, on=Kind.ELB_LISTENER, why="to set the weights"),
    )

    def forwards(self, place: Place, arn: str) -> Sequence[Mapping[str, Any]]:
        (found,) = self.calls.read(place, _LISTENERS, ListenerArns=[arn])["Listeners"]
        actions: Sequence[Mapping[str, Any]] = found["DefaultActions"]
        return actions

    def set_forward(self, place: Place, arn: str, actions: Sequence[Mapping[str, Any]]) -> None:
        self.calls.change(place, _MODIFY_LISTENER, ListenerArn=arn, DefaultActions=actions)


class ShiftRule(_Shift):
    """Implements `ports.ReversibleAction`."""

    name = "elb-shift-rule-weights"
    summary = "Shifts the weights between the two target groups of the service's listener rule."
    kind = Kind.ELB_RULE
    grants = (
        DESCRIBE_TAGS,
        DESCRIBE_HEALTH,
        Grant(action=_RULES, why="to see how the rule forwards", no_resource=_NONE, changes=False),
        Grant(action=_MODIFY_RULE, on=Kind.ELB_RULE, why="to set the weights"),
    )

    def forwards(self, place: Place, arn: str) -> Sequence[Mapping[str, Any]]:
        (found,) = self.calls.read(place, _RULES, RuleArns=[arn])["Rules"]
        actions: Sequence[Mapping[str, Any]] = found["Actions"]
        return actions

    def set_forward(self, place: Place, arn: str, actions: Sequence[Mapping[str, Any]]) -> None:
        self.calls.change(place, _MODIFY_RULE, RuleArn=arn, Actions=actions)


def _prefix(arn: str) -> str:
    """Of a listener's or rule's ARN: how the ARNs of target groups beside it begin."""
    return f"{arn.rpartition(':')[0]}:targetgroup/"
