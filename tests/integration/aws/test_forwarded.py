"""From the stream to an incident: the Lambda function posts alarms to the real door of an engine, over HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from tests.acceptance.harness import eventually
from tests.unit.deploy.reading import function
from tests.unit.plugins.aws.samples import ACCOUNT, REGION, event

from recoverops.api.application import make_application
from recoverops.app.admin_key import admin_key
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.serve import doors_of
from recoverops.clock import SystemClock
from recoverops.testing import free_port

KEY = "an-intake-key-of-thirty-letters"
ALARM = "recoverops-errors"
"""As `intake.yaml` calls it in a stack of the name recoverops."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RecoverOps]:
    settings = {"accounts": [{"name": "shop", "id": ACCOUNT, "regions": [REGION]}], "eventbridge": {}}
    whole = {
        "data_dir": "data",
        "api": {"keys": [{"name": "lambda", "role": "intake", "key": "env:KEY"}]},
        "plugins": [{"name": "console"}, {"name": "aws", "settings": settings}],
        "services": [{"name": "checkout", "match": {"alertname": ALARM}}],
    }
    file = tmp_path / "recoverops.yaml"
    file.write_text(json.dumps(whole), encoding="utf-8")
    running = RecoverOps(load_settings(file, {"KEY": KEY}))
    running.start()
    yield running
    running.close()


@pytest.fixture
def url(engine: RecoverOps) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(make_application(doors_of(engine)), port=port, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, name="door", daemon=True)
    thread.start()
    eventually("the door", lambda: server.started or None, within_s=30)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def records(*states: str) -> list[dict[str, Any]]:
    """An alarm that changes its state, as the rule of `intake.yaml` puts it into the stream."""
    found = []
    for number, state in enumerate(states):
        at = SystemClock().now().isoformat()
        detail = {"alarmName": ALARM, "state": {"value": state, "reason": "12 errors", "timestamp": at}}
        body = event("CloudWatch Alarm State Change", detail, source="aws.cloudwatch", time=at)
        given = {"sequenceNumber": str(number), "data": base64.b64encode(json.dumps(body).encode()).decode()}
        found.append({"kinesis": given})
    return found


def test_errors_in_a_log_become_an_incident_of_their_service_and_a_repetition_counts_once(
    engine: RecoverOps, url: str
) -> None:
    forward = function("forward")
    door = forward.Door(url, forward.Key(lambda: KEY))
    sent = records("ALARM")
    for _ in range(2):
        assert forward.forward(sent, door, lambda: 60_000) == {"batchItemFailures": []}
    client = TestClient(make_application(doors_of(engine)))
    headers = {"Authorization": f"Bearer {admin_key(engine.settings.data_dir)}"}

    def incidents() -> list[dict[str, Any]]:
        return list(client.get("/api/v1/incidents", headers=headers).json()["incidents"])

    (incident,) = eventually("an incident", incidents, within_s=60)
    assert incident["resource"] == {"kind": "service", "name": "checkout"}
    metrics = client.get("/metrics").text
    assert 'recoverops_alerts_stored_total{source="aws-eventbridge"} 1.0' in metrics
    assert 'recoverops_alerts_duplicate_total{source="aws-eventbridge"} 1.0' in metrics


def test_a_wrong_key_holds_the_stream_back_instead_of_losing_the_alarm(url: str) -> None:
    forward = function("forward")
    door = forward.Door(url, forward.Key(lambda: "somebody-elses-key-of-thirty"))
    assert forward.forward(records("ALARM"), door, lambda: 60_000) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
