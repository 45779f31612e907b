"""The action `ec2-start`: start stopped instances; undo stops them again."""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, place_of
from recoverops.plugins.aws.actions.ec2_power import START, STOP, PowerAction, idents_of
from recoverops.plugins.aws.answers import Attempt
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, DESCRIBE_STATUS
from recoverops.plugins.aws.instances import told_of
from recoverops.plugins.aws.targets import Felt


class StartInstances(PowerAction):
    """Implements `ports.ReversibleAction`."""

    name = "ec2-start"
    summary = "Starts the service's EC2 instances, when they are stopped."
    grants = (DESCRIBE_INSTANCES, DESCRIBE_STATUS, START, STOP)
    cost = "the instances are billed by the hour from now on"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        for one in found:
            if one.state != "stopped":
                raise PermanentError(f"nothing to start: {one.told}")
        idents = [one.id for one in found]
        self.calls.may(address.place, "ec2:StartInstances", InstanceIds=idents)
        self.calls.may(address.place, "ec2:StopInstances", InstanceIds=idents)
        return Aim(
            address=address,
            summary=f"start {', '.join(idents)} of {service.name}",
            before={
                "instances": " ".join(idents),
                "state": told_of(found),
                "goal": "; ".join(f"{one.id} running {one.type}" for one in found),
            },
            chosen=("instances",),
            felt=Felt(instances=frozenset(idents), tags={one.id: one.tags for one in found}),
        )

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        call = "ec2:StartInstances" if wanted == "goal" else "ec2:StopInstances"
        self.calls.change(place_of(plan), call, InstanceIds=idents_of(plan))
        attempt.begun(f"{call} was accepted, but ")
