"""Scenes on an instance that SSM manages: real scripts in a folder of their own, real processes as services."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import ecs_service, instance
from tests.integration.aws.scene import Scene, unique_tags

from recoverops.testing.aws import ACCOUNT, REGION, Aws
from recoverops.testing.aws.machine import Machine

SHIPPED = Path(__file__).parents[3] / "deploy" / "aws" / "ssm"
UNIT = "checkout.service"
RESTART: dict[str, Any] = {"units": {"checkout": [UNIT]}, "settle": "0s"}
SSM: dict[str, Any] = {"actions": ["ssm-restart-service"], "action_timeout": "20s", "ssm": {"restart": RESTART}}
SERVICE = """
import os, sys, time
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(descriptor, f"{os.getpid()}\\n".encode())
while True:
    time.sleep(3600)
"""
"""A service that notes each of its starts in a ledger."""


def publish(aws: Aws, file: str, name: str, *, kind: str = "Command") -> None:
    """A document of `deploy/aws/ssm`, unless it is there."""
    ssm = aws.admin("ssm")
    if not ssm.list_documents(Filters=[{"Key": "Name", "Values": [name]}])["DocumentIdentifiers"]:
        content = (SHIPPED / file).read_text(encoding="utf-8")
        ssm.create_document(Name=name, Content=content, DocumentType=kind, DocumentFormat="YAML")


def managed(aws: Aws, tags: dict[str, str]) -> tuple[str, Machine]:
    """An instance with the service `checkout.service`, and its machine."""
    ident = instance(aws, tags=tags)
    machine = aws.ssm.machine(ident)
    machine.install(UNIT, (sys.executable, "-S", "-c", SERVICE, str(machine.folder / "starts")))
    eventually("the first start of the service", lambda: lines(machine.folder / "starts"))
    return ident, machine


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def clean_settings(folder: str) -> dict[str, Any]:
    old = {"name": "old-logs", "services": ["checkout"], "path": folder, "names": "*.log", "older_than_days": 7}
    return {"actions": ["ssm-clean-disk"], "ssm": {"clean": {"files": [old]}}}


def run_settings() -> dict[str, Any]:
    say = {"name": "say", "document": "Shop-Say", "parameters": {"Word": "[a-z]{1,20}"}, "fixed": {"Mark": "said"}}
    return {"actions": ["ssm-run"], "ssm": {"commands": [say]}}


def automation_settings(role: str, resize: str, look: str) -> dict[str, Any]:
    back = {"look": look, "look_version": "1", "document": resize, "version": "1"}
    about = {
        "name": "resize",
        "document": resize,
        "version": "1",
        "role": role,
        "target": {"InstanceId": "instance"},
        "parameters": {"InstanceType": "[a-z0-9]+[.][a-z0-9]+"},
        "rollback": {**back, "restore": {"InstanceType": "look.Type"}},
    }
    return {"actions": ["ssm-automation"], "action_timeout": "40s", "ssm": {"automations": [about]}}


def roll_settings(role: str, document: str) -> dict[str, Any]:
    about = {
        "name": "roll",
        "document": document,
        "version": "1",
        "role": role,
        "kind": "ecs",
        "target": {"Cluster": "cluster", "Service": "service"},
        "parameters": {"Revision": "[a-z0-9-]{1,60}:[0-9]{1,6}"},
    }
    return {"actions": ["ssm-automation"], "action_timeout": "40s", "ssm": {"automations": [about]}}


DECLARED: tuple[dict[str, Any], ...] = (
    SSM,
    clean_settings("/var/log/checkout"),
    run_settings(),
    automation_settings("arn:aws:iam::123456789012:role/automation", "Shop-Resize", "Shop-Type"),
    roll_settings("arn:aws:iam::123456789012:role/automation", "Shop-Roll"),
)
"""Settings of the scenes, for questions that need no scene."""


def commands(aws: Aws, ident: str) -> list[str]:
    """The documents that were run on this instance."""
    found = aws.admin("ssm").list_commands(InstanceId=ident)["Commands"]
    return [one["DocumentName"] for one in found]


def restart_scene(aws: Aws) -> Scene:
    publish(aws, "recoverops-restart-service.yaml", "RecoverOps-RestartService")
    tags = unique_tags()
    ident, machine = managed(aws, tags)
    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=lambda: machine.kill(UNIT) if machine.is_active(UNIT) else None,
        snapshot=lambda: (machine.pid(UNIT), commands(aws, ident)),
        tamper=lambda: None,
        arguments={"unit": UNIT},
        settings=SSM,
    )


def clean_scene(aws: Aws) -> Scene:
    publish(aws, "recoverops-clean-disk.yaml", "RecoverOps-CleanDisk")
    tags = unique_tags()
    ident, machine = managed(aws, tags)
    folder = machine.folder / "var" / "checkout"
    (folder / "deep").mkdir(parents=True)

    def fill() -> None:
        for name in ("old.log", "deep/older.log", "old.txt", "new.log"):
            (folder / name).write_text(name)
            if "old" in name:
                os.utime(folder / name, (0, 0))

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=fill,
        snapshot=lambda: (sorted(one.name for one in folder.rglob("*.*")), commands(aws, ident)),
        tamper=lambda: None,
        arguments={"files": "old-logs"},
        settings=clean_settings(str(folder)),
    )


def run_scene(aws: Aws) -> Scene:
    ssm = aws.admin("ssm")
    if not ssm.list_documents(Filters=[{"Key": "Name", "Values": ["Shop-Say"]}])["DocumentIdentifiers"]:
        pattern = {"type": "String", "allowedPattern": "^[a-z]+$"}
        script = {
            "name": "say",
            "action": "aws:runShellScript",
            "inputs": {"runCommand": ["echo '{{ Word }}' >> '{{ Mark }}'"]},
        }
        content = {"schemaVersion": "2.2", "parameters": {"Word": pattern, "Mark": pattern}, "mainSteps": [script]}
        ssm.create_document(Name="Shop-Say", DocumentType="Command", Content=json.dumps(content))
    tags = unique_tags()
    ident, machine = managed(aws, tags)
    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=lambda: None,
        snapshot=lambda: lines(machine.folder / "said"),
        tamper=lambda: None,
        arguments={"Word": "hello"},
        settings=run_settings(),
    )


RESIZES = ["ec2:DescribeInstances", "ec2:StopInstances", "ec2:StartInstances", "ec2:ModifyInstanceAttribute"]


def automation_scene(aws: Aws) -> Scene:
    """A resize by a document with its own way back; documents and role are this scene's alone."""
    tags, ec2 = unique_tags(), aws.admin("ec2")
    ident = instance(aws, tags=tags)
    resize, look = f"Shop-Resize-{tags['service']}", f"Shop-Type-{tags['service']}"
    publish(aws, "recoverops-ec2-resize-with-rollback.yaml", resize, kind="Automation")
    publish(aws, "recoverops-ec2-type.yaml", look, kind="Automation")
    may = {"Effect": "Allow", "Action": RESIZES, "Resource": "*"}
    role = aws.service_role({"Version": "2012-10-17", "Statement": [may]}, "ssm.amazonaws.com")

    def told() -> tuple[str, str]:
        found = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]
        return found["State"]["Name"], found["InstanceType"]

    def become(kind: str) -> None:
        ec2.stop_instances(InstanceIds=[ident])
        ec2.modify_instance_attribute(InstanceId=ident, InstanceType={"Value": kind})
        ec2.start_instances(InstanceIds=[ident])

    return Scene(
        address=f"ec2 id={ident}",
        by_tags=f"ec2 tag:service={tags['service']}",
        break_it=lambda: become("t3.micro"),
        snapshot=told,
        tamper=lambda: become("t3.2xlarge"),
        arguments={"InstanceType": "t3.large"},
        settings=automation_settings(role, resize, look),
        is_bound_by_tags=False,
    )


