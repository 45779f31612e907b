"""Scenes of the actions through SSM, with the shipped documents, on an instance whose agent answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.live.aws.acting import Act, acted
from tests.live.aws.machines import launched, managed, state, told
from tests.live.aws.prices import machine
from tests.live.aws.scene import Scene
from tests.live.aws.stage import Stage

SHIPPED = Path(__file__).parents[4] / "deploy" / "aws" / "ssm"
UNIT = "chronyd.service"
"""On every Amazon Linux, and harmless to restart."""
_PUBLIC = machine(is_public=True)


def _published(stage: Stage, what: str, content: str, *, kind: str = "Command", form: str = "YAML") -> str:
    """The name of a document of our own."""
    name = stage.called(what)
    stage.client("ssm").create_document(
        Name=name, Content=content, DocumentType=kind, DocumentFormat=form, Tags=stage.listed
    )
    return stage.kept("document", name)


def _shipped(file: str) -> str:
    return (SHIPPED / file).read_text(encoding="utf-8")


def _commanded(stage: Stage, act: str, ident: str, arguments: dict[str, str], ssm: Mapping[str, object]) -> None:
    def eyes() -> object:
        found = stage.client("ssm").list_commands(InstanceId=ident)["Commands"]
        return [
            (one["CommandId"], one["Status"]) for one in found if one["DocumentName"].startswith("recoverops-live-")
        ]

    settings = {"ssm": ssm}
    acted(stage, Act(action=act, address=f"ec2 id={ident}", arguments=arguments, eyes=eyes, settings=settings))


def _restart(stage: Stage) -> None:
    ident, _ = managed(stage)
    document = _published(stage, "doc", _shipped("recoverops-restart-service.yaml"))
    ssm = {"restart": {"document": document, "units": {"subject": [UNIT]}, "settle": "1s"}}
    _commanded(stage, "ssm-restart-service", ident, {"unit": UNIT}, ssm)


def _clean(stage: Stage) -> None:
    ident, folder = managed(stage)
    document = _published(stage, "doc", _shipped("recoverops-clean-disk.yaml"))
    old = {"name": "old-logs", "services": ["subject"], "path": folder, "names": "*.log", "older_than_days": 7}
    _commanded(stage, "ssm-clean-disk", ident, {"files": "old-logs"}, {"clean": {"document": document, "files": [old]}})


def _run(stage: Stage) -> None:
    ident, _ = managed(stage)
    pattern = {"type": "String", "allowedPattern": "^[a-z]+$"}
    script = {"name": "say", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo '{{ Word }}'"]}}
    content = {"schemaVersion": "2.2", "parameters": {"Word": pattern}, "mainSteps": [script]}
    document = _published(stage, "doc", json.dumps(content), form="JSON")
    say = {"name": "say", "document": document, "parameters": {"Word": "[a-z]{1,20}"}}
    _commanded(stage, "ssm-run-say", ident, {"Word": "hello"}, {"commands": [say]})


def _automation(stage: Stage) -> None:
    """A resize and its way back. The document's own role decides what its steps may do: only this instance."""
    (ident,) = launched(stage)
    resize = _published(stage, "resize", _shipped("recoverops-ec2-resize-with-rollback.yaml"), kind="Automation")
    look = _published(stage, "look", _shipped("recoverops-ec2-type.yaml"), kind="Automation")
    role = stage.role("steps", service="ssm.amazonaws.com")
    changes = ["ec2:StopInstances", "ec2:StartInstances", "ec2:ModifyInstanceAttribute"]
    arn = f"arn:aws:ec2:{stage.ground.region}:{stage.ground.account}:instance/{ident}"
    sees = {"Effect": "Allow", "Action": ["ec2:DescribeInstances", "ec2:DescribeInstanceStatus"], "Resource": "*"}
    may = {"Effect": "Allow", "Action": changes, "Resource": arn}
    stage.allow(role, json.dumps({"Version": "2012-10-17", "Statement": [sees, may]}))
    back = {"look": look, "look_version": "1", "document": resize, "version": "1"}
    about = {
        "name": "resize",
        "document": resize,
        "version": "1",
        "role": role,
        "target": {"InstanceId": "instance"},
        "parameters": {"InstanceType": "t3[.](micro|small)"},
        "rollback": {**back, "restore": {"InstanceType": "look.Type"}},
    }

    def eyes() -> object:
        return state(stage, ident), told(stage, ident)["InstanceType"]

    acted(
        stage,
        Act(
            action="ssm-automation-resize",
            address=f"ec2 id={ident}",
            arguments={"InstanceType": "t3.small"},
            eyes=eyes,
            settings={"ssm": {"automations": [about]}},
        ),
    )


COMMANDS = (
    Scene(name="ssm-restart", shows="ssm-restart-service", uses=_PUBLIC, play=_restart),
    Scene(name="ssm-clean", shows="ssm-clean-disk", uses=_PUBLIC, play=_clean),
    Scene(name="ssm-run", uses=_PUBLIC, play=_run),
    Scene(name="ssm-automation", uses=machine(of="t3.small"), play=_automation),
)
