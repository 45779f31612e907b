"""SSM Automation in the double, by the shipped documents: steps are carried out with the rights of the role alone."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import instance
from tests.integration.aws.ssm_scenes import managed, publish

from recoverops.testing.aws import ACCOUNT, REGION, Aws
from recoverops.testing.aws.faults import Fault

RESIZE = "RecoverOps-Ec2ResizeWithRollback"
MAY = ["ec2:DescribeInstances", "ec2:StopInstances", "ec2:StartInstances", "ec2:ModifyInstanceAttribute"]


def allowing(*actions: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def run(aws: Aws, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """To its end."""
    ssm = aws.admin("ssm")
    given = {key: [value] for key, value in parameters.items()}
    ident = ssm.start_automation_execution(DocumentName=name, Parameters=given)["AutomationExecutionId"]

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = ssm.get_automation_execution(AutomationExecutionId=ident)["AutomationExecution"]
        return found if found["AutomationExecutionStatus"] != "InProgress" else None

    return eventually("the end of the automation", look, within_s=90)


def steps(execution: Mapping[str, Any]) -> dict[str, str]:
    return {one["StepName"]: one["StepStatus"] for one in execution["StepExecutions"]}


def told(aws: Aws, ident: str) -> tuple[str, str]:
    found = aws.admin("ec2").describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
    return found["State"]["Name"], found["InstanceType"]


@pytest.fixture
def resized(aws: Aws) -> str:
    publish(aws, "recoverops-ec2-resize-with-rollback.yaml", RESIZE, kind="Automation")
    return instance(aws, tags={"team": "shop"})


def test_the_steps_of_a_document_are_carried_out(aws: Aws, resized: str) -> None:
    role = aws.service_role(allowing(*MAY), "ssm.amazonaws.com")
    given = {"AutomationAssumeRole": role, "InstanceId": resized, "InstanceType": "t3.large"}
    done = run(aws, RESIZE, given)
    assert done["AutomationExecutionStatus"] == "Success", done["FailureMessage"]
    assert told(aws, resized) == ("running", "t3.large")
    assert done["Outputs"] == {"look.Type": ["t3.micro"]}
    assert list(steps(done)) == ["look", "isAsWanted", "stop", "waitStopped", "changeType", "start", "waitRunning"]
    again = run(aws, RESIZE, given)
    assert list(steps(again)) == ["look", "isAsWanted", "assertRunning"]


def test_what_fails_is_taken_back_by_the_steps_of_the_document_and_the_automation_is_failed(
    aws: Aws, resized: str
) -> None:
    role = aws.service_role(allowing(*MAY), "ssm.amazonaws.com")
    aws.faults.plan("ec2:StartInstances", Fault.REFUSED)
    done = run(aws, RESIZE, {"AutomationAssumeRole": role, "InstanceId": resized, "InstanceType": "t3.large"})
    assert done["AutomationExecutionStatus"] == "Failed"
    assert "InvalidRequest" in done["FailureMessage"]
    assert steps(done)["start"] == "Failed"
    assert {steps(done)[one] for one in ("restoreType", "startAsBefore", "waitRunning")} == {"Success"}
    assert told(aws, resized) == ("running", "t3.micro")


def test_a_step_may_do_only_what_the_role_may(aws: Aws, resized: str) -> None:
    role = aws.service_role(allowing("ec2:DescribeInstances"), "ssm.amazonaws.com")
    done = run(aws, RESIZE, {"AutomationAssumeRole": role, "InstanceId": resized, "InstanceType": "t3.large"})
    assert done["AutomationExecutionStatus"] == "Failed"
    assert "not authorized to perform: ec2:StopInstances" in done["FailureMessage"]
    assert told(aws, resized) == ("running", "t3.micro")


def test_a_role_that_does_not_trust_automation_is_refused(aws: Aws, resized: str) -> None:
    given = {"AutomationAssumeRole": aws.role(allowing(*MAY)), "InstanceId": resized, "InstanceType": "t3.large"}
    with pytest.raises(ClientError, match="assume role is unable to be assumed"):
        run(aws, RESIZE, given)


def test_the_same_token_starts_once_and_never_with_other_parameters(aws: Aws, resized: str) -> None:
    ssm, role = aws.admin("ssm"), aws.service_role(allowing(*MAY), "ssm.amazonaws.com")
    given = {"AutomationAssumeRole": [role], "InstanceId": [resized], "InstanceType": ["t3.micro"]}
    token = str(uuid.uuid4())

    def start(**changed: Any) -> str:
        parameters = {**given, **changed}
        started = ssm.start_automation_execution(DocumentName=RESIZE, Parameters=parameters, ClientToken=token)
        return str(started["AutomationExecutionId"])

    assert start() == start()
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        start(InstanceType=["t3.large"])


def test_handing_over_a_role_needs_the_right_to_pass_it_to_this_service(aws: Aws, resized: str) -> None:
    role = aws.service_role(allowing(*MAY), "ssm.amazonaws.com")
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-definition/{RESIZE}:1"
    start = {"Effect": "Allow", "Action": "ssm:StartAutomationExecution", "Resource": arn}

    def may(service: str) -> None:
        passing = {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": role,
            "Condition": {"StringEquals": {"iam:PassedToService": service}},
        }
        ssm = aws.client("ssm", aws.user({"Version": "2012-10-17", "Statement": [start, passing]}))
        given = {"AutomationAssumeRole": [role], "InstanceId": [resized], "InstanceType": ["t3.micro"]}
        ssm.start_automation_execution(DocumentName=RESIZE, DocumentVersion="1", Parameters=given)

    may("ssm.amazonaws.com")
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {role}"):
        may("ec2.amazonaws.com")


def test_commands_sleeps_branches_and_steps_that_may_fail(aws: Aws) -> None:
    ssm = aws.admin("ssm")
    ident, machine = managed(aws, {"team": "shop"})
    script = {"name": "run", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo '{{ Word }}' >> said"]}}
    command = {"schemaVersion": "2.2", "parameters": {"Word": {"type": "String"}}, "mainSteps": [script]}
    ssm.create_document(Name="Test-Say", DocumentType="Command", Content=json.dumps(command))

    def say(word: str) -> dict[str, Any]:
        return {"DocumentName": "Test-Say", "InstanceIds": [ident], "Parameters": {"Word": [word]}}

    missing = {"Service": "ec2", "Api": "DescribeInstances", "InstanceIds": ["i-0000000000000000f"]}
    choices = [{"NextStep": "last", "Variable": "{{ first.ResponseCode }}", "NumericEquals": 0}]
    content = {
        "schemaVersion": "0.3",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {"AutomationAssumeRole": {"type": "String"}},
        "mainSteps": [
            {"name": "first", "action": "aws:runCommand", "inputs": say("first")},
            {
                "name": "mayFail",
                "action": "aws:executeAwsApi",
                "inputs": missing,
                "onFailure": "Continue",
                "isCritical": False,
            },
            {"name": "sleep", "action": "aws:sleep", "inputs": {"Duration": "PT1H"}},
            {"name": "choose", "action": "aws:branch", "inputs": {"Choices": choices, "Default": "never"}},
            {"name": "never", "action": "aws:runCommand", "inputs": say("never")},
            {"name": "last", "action": "aws:runCommand", "inputs": say("last"), "isEnd": True},
        ],
    }
    ssm.create_document(Name="Test-Steps", DocumentType="Automation", Content=json.dumps(content))
    may = allowing("ssm:SendCommand", "ssm:GetCommandInvocation", "ec2:DescribeInstances")
    done = run(aws, "Test-Steps", {"AutomationAssumeRole": aws.service_role(may, "ssm.amazonaws.com")})
    assert done["AutomationExecutionStatus"] == "Success", done["FailureMessage"]
    assert steps(done)["mayFail"] == "Failed"
    assert "never" not in steps(done)
    assert (machine.folder / "said").read_text().split() == ["first", "last"]


@pytest.mark.parametrize(("command", "is_steady"), [("sleep 3600", True), ("exit 1", False)], ids=["runs", "fails"])
def test_a_revision_that_does_not_become_steady_is_taken_back_by_the_document(
    aws: Aws, command: str, is_steady: bool
) -> None:
    # given an ECS service, and another revision of it
    name, ecs = f"rolled-{uuid.uuid4().hex[:6]}", aws.admin("ecs")
    publish(aws, "recoverops-ecs-rollback-and-verify.yaml", "RecoverOps-EcsRollbackAndVerify", kind="Automation")
    ecs.create_cluster(clusterName="shop")
    for script in (command, "sleep 3600"):
        definition = {"name": "main", "image": "cart", "memory": 64, "command": ["/bin/sh", "-c", script]}
        ecs.register_task_definition(family=name, containerDefinitions=[definition])
    ecs.create_service(cluster="shop", serviceName=name, taskDefinition=f"{name}:2", desiredCount=1)
    aws.ecs.enrol(ACCOUNT, REGION, f"shop/{name}")
    # when the document goes to that revision
    role = aws.service_role(allowing("ecs:DescribeServices", "ecs:UpdateService"), "ssm.amazonaws.com")
    before, aws.automation.longest_wait_s = aws.automation.longest_wait_s, 1.0
    settled, aws.ecs.settle_s = aws.ecs.settle_s, 0.3 if is_steady else 3.0
    given = {"AutomationAssumeRole": role, "Cluster": "shop", "Service": name, "Revision": f"{name}:1"}
    try:
        done = run(aws, "RecoverOps-EcsRollbackAndVerify", given)
    finally:
        aws.automation.longest_wait_s, aws.ecs.settle_s = before, settled
    # then the service runs it, or the one before again
    (found,) = ecs.describe_services(cluster="shop", services=[name])["services"]
    assert done["AutomationExecutionStatus"] == ("Success" if is_steady else "Failed"), done["FailureMessage"]
    assert found["taskDefinition"].endswith(f"{name}:1" if is_steady else f"{name}:2")
    assert found["deployments"][0]["rolloutState"] == "COMPLETED"


def test_an_execution_that_is_stopped_ends_as_cancelled_and_its_steps_are_listed(aws: Aws, resized: str) -> None:
    ssm, role = aws.admin("ssm"), aws.service_role(allowing("ec2:DescribeInstances"), "ssm.amazonaws.com")
    never = {
        "Service": "ec2",
        "Api": "DescribeInstances",
        "InstanceIds": [resized],
        "PropertySelector": "$.Reservations[0].Instances[0].State.Name",
        "DesiredValues": ["never"],
    }
    content = {
        "schemaVersion": "0.3",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {"AutomationAssumeRole": {"type": "String"}},
        "mainSteps": [
            {"name": "wait", "action": "aws:waitForAwsResourceProperty", "timeoutSeconds": 600, "inputs": never},
            {"name": "after", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}},
        ],
    }
    ssm.create_document(Name="Test-Never", DocumentType="Automation", Content=json.dumps(content))
    given = {"AutomationAssumeRole": [role]}
    ident = ssm.start_automation_execution(DocumentName="Test-Never", Parameters=given)["AutomationExecutionId"]

    def listed() -> list[str]:
        found = ssm.describe_automation_step_executions(AutomationExecutionId=ident)["StepExecutions"]
        return [f"{one['StepName']} {one['StepStatus']}" for one in found]

    eventually("the first step", lambda: listed() == ["wait InProgress"])
    ssm.stop_automation_execution(AutomationExecutionId=ident)

    def status() -> str:
        found = ssm.get_automation_execution(AutomationExecutionId=ident)["AutomationExecution"]
        return str(found["AutomationExecutionStatus"])

    eventually("the end", lambda: status() == "Cancelled")
    assert [one.partition(" ")[0] for one in listed()] == ["wait"]
