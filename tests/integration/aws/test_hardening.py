"""Trouble that must not double an effect, for every action: throttling, and credentials that expire on the way.

Each action runs on fresh resources, with a role of its own, so that the double can tell whose calls were done. All run
at the same time, because they mostly wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scenes import SCENES

from recoverops.model import ExecutionStatus, Plan, ProbeAnswer
from recoverops.testing.aws import ACCOUNT, REGION, Aws

pytestmark = pytest.mark.slow

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PATIENT = {"attempts": 8, "timeout": "30s", "action_timeout": "2m", "bounds": {"slow_timeout": "2m"}}
EFFECTS: Mapping[str, Mapping[str, int]] = {
    "ec2-reboot": {"ec2:CreateTags": 2, "ec2:RebootInstances": 1},
    "ec2-stop": {"ec2:StopInstances": 1, "ec2:StartInstances": 1},
    "ec2-start": {"ec2:StartInstances": 1, "ec2:StopInstances": 1},
    "ec2-resize": {"ec2:StopInstances": 2, "ec2:ModifyInstanceAttribute": 2, "ec2:StartInstances": 2},
    "asg-scale": {"autoscaling:SetDesiredCapacity": 2},
    "ecs-redeploy": {"ecs:UpdateService": 1},
    "ecs-rollback": {"ecs:UpdateService": 2},
    "ecs-scale": {"ecs:UpdateService": 2},
    "lambda-rollback": {"lambda:UpdateAlias": 2},
    "lambda-concurrency": {"lambda:DeleteFunctionConcurrency": 2, "lambda:PutFunctionConcurrency": 1},
    "rds-failover": {"rds:RebootDBInstance": 1},
    "rds-storage": {"rds:ModifyDBInstance": 1},
    "rds-class": {"rds:ModifyDBInstance": 2},
    "sg-close-ingress": {"ec2:RevokeSecurityGroupIngress": 1, "ec2:AuthorizeSecurityGroupIngress": 1},
    "iam-key-deactivate": {"iam:UpdateAccessKey": 2},
    "ec2-isolate": {"ec2:ModifyInstanceAttribute": 2},
    "ssm-restart-service": {"ssm:SendCommand": 1},
    "ssm-clean-disk": {"ssm:SendCommand": 1},
    "ssm-run-say": {"ssm:SendCommand": 1},
    "ssm-automation-resize": {"ssm:StartAutomationExecution": 8},
    "ssm-automation-roll": {"ssm:StartAutomationExecution": 1},
    "emergency-shutdown": {"ec2:StopInstances": 2, "ec2:StartInstances": 2},
    "ebs-delete-unattached": {"ec2:CreateSnapshot": 1, "ec2:DeleteVolume": 1},
    "eip-release": {"ec2:ReleaseAddress": 1},
    "ec2-terminate": {"autoscaling:TerminateInstanceInAutoScalingGroup": 1},
    "ec2-monitoring": {
        "ec2:CreateTags": 1,
        "ec2:MonitorInstances": 1,
        "ec2:UnmonitorInstances": 1,
        "ec2:DeleteTags": 1,
    },
    "asg-refresh": {"autoscaling:StartInstanceRefresh": 1},
    "elb-target-out": {"elasticloadbalancing:RegisterTargets": 2, "elasticloadbalancing:DeregisterTargets": 1},
    "elb-shift-weights": {"elasticloadbalancing:ModifyListener": 2},
    "elb-shift-rule-weights": {"elasticloadbalancing:ModifyRule": 2},
    "ebs-grow": {"ec2:CreateSnapshot": 1, "ec2:ModifyVolume": 1},
    "ebs-snapshot": {"ec2:CreateSnapshot": 1, "ec2:DeleteSnapshot": 1},
}
"""How often each API that changes something is done by the effect and its undo together, whatever is in the way. The
shutdown stops two instances; an automation with a probe starts that to look.
"""
READS = ("Describe", "List", "Get", "AssumeRole")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One action: planned, done, looked at and taken back."""

    statuses: tuple[ExecutionStatus, ...]
    answer: ProbeAnswer
    statements: str
    done: Mapping[str, int]
    """The calls that changed something, as the double had them done."""
    assumed: int
    """How often the role was assumed."""


class Course:
    """An action on resources of its own, with a role of its own."""

    def __init__(self, aws: Aws, named: str) -> None:
        scene = SCENES[named](aws)
        scene.break_it()
        arn = aws.role(EVERYTHING)
        self.aws, self.role = aws, arn.rpartition("/")[2]
        may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}
        key = aws.user({"Version": "2012-10-17", "Statement": [may]})
        self.user = str(aws.admin("iam").get_access_key_last_used(AccessKeyId=key.id)["UserName"])
        accounts = [{"name": "shop", "id": ACCOUNT, "regions": [REGION], "role": arn}]
        self.service, self.arguments = service("checkout", scene.address), scene.arguments
        settings = {"actions": [named], **scene.settings, **PATIENT}
        shop = Shop(aws=aws, services={"checkout": self.service}, settings=settings)
        self.action: Any = shop.action(named, key, accounts=accounts)

    def run(self, *, on_the_way: Callable[[], object] = lambda: None) -> Ran:
        plan: Plan = self.action.plan(self.service, self.arguments)
        on_the_way()
        done = self.action.execute(plan, self.service, idempotency_key="run:1")
        answer = self.action.probe(plan, self.service).answer
        repeated = self.action.execute(plan, self.service, idempotency_key="run:1")
        ends = [done, repeated]
        if hasattr(self.action, "undo"):
            on_the_way()
            ends.append(self.action.undo(plan, done.after, self.service, idempotency_key="run:1:undo"))
        calls = self.aws.faults.done_by(self.role)
        return Ran(
            statuses=tuple(one.status for one in ends),
            answer=answer,
            statements=" | ".join(one.statement for one in ends),
            done={call: count for call, count in calls.items() if not call.partition(":")[2].startswith(READS)},
            assumed=self.aws.faults.done_by(self.user).get("sts:AssumeRole", 0),
        )


@pytest.fixture(autouse=True)
def no_load_balancers_left() -> None:
    """Not here: the first test that ends would take away the target groups of those that still run."""


@pytest.fixture(scope="module")
def disturbed(aws: Aws) -> Iterator[Mapping[str, Future[Ran]]]:
    """30 % of the calls throttled; credentials that expire after the plan, and before each API that changes something,
    of the undo too.
    """

    def run(named: str, course: Course) -> Ran:
        return course.run(on_the_way=lambda: aws.faults.expire_before(course.role, EFFECTS[named]))

    courses = {named: Course(aws, named) for named in SCENES}
    with aws.faults.throttling(0.3), aws.faults.one_at_a_time(), ThreadPoolExecutor(16) as pool:
        yield {named: pool.submit(run, named, one) for named, one in courses.items()}


@pytest.mark.parametrize("named", SCENES)
def test_throttled_and_with_credentials_that_expire_in_the_middle_an_effect_is_done_once_and_taken_back_once(
    disturbed: Mapping[str, Future[Ran]], named: str
) -> None:
    ran = disturbed[named].result()
    assert set(ran.statuses) == {ExecutionStatus.SUCCEEDED}, ran.statements
    assert ran.answer is ProbeAnswer.DONE
    assert ran.done == EFFECTS[named]
    assert ran.assumed > 1, "nothing expired"


def test_calls_were_throttled(disturbed: Mapping[str, Future[Ran]], aws: Aws) -> None:
    wait(disturbed.values())
    assert aws.faults.throttled > len(disturbed)
