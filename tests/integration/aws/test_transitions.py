"""What takes a while in AWS takes a while in the double as well, when a test asks for it; actions wait for the end."""

from __future__ import annotations

import pytest
from tests.integration.aws.conftest import Shop, instance, service
from tests.integration.aws.scenes import SCENES

from recoverops.model import ExecutionStatus, ProbeAnswer
from recoverops.testing.aws import Aws, Key


def told(aws: Aws, ident: str) -> str:
    found = aws.admin("ec2").describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def test_an_instance_is_on_its_way_until_it_was_looked_at_so_often(aws: Aws) -> None:
    ec2, ident = aws.admin("ec2"), instance(aws, tags={"team": "shop"})
    with aws.transitions.slow(2):
        ec2.stop_instances(InstanceIds=[ident])
        assert [told(aws, ident) for _ in range(3)] == ["stopping", "stopping", "stopped"]
        ec2.start_instances(InstanceIds=[ident])
        assert [told(aws, ident) for _ in range(3)] == ["pending", "pending", "running"]
        ec2.stop_instances(InstanceIds=[ident])
    assert told(aws, ident) == "stopped"


def test_a_database_is_modified_until_it_was_looked_at_so_often(aws: Aws) -> None:
    rds = aws.admin("rds")
    rds.create_db_instance(DBInstanceIdentifier="slow", DBInstanceClass="db.t3.small", Engine="postgres")

    def look() -> tuple[str, str]:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier="slow")["DBInstances"]
        return found["DBInstanceStatus"], found["DBInstanceClass"]

    with aws.transitions.slow(1):
        rds.modify_db_instance(DBInstanceIdentifier="slow", DBInstanceClass="db.t3.large", ApplyImmediately=True)
        assert [look() for _ in range(2)] == [("modifying", "db.t3.large"), ("available", "db.t3.large")]


@pytest.mark.parametrize("named", ["ec2-stop", "ec2-start"])
def test_an_action_is_done_only_when_the_state_has_been_reached(aws: Aws, root: Key, named: str) -> None:
    scene = SCENES[named](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    settings = {"actions": [named], "action_timeout": "30s"}
    action = Shop(aws=aws, services={"checkout": checkout}, settings=settings).action(named, root)
    plan = action.plan(checkout, scene.arguments)
    with aws.transitions.slow(1):
        done = action.execute(plan, checkout, idempotency_key="run:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert action.probe(plan, checkout).answer is ProbeAnswer.DONE


def test_an_action_whose_time_ends_before_the_state_is_reached_is_unknown(aws: Aws, root: Key) -> None:
    scene = SCENES["ec2-stop"](aws)
    scene.break_it()
    checkout = service("checkout", scene.address)
    settings = {"actions": ["ec2-stop"], "action_timeout": "1s"}
    action = Shop(aws=aws, services={"checkout": checkout}, settings=settings).action("ec2-stop", root)
    plan = action.plan(checkout, {})
    with aws.transitions.slow(100):
        done = action.execute(plan, checkout, idempotency_key="run:1")
        assert (done.status, "StopInstances was accepted, but" in done.statement) == (ExecutionStatus.UNKNOWN, True)
        assert action.probe(plan, checkout).answer is ProbeAnswer.UNKNOWN
    assert action.probe(plan, checkout).answer is ProbeAnswer.DONE