def roll_scene(aws: Aws) -> Scene:
    """Another revision for an ECS service, by a document that nobody here can take back; its tasks are processes."""
    tags, ecs = unique_tags(), aws.admin("ecs")
    name = tags["service"]
    publish(aws, "recoverops-ecs-rollback-and-verify.yaml", f"Shop-Roll-{name}", kind="Automation")
    ecs_service(aws, f"shop/{name}", revisions=2, tags=tags, command=("/bin/sleep", "3600"))
    aws.ecs.enrol(ACCOUNT, REGION, f"shop/{name}")
    may = {"Effect": "Allow", "Action": ["ecs:DescribeServices", "ecs:UpdateService"], "Resource": "*"}
    role = aws.service_role({"Version": "2012-10-17", "Statement": [may]}, "ssm.amazonaws.com")

    def told() -> tuple[str, str]:
        (found,) = ecs.describe_services(cluster="shop", services=[name])["services"]
        return found["taskDefinition"].rpartition("/")[2], found["deployments"][0]["id"]

    return Scene(
        address=f"ecs id=shop/{name}",
        by_tags=f"ecs tag:service={name}",
        break_it=lambda: ecs.update_service(cluster="shop", service=name, taskDefinition=f"{name}:2"),
        snapshot=told,
        tamper=lambda: None,
        arguments={"Revision": f"{name}:1"},
        settings=roll_settings(role, f"Shop-Roll-{name}"),
        is_bound_by_tags=False,
    )
