"""Run Command in the double: scripts really run, and their states, output and permissions are those of AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import instance
from tests.integration.aws.ssm_scenes import UNIT, managed, publish

from recoverops.testing.aws import ACCOUNT, REGION, Aws
from recoverops.testing.aws.machine import Machine


def document(script: str, *, timeout_s: int = 20, **parameters: Mapping[str, Any]) -> str:
    step = {
        "name": "run",
        "action": "aws:runShellScript",
        "inputs": {"runCommand": [script], "timeoutSeconds": str(timeout_s)},
    }
    return json.dumps({"schemaVersion": "2.2", "parameters": parameters, "mainSteps": [step]})


@pytest.fixture(scope="module")
def ident(aws: Aws) -> str:
    return managed(aws, {"team": "shop"})[0]


@pytest.fixture
def machine(aws: Aws, ident: str) -> Machine:
    return aws.ssm.machine(ident)


@pytest.fixture
def send(aws: Aws, ident: str) -> Iterator[Callable[..., str]]:
    """Sends a script as a document of its own; the id of the command."""
    ssm = aws.admin("ssm")

    def run(script: str, *, given: Mapping[str, list[str]] | None = None, **about: Any) -> str:
        ssm.create_document(Name="Test-Script", DocumentType="Command", Content=document(script, **about))
        sent = ssm.send_command(DocumentName="Test-Script", InstanceIds=[ident], Parameters=given or {})
        return str(sent["Command"]["CommandId"])

    yield run
    ssm.delete_document(Name="Test-Script")


def ended(aws: Aws, ident: str, command: str) -> dict[str, Any]:
    ssm = aws.admin("ssm")

    def look() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = ssm.get_command_invocation(CommandId=command, InstanceId=ident)
        except ssm.exceptions.InvocationDoesNotExist:
            return None
        return found if found["Status"] not in {"Pending", "InProgress"} else None

    return eventually("the end of the command", look)


def test_a_script_runs_in_the_folder_of_its_instance_with_a_clean_environment(
    aws: Aws, ident: str, machine: Machine, send: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "not for scripts")
    done = ended(aws, ident, send("pwd; echo ran > ran; env; echo trouble >&2"))
    assert (done["Status"], done["ResponseCode"]) == ("Success", 0)
    assert done["StandardOutputContent"].startswith(str(machine.folder))
    assert "SECRET_OF_THE_TEST" not in done["StandardOutputContent"]
    assert done["StandardErrorContent"] == "trouble\n"
    assert (machine.folder / "ran").read_text() == "ran\n"


def test_a_script_that_fails_is_failed_with_its_exit_code(aws: Aws, ident: str, send: Callable[..., str]) -> None:
    done = ended(aws, ident, send("exit 7"))
    assert (done["Status"], done["ResponseCode"]) == ("Failed", 7)


def test_of_a_long_output_the_beginning_is_returned(aws: Aws, ident: str, send: Callable[..., str]) -> None:
    done = ended(aws, ident, send("i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done; echo end >&2"))
    assert done["Status"] == "Success"
    assert len(done["StandardOutputContent"]) == 24_000
    assert done["StandardErrorContent"] == "end\n"


def test_a_script_that_takes_too_long_is_killed_with_its_children(
    aws: Aws, ident: str, machine: Machine, send: Callable[..., str]
) -> None:
    done = ended(aws, ident, send("sleep 3600 & echo $! > child; wait", timeout_s=3))
    assert (done["Status"], done["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    child = (machine.folder / "child").read_text().strip()
    eventually("the end of the child", lambda: machine.run(f"! kill -0 {child}", timeout_s=5).code == 0)


def test_a_command_that_is_cancelled_ends_as_cancelled(aws: Aws, ident: str, send: Callable[..., str]) -> None:
    command = send("sleep 3600")
    ssm = aws.admin("ssm")
    eventually(
        "the beginning",
        lambda: ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "InProgress",
    )
    ssm.cancel_command(CommandId=command)
    assert ended(aws, ident, command)["Status"] == "Cancelled"


def test_a_command_waits_for_an_agent_that_is_away_and_its_instance_does_not_list_it_yet(
    aws: Aws, ident: str, machine: Machine, send: Callable[..., str]
) -> None:
    ssm = aws.admin("ssm")
    filters = [{"Key": "InstanceIds", "Values": [ident]}]
    machine.is_reachable = False
    try:
        (told,) = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        assert told["PingStatus"] == "ConnectionLost"
        command = send("echo late")
        assert ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Pending"
        assert command not in [one["CommandId"] for one in ssm.list_commands(InstanceId=ident)["Commands"]]
    finally:
        machine.is_reachable = True
    assert ended(aws, ident, command)["StandardOutputContent"] == "late\n"
    assert command in [one["CommandId"] for one in ssm.list_commands(InstanceId=ident)["Commands"]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Word": ["no spaces"]}, "does not allow 'no spaces'"),
        ({"Word": ["fit"], "Other": ["1"]}, "has no parameter Other"),
        ({}, "needs the parameter Word"),
        ({"Word": ["fit", "fit"]}, "takes one value"),
        ({"Word": ["/etc"]}, "is outside"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_runs(
    send: Callable[..., str], given: Mapping[str, list[str]], told: str
) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match="InvalidParameters") as error:
        send("touch never", given=given, Word={"type": "String", "allowedPattern": "^[a-z/]+$"})
    assert told in str(error.value)


def test_an_instance_that_ssm_does_not_manage_is_refused(aws: Aws, send: Callable[..., str]) -> None:
    from botocore.exceptions import ClientError

    other = instance(aws, tags={"team": "shop"})
    send("true")
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        aws.admin("ssm").send_command(DocumentName="Test-Script", InstanceIds=[other])


@pytest.mark.parametrize(
    ("document_arn", "instance_arn", "team", "is_allowed"),
    [
        ("document/Test-Script", "instance/*", "shop", True),
        ("document/Test-Script", "instance/*", "other", False),
        ("document/Other", "instance/*", "shop", False),
        ("document/Test-Script", "instance/i-0000000000000000f", "shop", False),
    ],
)
def test_a_command_is_judged_on_the_document_and_on_the_instance_with_its_tags(
    aws: Aws, ident: str, send: Callable[..., str], document_arn: str, instance_arn: str, team: str, is_allowed: bool
) -> None:
    from botocore.exceptions import ClientError

    send("true")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "ssm:SendCommand",
                "Resource": f"arn:aws:ssm:{REGION}:{ACCOUNT}:{document_arn}",
            },
            {
                "Effect": "Allow",
                "Action": "ssm:SendCommand",
                "Resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:{instance_arn}",
                "Condition": {"StringEquals": {"ssm:resourceTag/team": team}},
            },
        ],
    }
    ssm = aws.client("ssm", aws.user(policy))
    if is_allowed:
        assert ssm.send_command(DocumentName="Test-Script", InstanceIds=[ident])["Command"]["CommandId"]
        return
    with pytest.raises(ClientError, match=r"AccessDeniedException.*not authorized to perform: ssm:SendCommand"):
        ssm.send_command(DocumentName="Test-Script", InstanceIds=[ident])


def test_a_service_of_an_instance_is_a_process_that_systemctl_starts_and_stops(machine: Machine) -> None:
    before = machine.pid(UNIT)
    assert machine.run(f"systemctl restart {UNIT} && systemctl is-active {UNIT}", timeout_s=10).output == "active\n"
    assert machine.pid(UNIT) not in {0, before}
    assert machine.run(f"systemctl stop {UNIT}; systemctl is-active {UNIT}", timeout_s=10).code == 3
    assert machine.run("systemctl restart nobody.service", timeout_s=10).code == 5
    assert machine.run("systemctl daemon-reload", timeout_s=10).code == 1
    machine.start(UNIT)


@pytest.mark.parametrize("runs", [True, False])
def test_the_document_that_looks_at_a_unit_fails_when_it_is_not_active(
    aws: Aws, ident: str, machine: Machine, runs: bool
) -> None:
    publish(aws, "recoverops-service-is-active.yaml", "RecoverOps-ServiceIsActive")
    if not runs:
        machine.stop(UNIT)
    before = machine.pid(UNIT)
    sent = aws.admin("ssm").send_command(
        DocumentName="RecoverOps-ServiceIsActive", InstanceIds=[ident], Parameters={"Unit": [UNIT]}
    )
    done = ended(aws, ident, sent["Command"]["CommandId"])
    assert (done["Status"], done["StandardOutputContent"]) == (
        ("Success", "active\n") if runs else ("Failed", "inactive\n")
    )
    assert machine.pid(UNIT) == before
    machine.start(UNIT)


def test_the_services_of_a_double_that_is_killed_end_with_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from recoverops.testing.aws.machine import Machine; "
        "machine = Machine(Path(sys.argv[1])); machine.install('a.service', ('/bin/sleep', '3600')); "
        "print(machine.pid('a.service'), flush=True); time.sleep(3600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "machine")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as double:
        assert double.stdout is not None
        service = psutil.Process(int(double.stdout.readline()))
        assert service.is_running()
        double.kill()
    eventually("the end of the service", lambda: is_over(service))


def is_over(process: psutil.Process) -> bool:
    """Also when nobody has collected it yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
