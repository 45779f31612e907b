"""The action `asg-scale`: change the desired capacity of an Auto Scaling group within its bounds; undo sets it back.

Undo is refused when somebody else, a scaling policy included, has changed the desired capacity since.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.grants import DESCRIBE_GROUPS, Grant
from recoverops.plugins.aws.groups import Group, group_called
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_SET = "autoscaling:SetDesiredCapacity"


class ScaleGroup(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "asg-scale"
    summary = "Raises or lowers the desired capacity of the service's Auto Scaling group, within its bounds."
    kind = Kind.ASG
    parameters = (
        Parameter(name="count_delta", pattern=r"\+[1-9][0-9]?|-[1-9][0-9]?", meaning="by how much, e.g. +1 or -1"),
    )
    grants = (DESCRIBE_GROUPS, Grant(action=_SET, on=Kind.ASG, why="to set the desired capacity"))
    cost = "one instance more or less for each step, billed by the hour"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, group = self.reach.group(service)
        delta = int(arguments["count_delta"])
        goal = goal_of(group, delta, max_step=self.reach.settings.max_step)
        if delta < 0:  # AWS chooses which member goes
            self.reach.check_protected(*(one.id for one in group.members))
        return Aim(
            address=address,
            summary=f"scale the Auto Scaling group {group.name} of {service.name} from {group.desired} to {goal} "
            f"(it has {len(group.healthy)} healthy members, bounds {group.smallest}..{group.largest})",
            before={"group": group.name, "state": str(group.desired), "goal": str(goal)},
            chosen=("group", "goal"),
            felt=Felt(
                groups=frozenset({group.name}),
                instances=frozenset(one.id for one in group.members) if delta < 0 else frozenset(),
            ),
        )

    def state(self, plan: Plan) -> str:
        return str(self._group(plan).desired)

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        group = self._group(plan)
        return evidence({"group": group.told, "members": "; ".join(one.told for one in group.members)})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        name, goal = plan.before["group"], int(plan.before[wanted])
        group = self._group(plan)
        if not group.smallest <= goal <= group.largest:
            raise PermanentError(f"{goal} is outside the bounds of {name} now: {group.told}")
        self.calls.change(place_of(plan), _SET, AutoScalingGroupName=name, DesiredCapacity=goal, HonorCooldown=False)
        attempt.begun(f"the desired capacity of {name} was set to {goal}, but ")

    def _group(self, plan: Plan) -> Group:
        group = group_called(self.calls, place_of(plan), plan.before["group"])
        self.reach.check_scope(group.name, group.tags)
        return group


def goal_of(group: Group, delta: int, *, max_step: int) -> int:
    """The new desired capacity. Pure. Raises `PermanentError` outside the bounds."""
    goal = group.desired + delta
    if abs(delta) > max_step:
        raise PermanentError(f"{group.name}: a step of {delta:+} is larger than max_step, which is {max_step}")
    if not group.smallest <= goal <= group.largest:
        raise PermanentError(
            f"{group.name} cannot go from {group.desired} to {goal}: its bounds are {group.smallest}..{group.largest}"
        )
    if delta < 0 and goal < 1:
        raise PermanentError(f"{group.name} would have no member left")
    return goal
