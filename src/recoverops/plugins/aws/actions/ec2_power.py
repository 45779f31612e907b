"""What `ec2-stop`, `ec2-start` and `ec2-resize` share: instances that go from running to stopped and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recoverops.model import Plan
from recoverops.plugins.aws.action import StateAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import evidence
from recoverops.plugins.aws.balancers import DESCRIBE_HEALTH, DESCRIBE_TARGET_GROUPS, check_behind
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.instances import Instance, described, evidence_of, told_of
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Reach

BEHIND = (DESCRIBE_TARGET_GROUPS, DESCRIBE_HEALTH)
"""What it takes to see which load balancers an instance serves."""
STOP = Grant(action="ec2:StopInstances", on=Kind.EC2, why="to stop the instances")
START = Grant(action="ec2:StartInstances", on=Kind.EC2, why="to start the instances")


class PowerAction(StateAction):
    """Acts on the instances whose ids stand in `Plan.before`, with a blank between them."""

    kind = Kind.EC2

    def state(self, plan: Plan) -> str:
        return told_of(self.found(plan))

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence(evidence_of(self.calls, place_of(plan), self.found(plan)))

    def found(self, plan: Plan) -> tuple[Instance, ...]:
        """As they are now, and still in scope."""
        found = described(self.calls, place_of(plan), idents_of(plan))
        for one in found:
            self.reach.check_scope(one.id, one.tags)
        return found


def behind(reach: Reach, place: Place, idents: Iterable[str]) -> list[str]:
    """How much of each target group goes, in words; raises when it is the last healthy one, or too much."""
    settings = reach.settings
    if not settings.bounds.look_behind_balancers:
        return []
    return check_behind(reach.calls, place, idents, largest_share=settings.max_share_of_group)


def without_look(grants: Iterable[Grant], settings: AwsSettings) -> tuple[Grant, ...]:
    """The grants of an action that calls `behind`."""
    return tuple(one for one in grants if settings.bounds.look_behind_balancers or one not in BEHIND)


def idents_of(plan: Plan) -> list[str]:
    return plan.before["instances"].split()
