"""The action `sg-close-ingress`: close one declared ingress rule of a security group; undo opens the same one again.

AWS gives the rule that undo makes a new id. So the rule is known by what it opens, with its description and its tags;
an address by id names nothing after an undo, one by tags still does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recoverops.model import PermanentError, Plan, Service, from_json, to_json
from recoverops.plugins.aws.action import Aim, StateAction, place_of
from recoverops.plugins.aws.address import Address, Kind, Place
from recoverops.plugins.aws.answers import Attempt, evidence
from recoverops.plugins.aws.grants import Grant
from recoverops.plugins.aws.ingress import Ingress, check_never_blocked, ingress_at, ingress_of
from recoverops.plugins.aws.targets import Felt, chosen_from, only_one

_REVOKE, _AUTHORIZE = "ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"
_RULES = "arn:{partition}:ec2:{region}:{account}:security-group-rule/*"
_NONE = "AWS has no resource-level permission for it"


class CloseIngress(StateAction):
    """Implements `ports.ReversibleAction`."""

    name = "sg-close-ingress"
    summary = "Closes the service's declared ingress rule of a security group."
    kind = Kind.SG_RULE
    always_asks = "whoever comes in through the rule is cut off"
    grants = (
        Grant(
            action="ec2:DescribeSecurityGroupRules",
            why="to see the rule, and whether another one still lets in who is never blocked",
            no_resource=_NONE,
            changes=False,
        ),
        Grant(
            action="ec2:DescribeSecurityGroups",
            why="to see the group's tags and name",
            no_resource=_NONE,
            changes=False,
        ),
        Grant(
            action="ec2:DescribeNetworkInterfaces",
            why="to tell which instances have the group",
            no_resource=_NONE,
            changes=False,
        ),
        Grant(action=_REVOKE, on=Kind.SG_RULE, why="to close the rule"),
        Grant(action=_AUTHORIZE, on=Kind.SG_RULE, why="to open it again at an undo"),
        Grant(action=_AUTHORIZE, arn=_RULES, why="to open it again with its tags: the new rule has a new id"),
        Grant(
            action="ec2:CreateTags",
            arn=_RULES,
            why="to give the rule that an undo makes its tags back; at no other time",
            condition={"StringEquals": {"ec2:CreateAction": "AuthorizeSecurityGroupIngress"}},
        ),
    )
    cost = "none"

    def aim(self, service: Service, arguments: Mapping[str, str]) -> Aim:
        address = only_one(self.reach.address(service, self.kind))
        found = {one.id: one for one in ingress_at(self.calls, address)}
        rule = found[chosen_from(address, tuple(found))[0]]
        name = self._check_group(address, rule)
        self.reach.check_protected(rule.id)
        rules = ingress_of(self.calls, address.place, rule.group)
        check_never_blocked(rule, rules, self.reach.settings.security.never_block)
        self.calls.may(address.place, _REVOKE, **_closing(rule))
        self.calls.may(address.place, _AUTHORIZE, **_opening(rule))
        users = self._users(address.place, rule.group)
        return Aim(
            address=address,
            summary=f"close the ingress rule {rule.id} ({rule.told}) of {rule.group} ({name}) of {service.name}, which "
            f"{len(users)} instances have",
            before={
                "rule": to_json(rule),
                "closes": f"{rule.id} of {rule.group}: {rule.told}",
                "state": f"open: {rule.told}",
                "goal": f"closed: {rule.told}",
            },
            chosen=("closes",),
            felt=Felt(instances=users),
        )

    def state(self, plan: Plan) -> str:
        planned = _rule_of(plan)
        self._check_group(None, planned, place=place_of(plan))
        now = [one for one in ingress_of(self.calls, place_of(plan), planned.group) if one.opens == planned.opens]
        if not now:
            return plan.before["goal"]
        if (now[0].description, now[0].tags) == (planned.description, planned.tags):
            return plan.before["state"]
        return f"open with another description or other tags: {now[0].told}"

    def evidence(self, plan: Plan) -> Mapping[str, str]:
        planned = _rule_of(plan)
        rules = ingress_of(self.calls, place_of(plan), planned.group)
        return evidence({"rule": to_json(planned), "rules": "; ".join(one.told for one in rules)})

    def change(self, plan: Plan, attempt: Attempt, *, wanted: str, key: str) -> None:
        rule, place = _rule_of(plan), place_of(plan)
        if wanted == "goal":
            rules = ingress_of(self.calls, place, rule.group)
            check_never_blocked(rule, rules, self.reach.settings.security.never_block)
            self.calls.change(place, _REVOKE, **_closing(rule))
            attempt.begun(f"{rule.id} was closed, but ")
            return
        answer = self.calls.change(place, _AUTHORIZE, **_opening(rule))
        made = ", ".join(one["SecurityGroupRuleId"] for one in answer.get("SecurityGroupRules", ()))
        attempt.kept["rule"] = made
        attempt.begun(f"it was opened again as {made}, but ")

    def _check_group(self, address: Address | None, rule: Ingress, *, place: Place | None = None) -> str:
        """Its name. Raises `PermanentError` when it is protected, out of scope, or out of reach of the policy."""
        where = place if address is None else address.place
        assert where is not None
        found = self.calls.pages(where, "ec2:DescribeSecurityGroups", "SecurityGroups", GroupIds=[rule.group])
        tags = {one["Key"]: one["Value"] for one in found[0].get("Tags", ())}
        self.reach.check_scope(rule.group, tags)
        if address is not None and not address.tags.items() <= tags.items():
            raise PermanentError(
                f"{address.sought}: the group {rule.group} of the rule {rule.id} lacks these tags; AWS judges the "
                "group, so both have to carry them"
            )
        return str(found[0].get("GroupName", ""))

    def _users(self, place: Place, group: str) -> frozenset[str]:
        filters = [{"Name": "group-id", "Values": [group]}]
        found = self.calls.pages(place, "ec2:DescribeNetworkInterfaces", "NetworkInterfaces", Filters=filters)
        attached = (one.get("Attachment", {}).get("InstanceId") for one in found)
        return frozenset(one for one in attached if one)


def _rule_of(plan: Plan) -> Ingress:
    return from_json(Ingress, plan.before["rule"])


def _closing(rule: Ingress) -> dict[str, Any]:
    return {"GroupId": rule.group, "SecurityGroupRuleIds": [rule.id]}


def _opening(rule: Ingress) -> dict[str, Any]:
    found: dict[str, Any] = {"GroupId": rule.group, "IpPermissions": [rule.permission]}
    if rule.tags:
        tags = [{"Key": key, "Value": value} for key, value in sorted(rule.tags.items())]
        found["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": tags}]
    return found
