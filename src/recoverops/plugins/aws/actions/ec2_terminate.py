"""The action `ec2-terminate`: end a sick member of an Auto Scaling group; the group replaces it.

Sick is who AWS itself calls so: the group, EC2's checks, or a target group of the group. Without an argument it is the
only one; of several none is chosen. A member that AWS calls healthy is ended only by name, on evidence of our own.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recoverops.model import (
    EffectClass,
    Execution,
    NotFoundError,
    PermanentError,
    Plan,
    ProbeAnswer,
    ProbeResult,
    Service,
)
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.balancers import DESCRIBE_HEALTH, check_targets, name_of, targets
from recoverops.plugins.aws.grants import DESCRIBE_GROUPS, DESCRIBE_STATUS, Grant
from recoverops.plugins.aws.groups import Group, check_share, group_called
from recoverops.plugins.aws.targets import Felt
from recoverops.ports import Parameter

_END = "autoscaling:TerminateInstanceInAutoScalingGroup"
_STATUS = "ec2:DescribeInstanceStatus"
_ENDED = frozenset({"shutting-down", "terminated"})


class TerminateMember(AwsAction):
    """Implements `ports.Action`."""

    name = "ec2-terminate"
    summary = "Ends a sick member of the service's Auto Scaling group; the group starts a new one."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.ASG
    parameters = (
        Parameter(
            name="instance",
            pattern=r"i-[0-9a-f]{8,17}",
            meaning="the member to end; without it, the only one that AWS calls sick",
            required=False,
        ),
        Parameter(
            name="evidence",
            pattern=r"ours",
            meaning="end the named member although AWS calls it healthy, on what RecoverOps itself measured",
            required=False,
        ),
    )
    grants = (
        DESCRIBE_GROUPS,
        DESCRIBE_STATUS,
        DESCRIBE_HEALTH,
        Grant(action=_END, on=Kind.ASG, why="to end a member without lowering the desired capacity"),
    )
    cost = "none: a new instance takes its place"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, group = self.reach.group(service)
        sick = self._sick(address.place, group)
        ident = chosen(group, sick, arguments.get("instance"), ours="evidence" in arguments)
        shares = self._shares(address.place, group, sick, ident)
        why = sick.get(ident, "AWS calls it healthy; the evidence is RecoverOps' own")
        return Aim(
            address=address,
            summary=f"end {ident} of the Auto Scaling group {group.name} of {service.name} ({why}; {shares}); what is "
            "on its disks may be lost, and the group starts a new one",
            before={"group": group.name, "instance": ident, "why": why},
            chosen=("group", "instance"),
            felt=Felt(instances=frozenset({ident}), groups=frozenset({group.name})),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return self._stands(plan, self._group(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        place, group, ident = place_of(plan), self._group(plan), plan.before["instance"]
        stands = self._stands(plan, group)
        attempt.kept = {"members": "; ".join(one.told for one in group.members)}
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        sick = self._sick(place, group)
        chosen(group, sick, ident, ours="evidence" in plan.arguments)
        self._shares(place, group, sick, ident)
        attempt.kept |= evidence(
            {"group": group.told, "sick": "; ".join(f"{one}: {sick[one]}" for one in sorted(sick))}
        )
        self.calls.change(place, _END, InstanceId=ident, ShouldDecrementDesiredCapacity=False)
        return succeeded(f"AWS ends {ident}, and {group.name} starts a new member", attempt.kept)

    def _group(self, plan: Plan) -> Group:
        group = group_called(self.calls, place_of(plan), plan.before["group"])
        self.reach.check_scope(group.name, group.tags)
        return group

    def _stands(self, plan: Plan, group: Group) -> ProbeResult:
        ident = plan.before["instance"]
        member = next((one for one in group.members if one.id == ident), None)
        if member is not None and member.is_in_service:
            return probed(ProbeAnswer.NOT_DONE, f"{ident} is a member of {group.name}: {member.told}")
        if member is not None and "Terminat" in member.told:
            return probed(ProbeAnswer.DONE, f"{group.name} is ending it: {member.told}")
        state = self._state(place_of(plan), ident)
        if member is None and state in _ENDED:
            return probed(ProbeAnswer.DONE, f"{ident} is {state}, and no member of {group.name}")
        told = member.told if member is not None else f"{state}, and no member any more"
        return probed(ProbeAnswer.UNKNOWN, f"{ident} of {group.name} is {told}")

    def _state(self, place: Place, ident: str) -> str:
        """What EC2 says; one that it does not know any more has ended."""
        try:
            found = self.calls.pages(place, _STATUS, "InstanceStatuses", InstanceIds=[ident], IncludeAllInstances=True)
        except NotFoundError:
            return "terminated"
        return str(found[0]["InstanceState"]["Name"]) if found else "terminated"

    def _sick(self, place: Place, group: Group) -> dict[str, str]:
        """Members in service that AWS calls sick, and why."""
        idents = [one.id for one in group.members if one.is_in_service]
        checks = self.calls.pages(place, _STATUS, "InstanceStatuses", InstanceIds=idents) if idents else []
        impaired = {
            one["InstanceId"]: "EC2's checks say impaired"
            for one in checks
            if "impaired" in {one.get(kind, {}).get("Status") for kind in ("SystemStatus", "InstanceStatus")}
        }
        behind = {
            one.id: f"{name_of(arn)} calls it unhealthy"
            for arn in group.target_groups
            for one in targets(self.calls, place, arn)
            if one.state == "unhealthy"
        }
        marked = {one.id: "the group calls it unhealthy" for one in group.members if not one.is_healthy}
        return {ident: why for ident, why in {**behind, **impaired, **marked}.items() if ident in idents}

    def _shares(self, place: Place, group: Group, sick: Mapping[str, str], ident: str) -> str:
        """How much goes, in words; raises when it is too much, or the last healthy one."""
        largest = self.reach.settings.max_share_of_group
        told = check_share(without(group, sick), [ident], largest_share=largest)
        if ident not in sick:
            for arn in group.target_groups:
                check_targets(arn, targets(self.calls, place, arn), [ident], largest_share=largest)
        return told


def chosen(group: Group, sick: Mapping[str, str], named: str | None, *, ours: bool) -> str:
    """The member to end. Pure. Raises `PermanentError`."""
    members = {one.id for one in group.members if one.is_in_service}
    if named is None and ours:
        raise PermanentError(
            f"evidence of our own needs the member's name, as argument instance; {group.name} is not one"
        )
    if named is None and len(sick) == 1:
        return next(iter(sick))
    told = "; ".join(f"{ident}: {why}" for ident, why in sorted(sick.items())) or "none"
    if named is None:
        raise PermanentError(f"{group.name} has {len(sick)} members that AWS calls sick ({told}); name one as instance")
    if named not in members:
        raise PermanentError(f"{named} is no member in service of the Auto Scaling group {group.name}")
    if named not in sick and not ours:
        raise PermanentError(f"AWS calls {named} healthy (sick in {group.name}: {told}); nothing is ended on that")
    return named


def without(group: Group, sick: Mapping[str, str]) -> Group:
    """The group, with everybody who is sick counted as such. Pure."""
    members = (msgspec.structs.replace(one, is_healthy=one.is_healthy and one.id not in sick) for one in group.members)
    return msgspec.structs.replace(group, members=tuple(members))
