"""The whole loop on the double: a real engine as a process of its own, with the rights of the generated policy only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.acceptance.harness import Site, site
from tests.integration.aws.conftest import group

from recoverops.testing.aws import ACCOUNT, REGION, Aws, Key

ALERT = {
    "status": "firing",
    "labels": {"alertname": "ServiceDown", "service": "web", "severity": "critical"},
    "annotations": {},
    "startsAt": "2026-03-01T12:00:00.000Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://127.0.0.1:9090/graph",
    "fingerprint": "a1b2c3d4e5f60718",
}
DELIVERY = {
    "version": "4",
    "groupKey": "{}",
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "recoverops",
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://127.0.0.1:9093",
    "alerts": [ALERT],
}


RUNBOOK = "{name: scale-up, action: asg-scale, arguments: {count_delta: '+1'}, verify: {hold: 1s, timeout: 4s}}"


def configure(place: Site, aws: Aws, key: Key) -> None:
    (place.directory / "id").write_text(key.id)
    (place.directory / "secret").write_text(key.secret)
    for name in ("id", "secret"):
        (place.directory / name).chmod(0o600)
    settings: dict[str, Any] = {
        "accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}],
        "access_key": f"file:{place.directory}/id",
        "secret_key": f"file:{place.directory}/secret",
        "endpoint_url": aws.url,
        "actions": ["asg-scale"],
    }
    folder = place.directory / "books"
    folder.mkdir(exist_ok=True)
    (folder / "more.yaml").write_text(RUNBOOK)
    place.configure(
        rule={"mode": "act", "runbook": "scale-up", "when": 'kind == "service_down"'},
        decision={"mode": "act", "ask_when_critical": False},
        runbooks="books",
        plugins=[{"name": "console"}, {"name": "prometheus"}, {"name": "aws", "settings": settings}],
        services=[{"name": "web", "address": {"aws": "asg id=loop"}}],
    )


def test_a_scale_up_that_does_not_help_is_undone_and_a_person_is_called(aws: Aws, root: Key, tmp_path: Path) -> None:
    scaling = aws.admin("autoscaling")
    with site(tmp_path) as place:
        # given a group of two, and an engine that has the rights of the generated policy and no others
        group(aws, "loop", desired=2, most=4, tags={})
        configure(place, aws, root)
        (policy,) = place.json("permissions", "aws")["policies"]
        configure(place, aws, aws.user(json.loads(policy["document"])))
        place.up()
        # when an alert fires that goes on firing
        assert place.ask("POST", "/intake/alertmanager", DELIVERY)[0] == 200
        # then one instance more does not help, is taken back, and a person is called
        incident = place.incident_in("escalated", within_s=40)
        told = place.story(incident["id"])
        (run,) = [run for run in told["runs"] if run["actions"]]
        effect, undo = run["actions"]
        assert effect["outcome"]["status"] == "succeeded", told["timeline"]
        assert effect["outcome"]["after"]["state"] == "3"
        assert "evidence.members" in effect["outcome"]["after"]
        assert (undo["is_undo"], undo["outcome"]["status"]) == (True, "succeeded"), undo
        assert (run["state"], incident["reason"]) == ("undone", "undone")
        (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["loop"])["AutoScalingGroups"]
        assert found["DesiredCapacity"] == 2
        assert place.command("audit", "verify").returncode == 0
