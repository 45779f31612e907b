"""The action `elb-target-out`: take a target out of its target group; undo registers it again, as it was.

Registering is another permission than deregistering. So that an undo does not fail for want of it, the target is
registered once more before it is taken out: it is registered already, so that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recoverops.model import PermanentError, Plan, Service
from recoverops.plugins.aws.action import LOOK_AGAIN_S, Aim, StateAction, place_of
from recoverops.plugins.aws.address import Kind
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.balancers import (
    DESCRIBE_HEALTH,
    DESCRIBE_TAGS,
    DESCRIBE_TARGET_GROUPS,
    Target,
    check_targets,
    tags_of,
    target_group_called,
    targets,
)
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.targets import Felt

_IN, _OUT = "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"


class TakeTargetOut(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "elb-target-out"
    summary = "Takes the service's target out of its target group; no new request reaches it."
    kind = Kind.ELB_TARGET
    grants = (
        DESCRIBE_TARGET_GROUPS,
        DESCRIBE_TAGS,
        DESCRIBE_HEALTH,
        Grant(action=_OUT, on=Kind.ELB_TARGET, why="to take the target out"),
        Grant(action=_IN, on=Kind.ELB_TARGET, why="to put the target back"),
    )
    cost = "none"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address, ident = self.reach.ident(service, Kind.ELB_TARGET)
        name, _, sought = ident.partition("/")
        group = target_group_called(self.calls, address.place, name)
        self.reach.check_scope(name, tags_of(self.calls, address.place, group.arn))
        found = targets(self.calls, address.place, group.arn)
        one = picked(name, found, sought if address.id is not None else None)
        self.reach.check_protected(one.id, f"{name}/{one.id}")
        told = self._share(group.arn, found, one.id)
        rest = [other for other in found if other.id == one.id and other.port != one.port]
        return Aim(
            address=address,
            summary=f"take {one.told} of {service.name} out of the target group {name} ({told}), and wait until its "
            "connections have drained",
            before={
                "group": group.arn,
                "target": one.id,
                "port": str(one.port or ""),
                "zone": one.zone if group.takes == "ip" else "",
                "state": placed([*rest, one]),
                "goal": placed(rest),
            },
            chosen=("group", "target", "port"),
            felt=Felt(instances=frozenset({one.id}), others={Kind.ELB_TARGET: frozenset({f"{name}/{one.id}"})}),
        )

    def state(self, plan: Plan) -> str:
        return placed(one for one in self._targets(plan) if one.id == plan.before["target"])

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        return evidence({"targets": "; ".join(one.told for one in self._targets(plan))})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        place, arn, aimed = place_of(plan), plan.before["group"], _aimed(plan)
        self.reach.check_scope(arn.split("/")[1], tags_of(self.calls, place, arn))
        self.reach.check_protected(plan.before["target"])
        if wanted == "state":
            self.calls.change(place, _IN, TargetGroupArn=arn, Targets=[aimed])
            attempt.begun(f"{plan.before['target']} was registered again, but ")
            return
        self._share(arn, self._targets(plan), plan.before["target"])
        self.calls.change(place, _IN, TargetGroupArn=arn, Targets=[aimed])  # it is registered already; see above
        self.calls.change(place, _OUT, TargetGroupArn=arn, Targets=[aimed])
        attempt.begun(f"{plan.before['target']} was taken out, but ")
        while any(one.id == aimed["Id"] and one.state == "draining" for one in self._targets(plan)):
            if not attempt.may_wait(LOOK_AGAIN_S):
                attempt.kept["draining"] = "connections are still open; no new ones come"
                return

    def _targets(self, plan: Plan) -> tuple[Target, ...]:
        return targets(self.calls, place_of(plan), plan.before["group"])

    def _share(self, arn: str, found: Iterable[Target], ident: str) -> str:
        return check_targets(arn, found, [ident], largest_share=self.reach.settings.max_share_of_group)


def picked(group: str, found: Iterable[Target], sought: str | None) -> Target:
    """The target that an address means; without a name, the only one that is unhealthy. Pure."""
    known = [one for one in found if one.state != "draining"]
    if sought is None:
        fitting = [one for one in known if one.state == "unhealthy"]
        what = "targets are unhealthy"
    else:
        fitting = [one for one in known if sought in {one.id, f"{one.id}:{one.port}"}]
        what = f"targets are {sought}"
    if len(fitting) != 1:
        told = "; ".join(one.told for one in known) or "none"
        raise PermanentError(
            f"{len(fitting)} {what} in the target group {group}, expected one; it has: {told}. Name one as "
            "id=target-group/target, with :port when it has several"
        )
    return fitting[0]


def placed(found: Iterable[Target]) -> str:
    """Where a target is registered, as the compare-and-set compares it. Pure. A draining one gets nothing any more."""
    where = sorted(
        f"{one.port or 'no port'}{f' {one.zone}' if one.zone else ''}" for one in found if one.state != "draining"
    )
    return f"in on {', '.join(where)}" if where else "out"


def _aimed(plan: Plan) -> dict[str, Any]:
    before = plan.before
    more = {"Port": int(before["port"])} if before["port"] else {}
    return {"Id": before["target"], **more, **({"AvailabilityZone": before["zone"]} if before["zone"] else {})}
