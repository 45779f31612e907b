"""The action `ec2-resize`: stop an instance, give it another type, start it; undo does the same the other way.

When AWS refuses the type, or has no room for it, the instance gets its old type and is started again before the failure
is reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import Aim, place_of
from recoverops.plugins.aws.actions.ec2_power import BEHIND, START, STOP, PowerAction, behind, idents_of, without_look
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, DESCRIBE_STATUS, Grant
from recoverops.plugins.aws.instances import check_may_stop
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Felt, only_one
from recoverops.ports import Parameter

_MODIFY = "ec2:ModifyInstanceAttribute"


class ResizeInstance(PowerAction):
    """Implements `ports.ReversibleAction`."""

    name = "ec2-resize"
    summary = "Gives the service's EC2 instance another type: stops it, changes the type, starts it."
    parameters = (
        Parameter(
            name="type", pattern=r"[a-z][a-z0-9-]{1,20}\.[a-z0-9-]{2,20}", meaning="the new type, e.g. m7g.large"
        ),
    )
    grants = (
        DESCRIBE_INSTANCES,
        DESCRIBE_STATUS,
        *BEHIND,
        STOP,
        START,
        Grant(action=_MODIFY, on=Kind.EC2, why="to give the stopped instance its new type"),
    )
    cost = "the new type has another price by the hour, which is not looked up"

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        return without_look(cls.grants, settings)

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        only_one(address)
        (one,) = found
        new = arguments["type"]
        if one.state != "running":
            raise PermanentError(f"only a running instance is resized: {one.told}")
        if one.type == new:
            raise PermanentError(f"nothing to resize: {one.told} already")
        check_may_stop(found)
        shares = behind(self.reach, address.place, [one.id])
        told = f" ({'; '.join(shares)})" if shares else ""
        self.calls.may(address.place, "ec2:StopInstances", InstanceIds=[one.id])
        self.calls.may(address.place, _MODIFY, InstanceId=one.id, InstanceType={"Value": new})
        self.calls.may(address.place, "ec2:StartInstances", InstanceIds=[one.id])
        warning = "; it gets another public address" if one.has_changing_address else ""
        return Aim(
            address=address,
            summary=f"stop {one.id} of {service.name}, change it from {one.type} to {new}, and start it{told}{warning}",
            before={
                "instances": one.id,
                "state": one.told,
                "goal": f"{one.id} running {new}",
                "state_type": one.type,
                "goal_type": new,
            },
            chosen=("instances",),
            felt=Felt(instances=frozenset({one.id}), tags={one.id: one.tags}),
        )

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        (ident,) = idents_of(plan)
        if wanted == "goal":
            behind(self.reach, place_of(plan), [ident])
        old = plan.before["state_type" if wanted == "goal" else "goal_type"]
        new = plan.before[f"{wanted}_type"]
        self.calls.change(place_of(plan), "ec2:StopInstances", InstanceIds=[ident])
        attempt.begun(f"{ident} was stopped, but ")
        self.wait_for(plan, attempt, f"{ident} stopped {old}")
        try:
            self._start_as(plan, ident, new)
        except PermanentError as error:
            self._start_as(plan, ident, old)
            attempt.begun(f"{ident} was stopped and is started again as {old}, as it was: ")
            self.wait_for(plan, attempt, f"{ident} running {old}")
            raise PermanentError(f"it cannot be {new}: {error}") from error
        attempt.begun(f"{ident} was started as {new}, but ")

    def _start_as(self, plan: Plan, ident: str, type_: str) -> None:
        self.calls.change(place_of(plan), _MODIFY, InstanceId=ident, InstanceType={"Value": type_})
        self.calls.change(place_of(plan), "ec2:StartInstances", InstanceIds=[ident])
