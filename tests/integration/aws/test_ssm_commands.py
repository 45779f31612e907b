"""Actions through SSM Run Command: only what is declared, once, and said truly when AWS does not answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import Shop, service
from tests.integration.aws.scene import Scene
from tests.integration.aws.ssm_scenes import UNIT, clean_scene, lines, publish, restart_scene

from recoverops.model import ExecutionStatus, PermanentError, ProbeAnswer, Service
from recoverops.plugins.aws.ssm_settings import RestartSettings
from recoverops.ports import Action
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key
from recoverops.testing.aws.faults import Fault
from recoverops.testing.aws.machine import Machine

RESTART = "ssm-restart-service"


def made(aws: Aws, key: Key, **settings: Any) -> tuple[Scene, Machine, Action, Service]:
    scene = restart_scene(aws)
    machine = aws.ssm.machine(scene.address.partition("=")[2])
    checkout = service("checkout", scene.address)
    shop = Shop(aws=aws, services={"checkout": checkout}, settings={"actions": [RESTART], **scene.settings, **settings})
    return scene, machine, shop.action(RESTART, key), checkout


def starts(machine: Machine) -> int:
    return len(lines(machine.folder / "starts"))


def test_what_the_document_said_is_kept(aws: Aws, root: Key) -> None:
    _, machine, action, checkout = made(aws, root)
    done = action.execute(action.plan(checkout, {}), checkout, idempotency_key="run:1")
    assert done.status is ExecutionStatus.SUCCEEDED, done.statement
    assert f"MainPID={machine.pid(UNIT)}" in done.after["evidence.output"]
    assert done.after["status"] == "Success, exit code 0"


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.SILENT])
def test_a_lost_answer_is_cleared_up_by_the_list_of_commands_and_nothing_runs_twice(
    aws: Aws, root: Key, fault: Fault, calls: Callable[[], Mapping[str, int]]
) -> None:
    _, machine, action, checkout = made(aws, root, action_timeout="4s" if fault is Fault.SILENT else "30s")
    plan, before = action.plan(checkout, {}), starts(machine)
    aws.faults.plan("ssm:SendCommand", fault)
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert calls()["ssm:SendCommand"] == 1
    if fault is Fault.LOST:
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        assert action.execute(plan, checkout, idempotency_key="run:1").status is ExecutionStatus.SUCCEEDED
        eventually("the start", lambda: starts(machine) == before + 1)
    else:
        assert done.status is ExecutionStatus.UNKNOWN
        assert action.probe(plan, checkout).answer is ProbeAnswer.NOT_DONE
        assert starts(machine) == before
    assert calls()["ssm:SendCommand"] == 1


def test_a_restart_that_does_not_hold_is_failed_and_not_repeated(aws: Aws, root: Key) -> None:
    _, machine, action, checkout = made(aws, root)
    machine.install(UNIT, ("/bin/false",), start=False)
    machine.stop(UNIT)
    plan = action.plan(checkout, {})
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert done.status is ExecutionStatus.FAILED
    assert "exit code 3" in done.statement
    assert action.probe(plan, checkout).answer is ProbeAnswer.UNKNOWN
    again = action.execute(plan, checkout, idempotency_key="run:1")
    assert (again.status, "not repeated" in again.statement) == (ExecutionStatus.FAILED, True)


def test_throttled_and_with_credentials_that_expire_on_the_way_it_restarts_once(aws: Aws, root: Key) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    role = aws.role(everything)
    accounts = [{"name": "shop", "id": ACCOUNT, "regions": [REGION], "role": role}]
    _, machine, action, checkout = made(aws, root, accounts=accounts, attempts=6, action_timeout="30s")
    before = starts(machine)
    with aws.faults.throttling(0.3):
        plan = action.plan(checkout, {})
        aws.expire_credentials()
        done = action.execute(plan, checkout, idempotency_key="run:1")
        assert done.status is ExecutionStatus.SUCCEEDED, done.statement
        aws.expire_credentials()
        assert action.probe(plan, checkout).answer is ProbeAnswer.DONE
    eventually("the start", lambda: starts(machine) == before + 1)


def test_an_agent_that_is_away_is_said_before_anything_is_sent(
    aws: Aws, root: Key, calls: Callable[[], Mapping[str, int]]
) -> None:
    _, machine, action, checkout = made(aws, root)
    plan = action.plan(checkout, {})
    machine.is_reachable = False
    with pytest.raises(PermanentError, match=r"agent of i-.* does not answer: ConnectionLost"):
        action.plan(checkout, {})
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert done.statement.startswith("nothing was done: the SSM agent")
    assert "ssm:SendCommand" not in calls()


def test_a_document_that_was_changed_after_the_plan_is_not_run(aws: Aws, root: Key) -> None:
    publish(aws, "recoverops-restart-service.yaml", "Shop-Restart")
    ssm_settings = {"restart": {"units": {"checkout": [UNIT]}, "document": "Shop-Restart", "settle": "0s"}}
    _, machine, action, checkout = made(aws, root, ssm=ssm_settings)
    plan, ssm = action.plan(checkout, {}), aws.admin("ssm")
    held = ssm.get_document(Name="Shop-Restart", DocumentFormat="YAML")["Content"]
    changed = ssm.update_document(
        Name="Shop-Restart", Content=f"{held}# changed\n", DocumentFormat="YAML", DocumentVersion="$LATEST"
    )
    version = changed["DocumentDescription"]["DocumentVersion"]
    ssm.update_document_default_version(Name="Shop-Restart", DocumentVersion=version)
    before = starts(machine)
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert "nothing was done: the document Shop-Restart was changed since" in done.statement
    assert starts(machine) == before


@pytest.mark.parametrize(
    ("units", "arguments", "told"),
    [
        ([UNIT], {"unit": "sshd.service"}, "the unit sshd.service may not be restarted"),
        ([UNIT, "web.service"], {}, "it does not say which unit to restart"),
    ],
)
def test_only_declared_units_are_restarted(
    aws: Aws, root: Key, units: list[str], arguments: Mapping[str, str], told: str
) -> None:
    _, _, action, checkout = made(aws, root, ssm={"restart": {"units": {"checkout": units}}})
    with pytest.raises(
        PermanentError, match=f"{told}; ssm.restart.units of the plugin aws declares for checkout: {UNIT}"
    ):
        action.plan(checkout, arguments)


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        ("many", "files match, at most 1000 may be deleted"),
        ("link", "leads elsewhere by a link"),
        ("gone", "is not a folder"),
    ],
)
def test_nothing_is_deleted_where_too_much_matches_or_the_folder_is_another_one(
    aws: Aws, root: Key, prepare: str, told: str
) -> None:
    # given a declared folder with an old file
    scene = clean_scene(aws)
    scene.break_it()
    folder = Path(scene.settings["ssm"]["clean"]["files"][0]["path"])
    checkout = service("checkout", scene.address)
    action = Shop(aws=aws, services={"checkout": checkout}, settings=dict(scene.settings)).action(
        "ssm-clean-disk", root
    )
    plan = action.plan(checkout, scene.arguments)
    # when something is strange about it
    elsewhere = folder.with_name("elsewhere")
    if prepare == "many":
        for number in range(1000):
            file = folder / f"{number}.log"
            file.touch()
            os.utime(file, (0, 0))
    else:
        folder.rename(elsewhere)
        if prepare == "link":
            folder.symlink_to(elsewhere)
    # then the document refuses, and nothing is gone
    done = action.execute(plan, checkout, idempotency_key="run:1")
    assert (done.status, told in done.statement) == (ExecutionStatus.FAILED, True), done.statement
    assert (elsewhere if prepare != "many" else folder).joinpath("old.log").exists()


def test_documents_of_aws_are_refused_because_they_run_any_text_or_change_without_us() -> None:
    with pytest.raises(ValidationError, match="AWS-RunShellScript belongs to AWS"):
        RestartSettings.model_validate({"document": "AWS-RunShellScript", "units": {"checkout": (UNIT,)}})


def test_an_action_without_a_declaration_of_what_it_may_run_is_refused(aws: Aws, root: Key) -> None:
    with pytest.raises(ValidationError, match=r"the action ssm-restart-service needs ssm.restart"):
        made(aws, root, ssm=None)
