"""The action `asg-refresh`: an instance refresh, which replaces every member of an Auto Scaling group.

Irreversible: cancelling only spares the members that are left, and a rollback replaces all again; neither brings an
ended instance back. So there is no undo, and a person approves, always.
"""

from __future__ import annotations

from collections.abc import Mapping

from recoverops.model import EffectClass, Execution, PermanentError, Plan, ProbeAnswer, ProbeResult, Record, Service
from recoverops.plugins.aws.action import Aim, AwsAction, place_of
from recoverops.plugins.aws.address import Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence, failed, probed, succeeded
from recoverops.plugins.aws.grants import DESCRIBE_GROUPS, Grant
from recoverops.plugins.aws.groups import Group, group_called
from recoverops.plugins.aws.targets import Felt

_START, _LIST = "autoscaling:StartInstanceRefresh", "autoscaling:DescribeInstanceRefreshes"
_UNDER_WAY = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})
_ABOVE = 110
"""Per cent of the group that may run while new members start before old ones end."""


class Refresh(Record, frozen=True, kw_only=True):
    id: str
    state: str
    percent: int
    min_healthy: int | None

    @property
    def told(self) -> str:
        return f"refresh {self.id} is {self.state}, {self.percent} %"


class RefreshGroup(AwsAction):
    """Implements `ports.Action`."""

    name = "asg-refresh"
    summary = "Replaces every member of the service's Auto Scaling group, some at a time."
    effect = EffectClass.IRREVERSIBLE
    kind = Kind.ASG
    grants = (
        DESCRIBE_GROUPS,
        Grant(
            action=_LIST,
            why="to see whether a refresh is under way, and how far it is",
            no_resource="AWS has no resource-level permission for it",
            changes=False,
        ),
        Grant(action=_START, on=Kind.ASG, why="to start the refresh"),
    )
    cost = "with bounds.refresh_min_healthy 100, more instances run for the time of the refresh"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, group = self.reach.group(service)
        self.reach.check_protected(*(one.id for one in group.members))
        newest = self._newest(address.place, group.name)
        settings = self.reach.settings
        told = check_refresh(group, settings.bounds.refresh_min_healthy, largest_share=settings.max_share_of_group)
        if newest is not None and newest.state in _UNDER_WAY:
            raise PermanentError(f"{group.name}: {newest.told} already")
        return Aim(
            address=address,
            summary=f"replace all {len(group.members)} members of the Auto Scaling group {group.name} of "
            f"{service.name} ({told}); what is on their disks may be lost",
            before={"group": group.name, "newest": newest.id if newest else "", "members": str(len(group.members))},
            chosen=("group",),
            felt=Felt(groups=frozenset({group.name}), instances=frozenset(one.id for one in group.members)),
        )

    def look(self, plan: Plan) -> ProbeResult:
        self._group(plan)
        return self._judged(plan)

    def act(self, plan: Plan, service: Service, attempt: Attempt, *, key: str) -> Execution:
        place, group = place_of(plan), self._group(plan)
        settings = self.reach.settings
        stands = self._judged(plan)
        attempt.kept = {"members": "; ".join(one.told for one in group.members)}
        if stands.answer is ProbeAnswer.DONE:
            return succeeded(f"not repeated: {stands.statement}", attempt.kept)
        if stands.answer is ProbeAnswer.UNKNOWN:
            return failed(f"nothing was done: {stands.statement}; plan anew", attempt.kept)
        least = settings.bounds.refresh_min_healthy
        check_refresh(group, least, largest_share=settings.max_share_of_group)
        attempt.kept |= evidence({"group": group.told, "members": "; ".join(one.told for one in group.members)})
        preferences = {"MinHealthyPercentage": least} | ({"MaxHealthyPercentage": _ABOVE} if least == 100 else {})
        answer = self.calls.change(
            place, _START, AutoScalingGroupName=group.name, Strategy="Rolling", Preferences=preferences
        )
        attempt.kept["refresh"] = answer["InstanceRefreshId"]
        return succeeded(
            f"AWS replaces the members of {group.name} in the refresh {attempt.kept['refresh']}", attempt.kept
        )

    def _group(self, plan: Plan) -> Group:
        group = group_called(self.calls, place_of(plan), plan.before["group"])
        self.reach.check_scope(group.name, group.tags)
        self.reach.check_protected(*(one.id for one in group.members))
        return group

    def _newest(self, place: Place, group: str) -> Refresh | None:
        found = self.calls.read(place, _LIST, AutoScalingGroupName=group, MaxRecords=1)["InstanceRefreshes"]
        return _refresh(found[0]) if found else None

    def _judged(self, plan: Plan) -> ProbeResult:
        newest = self._newest(place_of(plan), plan.before["group"])
        return judge(plan, newest, min_healthy=self.reach.settings.bounds.refresh_min_healthy)


def judge(plan: Plan, newest: Refresh | None, *, min_healthy: int) -> ProbeResult:
    """Whether a refresh like ours was started since the plan was made. Pure."""
    if newest is None or newest.id == plan.before["newest"]:
        return probed(ProbeAnswer.NOT_DONE, f"no refresh of {plan.before['group']} was started since")
    if newest.min_healthy == min_healthy:
        return probed(ProbeAnswer.DONE, newest.told)
    return probed(ProbeAnswer.UNKNOWN, f"{newest.told}, with other preferences: somebody else has started it")


def check_refresh(group: Group, min_healthy: int, *, largest_share: float) -> str:
    """How many are out at once, in words. Pure. Raises `PermanentError` when it is too much."""
    if not group.members:
        raise PermanentError(f"{group.name} has no members to replace")
    out = 0 if min_healthy == 100 else max(1, len(group.members) * (100 - min_healthy) // 100)
    healthy = len(group.healthy)
    told = f"{out} of {healthy} healthy members are out at a time"
    if out and out >= healthy:
        raise PermanentError(
            f"{group.name}: {told}; nobody healthy would be left. Set bounds.refresh_min_healthy to 100"
        )
    if out and out / healthy > largest_share:
        raise PermanentError(f"{group.name}: {told}, allowed is a share of {largest_share:.0%} (max_share_of_group)")
    return told


def _refresh(given: Mapping[str, object]) -> Refresh:
    preferences = given.get("Preferences")
    least = preferences.get("MinHealthyPercentage") if isinstance(preferences, Mapping) else None
    return Refresh(
        id=str(given["InstanceRefreshId"]),
        state=str(given["Status"]),
        percent=int(str(given.get("PercentageComplete") or 0)),
        min_healthy=least,
    )
