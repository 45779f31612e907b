"""The action `ec2-isolate`: the quarantine group in the place of an instance's security groups; undo restores them.

The groups belong to the network interfaces. With one interface the instance is asked to change them, with several the
interfaces are, one by one, because AWS wants it so; those have to be declared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recoverops.model import (
    ForbiddenError,
    MisconfiguredError,
    NotFoundError,
    PermanentError,
    Plan,
    Record,
    Service,
)
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.grants import DESCRIBE_INSTANCES, DESCRIBE_STATUS, Grant
from recoverops.plugins.aws.instances import described, evidence_of
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Felt, only_one

_INSTANCE, _INTERFACE = "ec2:ModifyInstanceAttribute", "ec2:ModifyNetworkInterfaceAttribute"
_GROUPS = "arn:{partition}:ec2:{region}:{account}:security-group/*"
_WHY_GROUPS = "to give it the quarantine group, and at an undo those that it had, which nobody knows before"

Groups = Mapping[str, Sequence[str]]
"""Network interface -> its security groups."""


class Interface(Record, frozen=True, kw_only=True):
    id: str
    vpc: str
    groups: tuple[str, ...]


class IsolateInstance(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "ec2-isolate"
    summary = "Puts the service's EC2 instance into the quarantine group, so that it reaches nobody and nobody it."
    kind = Kind.EC2
    always_asks = "nobody is served by the instance while it is isolated"
    grants = (
        DESCRIBE_INSTANCES,
        DESCRIBE_STATUS,
        Grant(
            action="ec2:DescribeSecurityGroups",
            why="to find the quarantine group of the instance's VPC",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(action=_INSTANCE, on=Kind.EC2, why="to change the security groups of an instance with one interface"),
        Grant(action=_INSTANCE, arn=_GROUPS, why=_WHY_GROUPS),
    )
    cost = "none"

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        interfaces = settings.security.quarantine_interfaces
        each = tuple(
            Grant(
                action=_INTERFACE,
                arn=f"arn:{{partition}}:ec2:{{region}}:{{account}}:network-interface/{one}",
                why="to change the security groups of an instance with several interfaces",
            )
            for one in interfaces
        )
        return (*cls.grants, *each, *([Grant(action=_INTERFACE, arn=_GROUPS, why=_WHY_GROUPS)] if each else []))

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        only_one(address)
        (one,) = found
        if one.group is not None and not self.reach.settings.security.isolate_group_members:
            raise PermanentError(
                f"{one.id} belongs to the Auto Scaling group {one.group}, which may replace it when it is isolated; "
                "suspend that, and set security.isolate_group_members"
            )
        interfaces = self._interfaces(address.place, one.id)
        self._check_declared(one.id, interfaces)
        goal = self._quarantine(address.place, interfaces[0].vpc)
        state = {one.id: one.groups for one in interfaces}
        wanted = {one.id: (goal,) for one in interfaces}
        if state == wanted:
            raise PermanentError(f"{one.id} is isolated already: {_told(state)}")
        for interface in interfaces:
            for groups in (wanted, state):
                call, parameters = _change(one.id, interface.id, groups, is_only=len(interfaces) == 1)
                self.calls.may(address.place, call, **parameters)
        return Aim(
            address=address,
            summary=f"isolate {one.id} of {service.name}: {_told(wanted)} in the place of {_told(state)}",
            before={
                "instances": one.id,
                "state": _told(state),
                "goal": _told(wanted),
                "state_groups": json.dumps(state),
                "goal_groups": json.dumps(wanted),
            },
            chosen=("instances", "goal"),
            felt=Felt(instances=frozenset({one.id}), tags={one.id: one.tags}),
        )

    def state(self, plan: Plan) -> str:
        place, ident = place_of(plan), plan.before["instances"]
        for one in described(self.calls, place, [ident]):
            self.reach.check_scope(one.id, one.tags)
        return _told({one.id: one.groups for one in self._interfaces(place, ident)})

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        found = described(self.calls, place_of(plan), [plan.before["instances"]])
        return evidence({**evidence_of(self.calls, place_of(plan), found), "groups": plan.before["state"]})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        """One interface after the other; when one is refused, those before it get back what they had."""
        goal: Groups = json.loads(plan.before[f"{wanted}_groups"])
        old: Groups = json.loads(plan.before["state_groups" if wanted == "goal" else "goal_groups"])
        done = list[str]()
        for interface in goal:
            try:
                self._give(plan, interface, goal)
            except (PermanentError, ForbiddenError, NotFoundError) as error:
                for one in done:
                    self._give(plan, one, old)
                back = f"{', '.join(done)} has again what it had; " if done else ""
                raise PermanentError(f"{back}{interface} was refused: {error}") from error
            done.append(interface)
            attempt.begun(f"the groups of {', '.join(done)} of {plan.before['instances']} were changed, but ")

    def _give(self, plan: Plan, interface: str, groups: Groups) -> None:
        call, parameters = _change(plan.before["instances"], interface, groups, is_only=len(groups) == 1)
        self.calls.change(place_of(plan), call, **parameters)

    def _interfaces(self, place: Place, ident: str) -> tuple[Interface, ...]:
        pages = self.calls.pages(place, "ec2:DescribeInstances", "Reservations", InstanceIds=[ident])
        found = tuple(
            Interface(
                id=one["NetworkInterfaceId"],
                vpc=one["VpcId"],
                groups=tuple(group["GroupId"] for group in one["Groups"]),
            )
            for reservation in pages
            for instance in reservation["Instances"]
            for one in instance.get("NetworkInterfaces", ())
        )
        if not found:
            raise PermanentError(f"{ident} of {place} has no network interface")
        return found

    def _check_declared(self, ident: str, interfaces: Sequence[Interface]) -> None:
        known = self.reach.settings.security.quarantine_interfaces
        unknown = [one.id for one in interfaces if one.id not in known]
        if len(interfaces) > 1 and unknown:
            raise PermanentError(
                f"{ident} has {len(interfaces)} network interfaces; name them in security.quarantine_interfaces, there "
                f"is not: {', '.join(unknown)}"
            )
        if len({one.vpc for one in interfaces}) > 1:
            raise PermanentError(f"{ident} has network interfaces in several VPCs; isolate it by hand")

    def _quarantine(self, place: Place, vpc: str) -> str:
        """The declared group of this VPC."""
        declared = self.reach.settings.security.quarantine_groups
        if not declared:
            raise MisconfiguredError("ec2-isolate has no group to put it into; name one in security.quarantine_groups")
        filters = [{"Name": "group-id", "Values": list(declared)}, {"Name": "vpc-id", "Values": [vpc]}]
        found = self.calls.pages(place, "ec2:DescribeSecurityGroups", "SecurityGroups", Filters=filters)
        if len(found) != 1:
            told = ", ".join(sorted(one["GroupId"] for one in found)) or "none"
            raise PermanentError(f"security.quarantine_groups should have one group of {vpc}, has: {told}")
        return str(found[0]["GroupId"])


def _change(ident: str, interface: str, groups: Groups, *, is_only: bool) -> tuple[str, dict[str, Any]]:
    """The call that gives the interface its groups."""
    if is_only:
        return _INSTANCE, {"InstanceId": ident, "Groups": list(groups[interface])}
    return _INTERFACE, {"NetworkInterfaceId": interface, "Groups": list(groups[interface])}


def _told(groups: Groups) -> str:
    return "; ".join(f"{one} {','.join(sorted(given))}" for one, given in sorted(groups.items()))
