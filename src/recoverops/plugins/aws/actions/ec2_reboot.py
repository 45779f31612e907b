"""The action `ec2-reboot`: reboot instances, as their power button would.

EC2 does not tell when an instance was rebooted, and the call has no idempotency token. So the instance carries the tag
`recoverops:reboot`: our key with `started` before the call and with `done` after it. What a crash left at `started` is
unknown, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Service
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.actions.ec2_power import BEHIND, behind, idents_of, without_look
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.grants import DESCRIBE_GROUPS, DESCRIBE_INSTANCES, DESCRIBE_STATUS, Grant
from recoverops.plugins.aws.groups import check_share, group_called
from recoverops.plugins.aws.instances import Instance, described, evidence_of, told_of
from recoverops.plugins.aws.settings import AwsSettings
from recoverops.plugins.aws.targets import Felt

_TAG = "recoverops:reboot"
_STARTED, _DONE = "started", "done"


class RebootInstances(AwsAction):
    """Implements `ports.Action`."""

    name = "ec2-reboot"
    summary = "Reboots the service's EC2 instances."
    effect = EffectClass.RESTORATIVE
    kind = Kind.EC2
    grants = (
        DESCRIBE_INSTANCES,
        DESCRIBE_STATUS,
        DESCRIBE_GROUPS,
        *BEHIND,
        Grant(action="ec2:RebootInstances", on=Kind.EC2, why="to reboot the instances"),
        Grant(
            action="ec2:CreateTags",
            on=Kind.EC2,
            why=f"to mark the instance with the tag {_TAG}, so that a reboot is never repeated; no other tag",
            condition={"ForAllValues:StringEquals": {"aws:TagKeys": _TAG}},
        ),
    )
    cost = "none"

    @classmethod
    def grants_under(cls, settings: AwsSettings) -> tuple[Grant, ...]:
        return without_look(cls.grants, settings)

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, found = self.reach.instances(service)
        for one in found:
            if one.state != "running":
                raise PermanentError(f"only a running instance is rebooted: {one.told}")
        shares = self._shares(address.place, found)
        idents = [one.id for one in found]
        self.calls.may(address.place, "ec2:RebootInstances", InstanceIds=idents)
        self.calls.may(address.place, "ec2:CreateTags", Resources=idents, Tags=_mark("plan", _STARTED))
        told = f" ({'; '.join(shares)})" if shares else ""
        return Aim(
            address=address,
            summary=f"reboot {', '.join(idents)} of {service.name}{told}",
            before={"instances": " ".join(idents), "state": told_of(found), "marks": _marks(found)},
            chosen=("instances",),
            felt=Felt(
                instances=frozenset(idents),
                groups=frozenset(one.group for one in found if one.group),
                tags={one.id: one.tags for one in found},
            ),
        )

    def look(self, plan: Plan) -> ProbeResult:
        return judge(plan, self._found(plan))

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        place, idents, found = place_of(plan), idents_of(plan), self._found(plan)
        attempt.kept = {"state": told_of(found)}
        stands = judge(plan, found)
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN or told_of(found) != plan.before["state"]:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        self._shares(place, found)
        attempt.kept |= evidence(evidence_of(self.calls, place, found))
        self.calls.may(place, "ec2:RebootInstances", InstanceIds=idents)
        self.calls.change(place, "ec2:CreateTags", Resources=idents, Tags=_mark(key, _STARTED))
        attempt.begun(f"{', '.join(idents)} was marked with {_TAG}, but ")
        self.calls.change(place, "ec2:RebootInstances", InstanceIds=idents)
        attempt.begun(f"{', '.join(idents)} was rebooted, but ")
        self.calls.change(place, "ec2:CreateTags", Resources=idents, Tags=_mark(key, _DONE))
        return succeeded(f"AWS accepted the reboot of {', '.join(idents)}", attempt.kept)

    def _found(self, plan: Plan) -> tuple[Instance, ...]:
        found = described(self.calls, place_of(plan), idents_of(plan))
        for one in found:
            self.reach.check_scope(one.id, one.tags)
        return found

    def _shares(self, place: Place, found: tuple[Instance, ...]) -> list[str]:
        """How much of each real group and target group is down meanwhile, in words; raises when it is too much."""
        members: dict[str, list[str]] = {}
        for one in found:
            if one.group is not None:
                members.setdefault(one.group, []).append(one.id)
        largest = self.reach.settings.max_share_of_group
        of_groups = [
            check_share(group_called(self.calls, place, name), idents, largest_share=largest)
            for name, idents in sorted(members.items())
        ]
        return [*of_groups, *behind(self.reach, place, [one.id for one in found])]


def judge(plan: Plan, found: Iterable[Instance]) -> ProbeResult:
    """Whether the instances were rebooted since the plan was made, by their marks. Pure."""
    now, idents = tuple(found), idents_of(plan)
    if _marks(now) == plan.before["marks"]:
        return probed(ProbeAnswer.NOT_DONE, f"{', '.join(idents)} has not been rebooted by RecoverOps since")
    marks = [one.tags.get(_TAG, "") for one in now]
    if len(now) == len(idents) and all(one.endswith(f" {_DONE}") for one in marks):
        return probed(ProbeAnswer.DONE, f"the tag {_TAG} says {', '.join(sorted(set(marks)))}")
    return probed(ProbeAnswer.UNKNOWN, f"the tag {_TAG} says {', '.join(map(repr, marks))}")


def _marks(found: Iterable[Instance]) -> str:
    return "; ".join(f"{one.id} {one.tags.get(_TAG, '')}" for one in found)


def _mark(key: str, word: str) -> list[dict[str, str]]:
    return [{"Key": _TAG, "Value": f"{key} {word}"}]
