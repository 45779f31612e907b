"""The action `ec2-stop`: stop instances; undo starts them again.

Refused for members of an Auto Scaling group, which would be replaced, and for instances whose root a stop would delete.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, place_of
from recoverops.plugins.aws.actions.ec2_power import BEHIND, START, STOP, PowerAction, behind, idents_of, without_look
from recoverops.plugins.aws.answers import Attempt
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, DESCRIBE_STATUS, Grant
from recoverops.plugins.aws.instances import Instance, check_may_stop, told_of
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Felt


class StopInstances(PowerAction):
    """Implements `ports.ReversibleAction`."""

    name = "ec2-stop"
    summary = "Stops the service's EC2 instances; nobody is served by them until they are started."
    grants = (DESCRIBE_INSTANCES, DESCRIBE_STATUS, *BEHIND, STOP, START)
    cost = "a stopped instance is not billed by the hour, its volumes and addresses are"

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        return without_look(cls.grants, settings)

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        _check_runs(found)
        check_may_stop(found)
        idents = [one.id for one in found]
        shares = behind(self.reach, address.place, idents)
        told = f" ({'; '.join(shares)})" if shares else ""
        self.calls.may(address.place, "ec2:StopInstances", InstanceIds=idents)
        self.calls.may(address.place, "ec2:StartInstances", InstanceIds=idents)
        loses = [one.id for one in found if one.has_changing_address]
        warning = f"; {', '.join(loses)} gets another public address when it starts again" if loses else ""
        return Aim(
            address=address,
            summary=f"stop {', '.join(idents)} of {service.name}{told}{warning}",
            before={
                "instances": " ".join(idents),
                "state": told_of(found),
                "goal": "; ".join(f"{one.id} stopped {one.type}" for one in found),
            },
            chosen=("instances",),
            felt=Felt(instances=frozenset(idents), tags={one.id: one.tags for one in found}),
        )

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        if wanted == "goal":
            behind(self.reach, place_of(plan), idents_of(plan))
        call = "ec2:StopInstances" if wanted == "goal" else "ec2:StartInstances"
        self.calls.change(place_of(plan), call, InstanceIds=idents_of(plan))
        attempt.begun(f"{call} was accepted, but ")


def _check_runs(found: tuple[Instance, ...]) -> None:
    for one in found:
        if one.state != "running":
            raise PermanentError(f"nothing to stop: {one.told}")
