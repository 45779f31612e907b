"""`/smartcloudops/<env>/approvals/auto` on the double: what each value does, with the rights of the policy and less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.acceptance.harness import eventually
from tests.integration.aws.conftest import Shop, group
from tests.integration.aws.test_response import DELIVERY, RUNBOOK

from recoverops.api.application import make_application
from recoverops.app.admin_key import admin_key
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.serve import doors_of
from recoverops.model import Demand, RecoverOpsError
from recoverops.ports import PluginParts
from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

PARAMETER = "/smartcloudops/prod/approvals/auto"


def says(aws: Aws, value: str) -> None:
    aws.admin("ssm").put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)


def parts(aws: Aws, key: Key) -> PluginParts:
    return Shop(aws=aws, services={}, settings={"actions": [], "smartcloudops": {"env": "prod"}}).parts(key)


def looked(aws: Aws, key: Key) -> Demand:
    (switch,) = parts(aws, key).cautions
    return switch.look()


@pytest.mark.parametrize(
    ("value", "demands"), [("true", False), ("false", True), ("FALSE", True), ("hunter2", True), ("1", False)]
)
def test_each_value_with_exactly_the_rights_of_the_policy(aws: Aws, root: Key, value: str, demands: bool) -> None:
    (policy,) = parts(aws, root).policies
    says(aws, value)
    (statement,) = json.loads(policy.document)["Statement"]
    assert statement["Resource"] == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}"
    found = looked(aws, aws.user(json.loads(policy.document)))
    assert found.is_made is demands
    assert "hunter2" not in found.statement


def test_no_parameter_demands(aws: Aws, root: Key) -> None:
    says(aws, "true")
    aws.admin("ssm").delete_parameter(Name=PARAMETER)
    assert looked(aws, root) == Demand(is_made=True, statement="there is no such parameter")


def test_without_the_permission_it_cannot_be_read_and_the_permission_is_named(aws: Aws) -> None:
    other = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/x"}
    with pytest.raises(RecoverOpsError, match=r"ssm:GetParameter is missing on arn:.*/approvals/auto"):
        looked(aws, aws.user({"Version": "2012-10-17", "Statement": [other]}))


def configured(aws: Aws, key: Key, folder: Path) -> Path:
    for name, text in (("id", key.id), ("secret", key.secret), ("books.yaml", RUNBOOK)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o600)
    rule = {"name": "scale", "when": 'kind == "service_down"', "runbook": "scale-up", "mode": "act"}
    (folder / "rules.yaml").write_text(json.dumps({"version": 1, "rules": [rule]}), encoding="utf-8")
    settings: dict[str, Any] = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": f"file:{folder}/id",
        "secret_key": f"file:{folder}/secret",
        "endpoint_url": aws.url,
        "actions": ["asg-scale"],
        "smartcloudops": {"env": "prod", "every": "1s"},
    }
    file = folder / "recoverops.yaml"
    whole = {
        "data_dir": "data",
        "rules": "rules.yaml",
        "runbooks": "books.yaml",
        "decision": {"mode": "act", "ask_when_critical": False},
        "plugins": [{"name": "console"}, {"name": "prometheus"}, {"name": "aws", "settings": settings}],
        "services": [{"name": "web", "address": {"aws": "asg id=guarded"}}],
    }
    file.write_text(json.dumps(whole), encoding="utf-8")
    return file


class Running:
    """An engine in this process, asked through its own HTTP application."""

    def __init__(self, engine: RecoverOps) -> None:
        self._client = TestClient(make_application(doors_of(engine)))
        self._headers = {"Authorization": f"Bearer {admin_key(engine.settings.data_dir)}"}

    def get(self, path: str) -> Any:
        return self._client.get(path, headers=self._headers).json()

    def deliver(self, body: Any) -> int:
        return int(self._client.post("/intake/alertmanager", json=body, headers=self._headers).status_code)

    def switch(self) -> str:
        components = self.get("/status")["components"]
        return next(str(one["statement"]) for one in components if one["name"] == f"switch {PARAMETER}")

    def asked(self) -> dict[str, Any] | None:
        found = self.get("/api/v1/incidents?state=waiting")["incidents"]
        return dict(self.get(f"/api/v1/incidents/{found[0]['id']}")) if found else None


@pytest.fixture
def running(aws: Aws, root: Key, tmp_path: Path) -> Iterator[Running]:
    says(aws, "true")
    engine = RecoverOps(load_settings(configured(aws, root, tmp_path), {}))
    engine.start()
    yield Running(engine)
    engine.close()


def test_a_running_engine_asks_as_soon_as_the_switch_says_so_and_tells_why(aws: Aws, running: Running) -> None:
    # given an engine that may act alone, whose switch agrees at first
    group(aws, "guarded", desired=2, most=4, tags={})
    eventually("the first reading", lambda: running.switch().startswith("says") or None, within_s=60)
    # when the switch is turned, and an alert fires
    says(aws, "false")
    eventually("the second reading", lambda: running.switch().startswith("demands approval") or None, within_s=60)
    assert running.deliver(DELIVERY) == 200
    # then a person is asked, with the reason, and nothing is done
    told = eventually("the question", running.asked, within_s=60)
    (decision,) = told["decisions"]
    (gate,) = [one for one in decision["gates"] if one["gate"] == "approval"]
    assert (gate["answer"], gate["statement"]) == ("ask", f'switch {PARAMETER}: it says "false"')
    scaling = aws.admin("autoscaling")
    (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["guarded"])["AutoScalingGroups"]
    assert found["DesiredCapacity"] == 2
