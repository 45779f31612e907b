"""What `ec2-stop`, `ec2-start` and `ec2-resize` share: instances that go from running to stopped and back."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import Plan
from recoverops.plugins.aws.action import StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import evidence
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.instances import Instance, described, evidence_of, told_of

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


def idents_of(plan: Plan) -> list[str]:
    return plan.before["instances"].split()
