"""`POST /api/v2/alerts` on the real application and a real store: answers, keys, limits, and words for amtool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.conftest import ManualClock

from recoverops.api import ApiSettings, Role
from recoverops.api.application import make_application
from recoverops.api.bounded import BodyRoom
from recoverops.api.doors import Doors
from recoverops.api.keyring import Keyring, Principal
from recoverops.api.telemetry import Metrics
from recoverops.plugins import prometheus
from recoverops.ports import PluginContext
from recoverops.storage import SqlStore, StorageSettings, open_store

PATH = "/api/v2/alerts"
KEYS = {role: f"a-key-with-the-role-{role}" for role in (Role.INTAKE, Role.VIEWER)}
ALERT = {"labels": {"alertname": "A"}, "startsAt": "2026-03-01T11:59:00Z", "endsAt": "2026-03-01T12:03:00Z"}
LIMIT = 200_000


class Door:
    """The application, and what it stored."""

    def __init__(self, application: FastAPI, store: SqlStore, metrics: Metrics) -> None:
        self._application = application
        self._store = store
        self.metrics = metrics

    def post(self, body: object, *, role: Role = Role.INTAKE, **headers: str) -> httpx.Response:
        key = {"authorization": f"Bearer {KEYS[role]}"}
        return self.request("POST", json=body, headers={**key, **headers})

    def request(self, method: str, **given: Any) -> httpx.Response:
        return asyncio.run(self._request(method, given))

    async def _request(self, method: str, given: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, PATH, **given)

    def stored(self) -> list[str]:
        return [one.alert.name for one in self._store.read(lambda tx: tx.signals.pending(limit=100))]


@pytest.fixture
def door(tmp_path: Path, clock: ManualClock) -> Iterator[Door]:
    context = PluginContext(clock=clock, services={}, secret=lambda name: name)
    parts = prometheus.plugin.build(prometheus.PrometheusSettings(), context)
    keyring, metrics = Keyring(), Metrics()
    for role, key in KEYS.items():
        keyring.add(key, Principal(name=role, role=role))
    with open_store(StorageSettings(), data_dir=tmp_path / "data", clock=clock) as store:
        # the routes of other rooms are there, but not asked
        needs: dict[str, Any] = dict.fromkeys(Doors.__dataclass_fields__)
        needs |= {
            "settings": ApiSettings(),
            "keyring": keyring,
            "store": store,
            "clock": clock,
            "push_sources": {one.name: one for one in parts.push_sources},
            "metrics": metrics,
            "admitted": lambda: None,
            "max_body_bytes": LIMIT,
            "bodies": BodyRoom(),
            "version": "0",
        }
        yield Door(make_application(Doors(**needs)), store, metrics)


def test_a_list_of_alerts_is_stored_and_acknowledged_and_its_repetition_is_known(
    door: Door, clock: ManualClock
) -> None:
    first = door.post([ALERT, ALERT | {"labels": {"alertname": "B"}, "unknown": 1}])
    assert (first.status_code, first.json()) == (200, {"stored": 2, "duplicates": 0})
    clock.advance(timedelta(minutes=1))
    second = door.post([ALERT | {"endsAt": "2026-03-01T12:04:00Z"}])
    assert (second.status_code, second.json()) == (200, {"stored": 0, "duplicates": 1})
    assert door.stored() == ["A", "B"]


def test_an_empty_list_is_fine(door: Door) -> None:
    assert door.post([]).json() == {"stored": 0, "duplicates": 0}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/problem+json"),
        ("application/json, application/problem+json", "application/problem+json"),
        ("application/json", "application/json"),
    ],
)
def test_a_refusal_comes_in_words_that_the_client_can_read(door: Door, accept: str, media_type: str) -> None:
    answer = door.post([{"labels": {}}], accept=accept)
    told = answer.json() if media_type == "application/json" else answer.json()["detail"]
    assert (answer.status_code, answer.headers["content-type"]) == (400, media_type)
    assert "[0].labels has no label with a value" in told
    assert door.stored() == []


def test_one_bad_alert_refuses_the_whole_delivery(door: Door) -> None:
    assert door.post([ALERT, {"labels": {}}]).status_code == 400
    assert door.stored() == []


def test_only_a_key_that_may_deliver_passes_and_the_refusal_says_how_to_send_one(door: Door) -> None:
    without = door.request("POST", json=[ALERT])
    assert (without.status_code, without.headers["www-authenticate"]) == (401, 'Bearer, Basic realm="recoverops"')
    assert door.request("POST", json=[ALERT], headers={"accept": "application/json"}).status_code == 401
    assert door.post([ALERT], role=Role.VIEWER).status_code == 403
    assert door.stored() == []


def test_other_methods_are_refused(door: Door) -> None:
    answer = door.request("GET")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_limit_is_the_intakes_and_not_that_of_other_routes(door: Door) -> None:
    assert door.post([ALERT | {"annotations": {"long": "x" * 100_000}}]).status_code == 200
    assert door.post([ALERT | {"annotations": {"long": "x" * LIMIT}}]).status_code == 413


def test_refusals_are_counted_under_the_name_of_the_source(door: Door) -> None:
    door.post({"not": "a list"})
    assert b'recoverops_intake_rejected_total{source="alertmanager-api",status="400"} 1.0' in door.metrics.page()
