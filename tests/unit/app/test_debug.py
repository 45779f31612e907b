"""What an admin sees of the inside of a real engine; and that no secret is in it, wherever one was put."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from recoverops.api.application import make_application
from recoverops.app.debug import _cleaned, _masked, _secrets
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.serve import doors_of
from recoverops.storage import StorageSettings

CANARY = "canary-2f6a9c-of-more-than-twenty"
CONFIGURATION = """
data_dir: data
api: {keys: [{name: on-call, role: responder, key: "env:KEY"}, {name: boss, role: admin, key: "file:%(file)s"}]}
services: [{name: checkout}]
plugins:
  - {name: console}
  - {name: slack, settings: {url: "env:SLACK"}}
  - {name: linux, settings: {supervisor: {url: "http://127.0.0.1:9", username: watcher, password: "env:SUPERVISOR"}}}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RecoverOps]:
    secret = tmp_path / "boss.key"
    secret.write_text(f"{CANARY}-boss\n")
    secret.chmod(0o600)
    config = tmp_path / "recoverops.yaml"
    config.write_text(CONFIGURATION % {"file": secret})
    environment = {
        "KEY": f"{CANARY}-on-call",
        "SLACK": f"https://hooks.slack.com/services/{CANARY}",
        "SUPERVISOR": f"{CANARY}-supervisor",
    }
    engine = RecoverOps(load_settings(config, environment))
    engine.start()
    yield engine
    engine.close()


def ask(engine: RecoverOps, key: str) -> tuple[int, str]:
    client = TestClient(make_application(doors_of(engine)))
    answer = client.get("/debug", headers={"Authorization": f"Bearer {key}"} if key else {})
    return answer.status_code, answer.text


def test_only_an_admin_may_look_inside(engine: RecoverOps) -> None:
    assert [ask(engine, key)[0] for key in ("", "nobody", f"{CANARY}-on-call", f"{CANARY}-boss")] == [
        401,
        401,
        403,
        200,
    ]


def test_it_tells_what_runs_waits_and_queues_with_which_settings(engine: RecoverOps) -> None:
    told: dict[str, Any] = json.loads(ask(engine, f"{CANARY}-boss")[1])

    assert told["queues"]["intake"] == {"bytes": 0, "most_bytes": engine.settings.storage.intake_queue_bytes}
    assert told["queues"]["writer"]["threads_waiting"] == 0
    assert set(told["segments"]) == {"running", "queued"}
    assert told["store"]["waits"] == []
    assert {"recoverops-pipeline", "recoverops-sweep", "recoverops-intake"} <= {one["name"] for one in told["threads"]}
    assert all(one["stack"] for one in told["threads"])
    assert {one["name"] for one in told["components"]} >= {"store", "plugin console", "channel console"}
    assert told["settings"]["decision"]["max_actions_per_hour"] == engine.settings.decision.max_actions_per_hour
    assert (told["uptime_s"] >= 0, told["loop_lag_s"]) == (True, None)


def test_no_secret_is_in_it_wherever_it_was_put(engine: RecoverOps) -> None:
    page = ask(engine, f"{CANARY}-boss")[1]

    assert CANARY not in page
    assert (engine.settings.data_dir / "admin.key").read_text().strip() not in page
    assert '"key":"env:KEY"' in page, "where a secret is may be told"


def test_the_address_of_the_database_is_hidden_even_where_an_error_repeats_it(engine: RecoverOps) -> None:
    url = f"postgresql://recoverops:{CANARY}@db:5432/recoverops"
    object.__setattr__(engine.settings, "storage", StorageSettings(url=SecretStr(url)))
    secrets = sorted(_secrets(engine.settings), key=len, reverse=True)

    assert {url, CANARY} <= set(secrets)
    assert CANARY not in str(_cleaned({"error": [f"cannot connect to {url}", f"with {CANARY}"]}, secrets))


def test_a_value_under_a_name_of_secrets_is_hidden_unless_it_says_where_the_secret_is() -> None:
    given = {"token": CANARY, "auth": {"password": [CANARY]}, "secret": "env:NAME", "name": "x"}
    assert _masked(given) == {
        "token": "[redacted]",
        "auth": {"password": ["[redacted]"]},
        "secret": "env:NAME",
        "name": "x",
    }
