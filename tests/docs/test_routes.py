"""docs/http-api.md against the real application: every route, and for every role whether it may pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.docs.reading import DOCS, rows, section_of

from recoverops.api import Role
from recoverops.api.application import make_application
from recoverops.app.engine import RecoverOps
from recoverops.app.load import load_settings
from recoverops.app.serve import doors_of

KEYS = {role: f"{role}-key-{'0' * 20}" for role in Role}
MAY = {row[0].strip("`"): set(row[1].split(", ")) for row in rows(section_of(DOCS / "http-api.md", "Keys"))}
ROUTES = [(*row[0].strip("`").split(" "), row[1]) for row in rows(section_of(DOCS / "http-api.md", "Routes"))]
NAMES = {
    "incident_id": "inc-0",
    "approval_id": "apr-0",
    "silence_id": "sil-0",
    "run_id": "run-0",
    "source": "alertmanager",
    "name": "default",
}
UNDESCRIBED = {
    ("POST", "/intake/{source}"),
    ("POST", "/api/v2/alerts"),
    ("POST", "/api/v1/write"),
    ("POST", "/v1/metrics"),
    ("POST", "/anomaly"),
    ("POST", "/anomaly/batch"),
    ("GET", "/api/v1/openapi.json"),
}
"""Routes that OpenAPI does not know: the bare applications of the intake, and the description itself."""
BODIES: dict[str, dict[str, Any]] = {
    "/remediation/evaluate": {"incident": "inc-0"},
    "/remediation/test": {"service": "nobody", "runbook": "none"},
    "/remediation/execute": {"service": "nobody", "runbook": "none"},
    "/anomaly/train": {"resource": {"kind": "service", "name": "nobody"}},
    "/anomaly/models/{name}/activate": {"version": 1},
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application of a real engine without services, with a key for each role."""
    config = tmp_path_factory.mktemp("door") / "recoverops.yaml"
    keys = "".join(f"\n    - {{name: {role}, role: {role}, key: 'env:KEY_{role}'}}" for role in KEYS)
    config.write_text(f"data_dir: data\napi:\n  keys:{keys}\n")
    engine = RecoverOps(load_settings(config, {f"KEY_{role}": key for role, key in KEYS.items()}))
    engine.start()
    try:
        yield TestClient(make_application(doors_of(engine)))
    finally:
        engine.close()


def test_every_route_is_documented_and_every_documented_route_exists(door: TestClient) -> None:
    key = {"Authorization": f"Bearer {KEYS[Role.VIEWER]}"}
    described = door.get("/api/v1/openapi.json", headers=key).json()["paths"]
    there = {(method.upper(), path) for path, methods in described.items() for method in methods}
    told = {(method, path) for method, path, _ in ROUTES}
    assert told == there | UNDESCRIBED


@pytest.mark.parametrize(("method", "path", "right"), ROUTES, ids=str)
def test_a_route_lets_through_who_has_the_documented_right(
    door: TestClient, method: str, path: str, right: str
) -> None:
    url = path.format(**NAMES)
    body = BODIES.get(path)
    without = door.request(method, url, json=body).status_code
    assert (without == 401) is (right != "none")
    for role, key in KEYS.items():
        status = door.request(method, url, json=body, headers={"Authorization": f"Bearer {key}"}).status_code
        assert status != 401
        assert (status == 403) is (right != "none" and right not in MAY[role.value]), f"{role}: {status}"


def test_metrics_ask_for_the_right_to_read_only_when_they_are_told_to(door: TestClient) -> None:
    assert door.get("/metrics").status_code == 200
    assert "metrics_need_key" in section_of(DOCS / "http-api.md", "Routes")


def test_a_path_that_does_not_exist_is_answered_as_documented(door: TestClient) -> None:
    answer = door.get("/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
