"""The security actions: what they refuse, and the cases that the matrix of all actions does not have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, instance, service
from tests.integration.aws.scene import Scene, unique_tags
from tests.integration.aws.scenes import SCENES
from tests.integration.aws.security_scenes import opened, security_group

from recoverops.model import EffectClass, ExecutionStatus, PermanentError
from recoverops.plugins.aws.action import StateAction
from recoverops.plugins.aws.assembly import ACTIONS
from recoverops.testing.aws import Aws, Key
from recoverops.testing.aws.faults import Fault

SECURITY = ("sg-close-ingress", "iam-key-deactivate", "ec2-isolate")


def shop_of(aws: Aws, scene: Scene, **settings: Any) -> Shop:
    scene.break_it()
    return Shop(
        aws=aws, services={"checkout": service("checkout", scene.address)}, settings={**scene.settings, **settings}
    )


def refused(shop: Shop, named: str, root: Key) -> str:
    with pytest.raises(PermanentError) as told:
        shop.action(named, root).plan(shop["checkout"], {})
    return str(told.value)


@pytest.mark.parametrize("named", SECURITY)
def test_a_security_action_can_be_undone_and_asks_always(aws: Aws, root: Key, named: str) -> None:
    action = next(one for one in ACTIONS if one.name == named)
    assert issubclass(action, StateAction)
    assert action.effect is EffectClass.REVERSIBLE
    shop = shop_of(aws, SCENES[named](aws))
    assert shop.action(named, root).plan(shop["checkout"], {}).always_asks


def test_what_is_protected_is_not_touched_by_any_action(aws: Aws, root: Key) -> None:
    for named in SCENES:
        scene = SCENES[named](aws)
        shop = shop_of(aws, scene)
        plan = shop.action(named, root).plan(shop["checkout"], scene.arguments)
        by_tags = named == "emergency-shutdown"
        ident = plan.before["instances"].split()[1] if by_tags else scene.address.split("id=")[1]
        if named in {"sg-close-ingress", "iam-key-deactivate"}:
            ident = ident.rpartition("/")[0]  # the group, the user
        shop = shop_of(aws, scene, protected=[ident])
        before = scene.snapshot()
        with pytest.raises(PermanentError, match=r"is protected \(protected of the plugin aws\)"):
            shop.action(named, root).plan(shop["checkout"], scene.arguments)
        assert scene.snapshot() == before, named


def test_a_resource_that_was_protected_after_the_plan_is_not_touched_either(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-isolate"](aws)
    shop = shop_of(aws, scene)
    plan = shop.action("ec2-isolate", root).plan(shop["checkout"], {})
    later = shop_of(aws, scene, protected=[plan.before["instances"]]).action("ec2-isolate", root)
    done = later.execute(plan, shop["checkout"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert "is protected" in done.statement


def test_the_key_that_recoverops_works_with_is_not_deactivated(aws: Aws) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    own = aws.user(everything)
    name = aws.admin("iam").get_access_key_last_used(AccessKeyId=own.id)["UserName"]
    shop = Shop(aws=aws, services={"checkout": service("checkout", f"iam-key id={name}/{own.id}")}, settings={})
    told = f"the access key …{own.id[-4:]} of {name} is the one that RecoverOps itself works with"
    assert refused(shop, "iam-key-deactivate", own) == told


def test_no_text_of_a_deactivation_has_the_id_of_the_key(aws: Aws, root: Key) -> None:
    scene = SCENES["iam-key-deactivate"](aws)
    key = scene.address.rpartition("/")[2]
    shop = shop_of(aws, scene)
    action = shop.action("iam-key-deactivate", root)
    plan = action.plan(shop["checkout"], {})
    done = action.execute(plan, shop["checkout"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.SUCCEEDED
    for text in (plan.summary, *plan.before.values(), done.statement, *done.after.values()):
        assert key not in text
    assert f"…{key[-4:]}" in plan.summary


def test_a_key_that_is_inactive_already_is_left_alone(aws: Aws, root: Key) -> None:
    scene = SCENES["iam-key-deactivate"](aws)
    shop = shop_of(aws, scene)
    action = shop.action("iam-key-deactivate", root)
    action.execute(action.plan(shop["checkout"], {}), shop["checkout"], idempotency_key="run:1")
    assert "nothing to deactivate" in refused(shop, "iam-key-deactivate", root)


def test_an_access_key_is_named_by_its_id_only(aws: Aws, root: Key) -> None:
    shop = Shop(aws=aws, services={"checkout": service("checkout", "iam-key tag:service=checkout")}, settings={})
    with pytest.raises(Exception, match="AWS has no tags for iam-key; write id="):
        shop.action("iam-key-deactivate", root)


def test_a_rule_that_lets_a_bastion_in_is_closed_when_another_one_still_does(aws: Aws, root: Key) -> None:
    scene = SCENES["sg-close-ingress"](aws)
    group = scene.address.split("id=")[1].partition("/")[0]
    shop = shop_of(aws, scene, security={"never_block": ["10.1.0.0/24"]})
    assert "the only rule that lets 10.1.0.0/24 in there" in refused(shop, "sg-close-ingress", root)
    opened(aws, group, port=22, network="10.1.0.0/16", tags={})
    plan = shop.action("sg-close-ingress", root).plan(shop["checkout"], {})
    aws.admin("ec2").revoke_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}],
    )
    done = shop.action("sg-close-ingress", root).execute(plan, shop["checkout"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert "the only rule that lets 10.1.0.0/24 in there" in done.statement


def test_rules_are_chosen_by_their_tags_and_the_group_has_to_carry_them_too(aws: Aws, root: Key) -> None:
    tags = unique_tags()
    group = security_group(aws, tags=unique_tags())
    address = service("checkout", f"sg-rule tag:service={tags['service']}")
    shop = Shop(aws=aws, services={"checkout": address}, settings={})
    assert "nothing matches" in refused(shop, "sg-close-ingress", root)
    first = opened(aws, group, port=22, network="0.0.0.0/0", tags=tags)
    assert f"the group {group} of the rule {first} lacks these tags" in refused(shop, "sg-close-ingress", root)
    second = opened(aws, group, port=23, network="0.0.0.0/0", tags=tags)
    told = refused(shop, "sg-close-ingress", root)
    assert f"2 match, at most 1 may: {', '.join(sorted((first, second)))}" in told


def test_an_instance_of_a_group_is_isolated_only_when_that_is_declared(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-reboot"](aws)
    quarantine = security_group(aws, tags=unique_tags())
    security: dict[str, Any] = {"quarantine_groups": [quarantine]}
    shop = shop_of(aws, scene, security=security)
    assert "which may replace it when it is isolated" in refused(shop, "ec2-isolate", root)
    shop = shop_of(aws, scene, security={**security, "isolate_group_members": True})
    assert quarantine in shop.action("ec2-isolate", root).plan(shop["checkout"], {}).summary


def test_an_instance_is_isolated_with_the_group_of_its_own_vpc_only(aws: Aws, root: Key) -> None:
    vpc = aws.admin("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    elsewhere = security_group(aws, tags=unique_tags(), vpc=vpc)
    scene = SCENES["ec2-isolate"](aws)
    shop = shop_of(aws, scene, security={"quarantine_groups": [elsewhere]})
    assert "should have one group of vpc-" in refused(shop, "ec2-isolate", root)
    two = [*scene.settings["security"]["quarantine_groups"], security_group(aws, tags=unique_tags())]
    shop = shop_of(aws, scene, security={"quarantine_groups": two})
    assert f"has: {', '.join(sorted(two))}" in refused(shop, "ec2-isolate", root)


class Wide:
    """An instance with two network interfaces, each with a group of its own."""

    def __init__(self, aws: Aws) -> None:
        self.ec2 = aws.admin("ec2")
        self.ident = instance(aws, tags=unique_tags())
        first = self.found()[0]
        self.groups = [security_group(aws, tags=unique_tags()) for _ in range(2)]
        second = self.ec2.create_network_interface(SubnetId=first["SubnetId"], Groups=[self.groups[1]])
        ident = second["NetworkInterface"]["NetworkInterfaceId"]
        self.ec2.modify_instance_attribute(InstanceId=self.ident, Groups=[self.groups[0]])
        self.ec2.attach_network_interface(DeviceIndex=1, InstanceId=self.ident, NetworkInterfaceId=ident)
        self.interfaces = [first["NetworkInterfaceId"], ident]
        self.quarantine = security_group(aws, tags=unique_tags())
        self.shop = Shop(
            aws=aws,
            services={"checkout": service("checkout", f"ec2 id={self.ident}")},
            settings={
                "actions": ["ec2-isolate"],
                "security": {"quarantine_groups": [self.quarantine], "quarantine_interfaces": self.interfaces},
            },
        )

    def found(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ec2.describe_instances(InstanceIds=[self.ident])["Reservations"][0][
            "Instances"
        ][0]["NetworkInterfaces"]
        return found

    @property
    def now(self) -> list[list[str]]:
        return [[group["GroupId"] for group in one["Groups"]] for one in self.found()]

    def policy(self, root: Key) -> dict[str, Any]:
        (policy,) = self.shop.parts(root).policies
        document: dict[str, Any] = json.loads(policy.document)
        return document


def test_each_interface_of_an_instance_is_isolated_and_gets_its_own_groups_back(aws: Aws, root: Key) -> None:
    wide = Wide(aws)
    checkout = wide.shop["checkout"]
    action: Any = wide.shop.action("ec2-isolate", aws.user(wide.policy(root)))
    before = wide.now
    plan = action.plan(checkout, {})
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert wide.now == [[wide.quarantine], [wide.quarantine]]
    undone = action.undo(plan, done.after, checkout, idempotency_key="run:1:undo")
    assert undone.status is ExecutionStatus.SUCCEEDED, undone.statement
    assert wide.now == before == [[wide.groups[0]], [wide.groups[1]]]


def test_when_the_second_interface_is_refused_the_first_has_again_what_it_had(aws: Aws, root: Key) -> None:
    wide = Wide(aws)
    action = wide.shop.action("ec2-isolate", root)
    plan, before = action.plan(wide.shop["checkout"], {}), wide.now
    aws.faults.plan("ec2:ModifyNetworkInterfaceAttribute", Fault.NONE, Fault.REFUSED)
    done = action.execute(plan, wide.shop["checkout"], idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert f"{wide.interfaces[0]} has again what it had; {wide.interfaces[1]} was refused" in done.statement
    assert wide.now == before


def test_interfaces_that_are_not_declared_are_named_and_the_policy_does_not_reach_them(aws: Aws, root: Key) -> None:
    wide = Wide(aws)
    wide.shop.settings["security"]["quarantine_interfaces"] = wide.interfaces[:1]
    before = wide.now
    assert f"there is not: {wide.interfaces[1]}" in refused(wide.shop, "ec2-isolate", root)
    key = aws.user(wide.policy(root))
    wide.shop.settings["security"]["quarantine_interfaces"] = wide.interfaces
    told = refused(wide.shop, "ec2-isolate", key)
    assert "the permission ec2:ModifyNetworkInterfaceAttribute is missing on arn:aws:ec2:" in told
    assert wide.interfaces[1] in told
    assert wide.now == before
